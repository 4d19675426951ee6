"""Writes the report into a run folder: first under a temporary name, then in place of the previous one.

A reader never sees an incomplete file, and a failed report leaves the previous one unchanged.
"""

import json
import tempfile
from pathlib import Path
from typing import Final

from reporting.errors import ReportingError
from reporting.render import chart_list, markdown, page, pictures, report_data
from reporting.verdict.judged_run import JudgedRun

PAGE: Final = "report.html"
MARKDOWN: Final = "report.md"
DATA: Final = "report.json"
FIGURES: Final = "figures"


def write(judged: JudgedRun, *, with_figures: bool = False) -> Path:
    """Write `report.html`, `report.md` and `report.json` of a run; return the path of the page.

    `figures/` is written if asked for, or if the folder has one already. Raises ReportingError when the folder cannot
    be written.
    """
    folder = judged.run.path
    with_figures = with_figures or (folder / FIGURES).exists()
    try:
        with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as temporary:
            made = Path(temporary)
            _write_all(judged, made, with_figures)
            for name in (MARKDOWN, DATA, PAGE):
                (made / name).replace(folder / name)
            if (folder / FIGURES).exists():
                (folder / FIGURES).replace(made / "before")  # a folder cannot replace a folder that is not empty
            if with_figures:
                (made / FIGURES).replace(folder / FIGURES)
    except OSError as error:
        raise ReportingError(
            f"the report cannot be written into [{folder}] ({error.strerror}): see its owner and the free disk space"
        ) from error
    return folder / PAGE


def _write_all(judged: JudgedRun, folder: Path, with_figures: bool) -> None:
    drawn = chart_list.build(judged)
    if with_figures:
        (folder / FIGURES).mkdir()
        manifest = judged.run.manifest
        subtitle = ", ".join(part for part in (manifest.label, judged.run.run_id) if part)
        pictures.draw_all({figure.slug: figure.file_spec(subtitle) for figure in drawn}, folder / FIGURES)
    (folder / PAGE).write_text(page.render(judged, drawn, with_files=with_figures), encoding="utf-8")
    (folder / MARKDOWN).write_text(markdown.render(judged, drawn, with_files=with_figures), encoding="utf-8")
    (folder / DATA).write_text(
        json.dumps(report_data.as_json(judged), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
