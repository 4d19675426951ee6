"""Writes the report into a run folder: made beside it under a temporary name, then put in place.

A reader never sees half a file, and a report that fails leaves the one before as it was.
"""

import json
import tempfile
from pathlib import Path
from typing import Final

from reporting import results
from reporting.errors import ReportingError
from reporting.render import facts, figures, markdown, page, pictures
from reporting.results import Results

PAGE: Final = "report.html"
MARKDOWN: Final = "report.md"
DATA: Final = "report.json"
FIGURES: Final = "figures"


def report(run_dir: Path, *, with_figures: bool = False) -> Path:
    """Write `report.html`, `report.md` and `report.json` of a run, and on demand `figures/`; returns the page's path.

    Raises InputError when `run_dir` is no run folder, ReportingError when it cannot be written.
    """
    return write(results.evaluate(run_dir), with_figures=with_figures)


def write(found: Results, *, with_figures: bool = False) -> Path:
    """Write the report of a run that has been read; `figures/` too where the folder has one, which would be old."""
    folder = found.run.path
    with_figures = with_figures or (folder / FIGURES).exists()
    try:
        with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as temporary:
            made = Path(temporary)
            _write_all(found, made, with_figures)
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


def _write_all(found: Results, folder: Path, with_figures: bool) -> None:
    drawn = figures.build(found)
    if with_figures:
        (folder / FIGURES).mkdir()
        manifest = found.run.manifest
        subtitle = ", ".join(part for part in (manifest.label, found.run.run_id) if part)
        pictures.draw_all({figure.slug: figure.file_spec(subtitle) for figure in drawn}, folder / FIGURES)
    (folder / PAGE).write_text(page.render(found, drawn, with_files=with_figures), encoding="utf-8")
    (folder / MARKDOWN).write_text(markdown.render(found, drawn, with_files=with_figures), encoding="utf-8")
    (folder / DATA).write_text(json.dumps(facts.as_json(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
