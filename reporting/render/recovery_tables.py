"""The faults of a run, and how the load recovered from each, as a table."""

from reporting import text
from reporting.analyse.recovery import Recovery
from reporting.render.event_lanes import took
from reporting.render.report_tables import Table
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.faults.actions import ACTIONS

_NOTE = (
    "Times are from the beginning of the fault, to within 50 ms; that of p99 to within an interval of the series. "
    "Writes, reads: when they succeeded again after the longest gap. Rate: when it was back at 95 % of that in the 5 s "
    "before. p99: when that of an interval was not above the greatest in these 5 s. Longest wait: of any operation."
)


def recoveries(judged: JudgedRun) -> Table | None:
    """What was done to whom, and what it took until the load was as before; nothing without faults."""
    faults = judged.run.manifest.faults
    if not judged.recoveries and not faults.not_done:
        return None
    head = (
        *(
            "Fault",
            "Done to",
            "At",
            "Lasted",
            "First failure",
            "New leader",
            "Writes again",
            "Reads again",
            "Rate again",
        ),
        *("p99 again", "Failures", "Longest wait", "Sessions expired"),
    )
    rows = [_row(each) for each in judged.recoveries]
    not_done = [f"Not done: {line}." for line in faults.not_done]
    return Table("Faults and recovery", head, tuple(rows), 2, note=" ".join([_NOTE, *not_done]))


def _row(each: Recovery) -> tuple[str, ...]:
    broken = f" (failed: {each.error})" if each.error else ""
    knows = each.rate_before_per_s is not None
    return (
        f"{each.number}: {each.title}{broken}",
        _done_to(each),
        text.duration(each.start_s),
        took(each.end_s - each.start_s),
        _moment(each.after_first_failure_s, "none"),
        _moment(each.after_leader_s, "none"),
        _back(each.after_write_s, each.writes),
        _back(each.after_read_s, each.reads),
        _back(each.after_rate_s, knows),
        _back(each.after_p99_s, each.p99_before_us is not None),
        text.count(each.failures),
        text.NOTHING if each.silence_s is None else took(each.silence_s),
        text.count(each.expired),
    )


def _done_to(each: Recovery) -> str:
    """Return the members, and how many packets, connections or sessions of theirs it has met."""
    unit = ACTIONS[each.do].meets if each.do in ACTIONS else ""
    met = f" ({text.count(each.met)} {unit})" if unit and each.met is not None else ""
    return ", ".join(each.members) + met


def _moment(seconds: float | None, without: str) -> str:
    return without if seconds is None else took(max(0.0, seconds))


def _back(seconds: float | None, known: bool) -> str:
    """Return when something was back: at once, after a time, or not before the next fault or the end."""
    if seconds is None:
        return "not seen" if known else text.NOTHING
    return "at once" if seconds == 0 else took(seconds)
