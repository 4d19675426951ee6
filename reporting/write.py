"""Writes the report into a run folder: made beside it under a temporary name, then put in place.

A reader never sees half a file, and a report that fails leaves the one before as it was.
"""

import json
import tempfile
from pathlib import Path
from typing import Final

import vl_convert

from reporting import facts, figures, markdown, page, results
from reporting.errors import ReportingError
from reporting.results import Results

PAGE: Final = "report.html"
MARKDOWN: Final = "report.md"
DATA: Final = "report.json"
FIGURES: Final = "figures"
PNG_SCALE: Final = 2


def report(run_dir: Path) -> Path:
    """Write `report.html`, `report.md`, `report.json` and `figures/` of a run; returns the page's path.

    Raises InputError when `run_dir` is no run folder, ReportingError when it cannot be written.
    """
    found = results.evaluate(run_dir)
    folder = found.run.path
    try:
        with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as temporary:
            made = Path(temporary)
            _write_all(found, made)
            for name in (MARKDOWN, DATA, PAGE):
                (made / name).replace(folder / name)
            if (folder / FIGURES).exists():
                (folder / FIGURES).replace(made / "before")  # a folder cannot replace a folder that is not empty
            (made / FIGURES).replace(folder / FIGURES)
    except OSError as error:
        raise ReportingError(
            f"the report cannot be written into [{folder}] ({error.strerror}): see its owner and the free disk space"
        ) from error
    return folder / PAGE


def _write_all(found: Results, folder: Path) -> None:
    drawn = figures.build(found)
    (folder / FIGURES).mkdir()
    manifest = found.run.manifest
    subtitle = ", ".join(part for part in (manifest.label, found.run.run_id) if part)
    for figure in drawn:
        spec = figure.file_spec(subtitle)
        svg = vl_convert.vegalite_to_svg(spec)
        (folder / FIGURES / f"{figure.slug}.svg").write_text(svg, encoding="utf-8")
        (folder / FIGURES / f"{figure.slug}.png").write_bytes(vl_convert.svg_to_png(svg, scale=PNG_SCALE))
    (folder / PAGE).write_text(page.render(found, drawn), encoding="utf-8")
    (folder / MARKDOWN).write_text(markdown.render(found, drawn), encoding="utf-8")
    (folder / DATA).write_text(json.dumps(facts.as_json(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
