"""Writes the report into a run folder: first under a temporary name, then in place of the previous one.

A reader never sees an incomplete file, and a failed report leaves the previous one unchanged.
"""

import json
import logging
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from reporting.errors import ReportingError
from reporting.render import chart_list, markdown, page, pictures, printing, report_data
from reporting.render.figure_options import FigureOptions, parse_options
from reporting.verdict.judged_run import JudgedRun

PAGE: Final = "report.html"
MARKDOWN: Final = "report.md"
DATA: Final = "report.json"
PDF: Final = "report.pdf"
FIGURES: Final = "figures"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report is to have beside page, Markdown and data.

    `figures` are files of the charts, as SVG and PNG, with `figures_pdf` as PDF too; `pdf` is the printed page.
    """

    figures: bool = False
    figures_pdf: bool = False
    pdf: bool = False
    options: FigureOptions = field(default_factory=FigureOptions)


def wanted_report(
    *, figures: bool = False, figures_pdf: bool = False, pdf: bool = False, options: Iterable[Sequence[str] | str] = ()
) -> Wanted:
    """Return what a report is to have; `options` are pairs of `CHART.NAME` and value, or texts with both.

    Raises InputError for an option that cannot be used, ReportingError where a program that is needed is missing.
    """
    found = Wanted(figures, figures_pdf, pdf, parse_options(options))
    if pdf:
        printing.find_browser()
    return found


def write(judged: JudgedRun, *, with_figures: bool = False, wanted: Wanted | None = None) -> Path:
    """Write `report.html`, `report.md` and `report.json` of a run; return the path of the page.

    `figures/` and `report.pdf` are written if asked for, or if the folder has them already: none stays of an earlier
    report. Raises ReportingError when the folder cannot be written, InputError for options that fit no chart.
    """
    folder = judged.run.path
    wanted = _also_what_is_there(wanted or Wanted(figures=with_figures), folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as temporary:
            made = Path(temporary)
            _write_all(judged, made, wanted)
            for name in (MARKDOWN, DATA, PAGE):
                (made / name).replace(folder / name)
            if wanted.pdf:
                (made / PDF).replace(folder / PDF)
            else:
                (folder / PDF).unlink(missing_ok=True)
            if (folder / FIGURES).exists():
                (folder / FIGURES).replace(made / "before")  # a folder cannot replace a folder that is not empty
            if wanted.figures:
                (made / FIGURES).replace(folder / FIGURES)
    except OSError as error:
        raise ReportingError(
            f"the report cannot be written into [{folder}] ({error.strerror}): see its owner and the free disk space"
        ) from error
    return folder / PAGE


def _also_what_is_there(wanted: Wanted, folder: Path) -> Wanted:
    pdf = wanted.pdf
    if not pdf and (folder / PDF).exists():
        try:
            printing.find_browser()
            pdf = True
        except ReportingError as error:
            logger.warning("%s of the earlier report is removed: %s", PDF, error)
    return replace(
        wanted,
        figures=wanted.figures or wanted.figures_pdf or (folder / FIGURES).exists(),
        figures_pdf=wanted.figures_pdf or any((folder / FIGURES).glob("*.pdf")),
        pdf=pdf,
    )


def _write_all(judged: JudgedRun, folder: Path, wanted: Wanted) -> None:
    drawn = chart_list.build(judged)
    wanted.options.check([figure.slug for figure in drawn], in_files=wanted.figures)
    looks = {figure.slug: wanted.options.of(figure.slug) for figure in drawn}
    html = page.render(judged, drawn, with_files=wanted.figures, with_pdf=wanted.figures_pdf, looks=looks)
    if wanted.figures:
        (folder / FIGURES).mkdir()
        manifest = judged.run.manifest
        subtitle = ", ".join(part for part in (manifest.label, judged.run.run_id) if part)
        specs = {figure.slug: figure.file_spec(subtitle, looks[figure.slug]) for figure in drawn}
        pictures.draw_all(specs, folder / FIGURES, as_pdf=wanted.figures_pdf)
    (folder / PAGE).write_text(html, encoding="utf-8")
    if wanted.pdf:
        printing.print_page(printing.find_browser(), folder / PAGE, folder / PDF)
    (folder / MARKDOWN).write_text(markdown.render(judged, drawn, with_files=wanted.figures), encoding="utf-8")
    (folder / DATA).write_text(
        json.dumps(report_data.as_json(judged), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
