"""What an experiment with one arm beside itself found: how small a difference a fleet can resolve."""

from reporting import text
from reporting.analyse.comparison import CHANGED, resolution
from reporting.analyse.paired_figures import FigureAnswer, PairedFigures
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render.found import PASSED, Check, Found, Tile
from reporting.render.paired_report import as_json, typical
from reporting.render.report_tables import Table
from zk_locust.contract.experiment import ALL


def build(_experiment: ExperimentFolder, found: PairedFigures) -> Found:
    """Say what the pairs resolve."""
    notes = [f"There is no figure for {each.title}: {each.why}." for each in found.missing]
    changed = [each.title for each in found.answers if each.decision.word == CHANGED]
    if changed:
        notes.append(
            f"{', '.join(changed)} changed although the arms are equal, which occurs by chance in one experiment of "
            "20. If it occurs again, something else differs between the runs of a pair."
        )
    return Found(
        answer=_sentence(found),
        tiles=tuple(
            Tile(
                each.title,
                _resolves(each),
                "",
                f"{each.comparison.pairs} pairs" + (f"; {each.doubt}" if each.doubt else ""),
            )
            for each in found.answers
            if each.operation == ALL
        ),
        of_tiles="All operations: a true difference of this size is found with a probability of 80 %.",
        notes=tuple(notes),
        tables=(_table(found),) if found.answers else (),
        checks=tuple(Check(each.title, PASSED, f"resolves {_qualified(each)}") for each in found.answers),
        data={"figures": [as_json(each) for each in found.answers]},
    )


def _sentence(found: PairedFigures) -> str:
    if not found.answers:
        return "There are too few runs for an answer."
    overall = [each for each in found.answers if each.operation == ALL]
    words = ", ".join(f"{each.title} {_qualified(each)}" for each in overall)
    pairs = min(each.comparison.pairs for each in overall)
    return f"{pairs} pairs of runs of this fleet resolve a difference of: {words}."


def _resolves(each: FigureAnswer) -> str:
    return text.percent(resolution(each.values))


def _qualified(each: FigureAnswer) -> str:
    return f"{_resolves(each)} ({each.doubt})" if each.doubt else _resolves(each)


def _table(found: PairedFigures) -> Table:
    rows = []
    for each in found.answers:
        number = each.comparison
        mean = typical([value for pair in each.values for value in pair], each.figure)
        interval = f"{number.low:.3f} to {number.high:.3f}"
        rows.append((each.operation, each.figure, each.verdict, mean, _resolves(each), interval, str(number.pairs)))
    head = ("operation", "figure", "verdict", "mean", "resolves", "ratio, 95 % interval", "pairs")
    note = (
        "Geometric means of all runs; latencies in ms. Resolves: as many pairs find a true difference of this size "
        "with a probability of 80 %, if one figure is compared. The interval is that of the second arm by the first."
    )
    return Table("What this fleet resolves", head, tuple(rows), 3, note=note)
