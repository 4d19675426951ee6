"""The faults of a run, and how the load recovered from each, as tables."""

from collections.abc import Sequence

from reporting import text
from reporting.analyse.recovery import Recovery
from reporting.render.event_lanes import took
from reporting.render.report_tables import Table
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.faults.actions import ACTIONS

_NOTE = (
    "Times are from the beginning of the fault, to within 50 ms; that of p99 to within an interval of the series. "
    "Writes, reads: when they succeeded again after the longest gap. Rate: when it was back at 95 % of that in the 5 s "
    "before. p99: when that of an interval was not above the greatest in these 5 s."
)
_ROLLING_NOTE = (
    "Of a rolling restart or upgrade, times are from the stop of the first member. Writes and reads then have the "
    "length of the longest gap, and when it was over."
)
_COST_NOTE = (
    "Longest wait: of any operation. Longest silence: of any session, from when it asked until it was answered, also "
    "over operations that failed. Moved: sessions that went on at another member. Lost: those that another session "
    "replaced. Expired: those that members gave up, by their logs."
)
_HEAD = (
    *("Fault", "Done to", "At", "Lasted", "First failure", "New leader", "Writes again", "Reads again", "Rate again"),
    "p99 again",
)
_COST_HEAD = ("Failed", "Censored", "Longest wait", "Longest silence", "Moved", "Lost", "Expired")


def recoveries(judged: JudgedRun) -> Table | None:
    """What was done to whom, and what it took until the load was as before; nothing without faults."""
    faults = judged.run.manifest.faults
    if not judged.recoveries and not faults.not_done:
        return None
    members = judged.run.manifest.groups.get("zookeeper", ())
    rows = [_row(each, faults.left_out(each.number, members)) for each in judged.recoveries]
    rolling = [_ROLLING_NOTE] if any(each.rolling for each in judged.recoveries) else []
    not_done = [f"Not done: {line}." for line in faults.not_done]
    return Table("Faults and recovery", _HEAD, tuple(rows), 2, note=" ".join([_NOTE, *rolling, *not_done]))


def costs(judged: JudgedRun) -> Table | None:
    """What each fault cost the operations and the sessions of the load; nothing without faults."""
    if not judged.recoveries:
        return None
    manifest = judged.run.manifest
    objective = manifest.latency_objective
    head = ("Fault", *_COST_HEAD[:2], *([f"Above {objective}"] if objective else []), *_COST_HEAD[2:])
    rows = []
    for each in judged.recoveries:
        above = [text.count(each.above)] if objective else []
        sessions = (text.count(number) for number in (each.moved, each.lost, each.expired))
        operations = (text.count(each.failures), text.count(each.censored), *above, _wait(each.silence_s))
        rows.append((f"{each.number}: {each.title}", *operations, silence(each), *sessions))
    client = f"Client: {manifest.client}. " if manifest.client else ""
    over = "Above: slower than the objective, beyond as many as before the fault. " if objective else ""
    return Table("What the faults cost", head, tuple(rows), 1, note=f"{client}{over}{_COST_NOTE}")


def silence(each: Recovery) -> str:
    """The longest silence of a session in words."""
    if each.session_silence_s is None:
        return text.NOTHING
    if not each.session_answered:
        return f"over {seconds(each.session_silence_s)}"
    return seconds(each.session_silence_s) if each.session_silence_s else "under 100 ms"


def seconds(value_s: float) -> str:
    """A time that is known to within 50 ms: 640 ms, 1.25 s, 12.3 s."""
    return took(value_s) if value_s < 0.9995 else f"{value_s:.2f} s" if value_s < 9.995 else f"{value_s:,.1f} s"


def _row(each: Recovery, left_out: Sequence[str]) -> tuple[str, ...]:
    broken = f" (failed: {each.error})" if each.error else ""
    knows = each.rate_before_per_s is not None
    return (
        f"{each.number}: {each.title}{broken}",
        _done_to(each) + (f", not {', '.join(left_out)}" if left_out else ""),
        text.duration(each.start_s),
        seconds(each.end_s - each.start_s),
        _moment(each.after_first_failure_s, "not known" if each.failures else "none"),
        _moment(each.after_leader_s, "none"),
        _again(each, each.write_gap_s, each.after_write_s, each.writes),
        _again(each, each.read_gap_s, each.after_read_s, each.reads),
        _back(each.after_rate_s, knows),
        _back(each.after_p99_s, each.p99_before_us is not None),
    )


def _done_to(each: Recovery) -> str:
    """Return the members, and how many packets, connections or sessions of theirs it has met."""
    unit = ACTIONS[each.do].meets if each.do in ACTIONS else ""
    met = f" ({text.count(each.met)} {unit})" if unit and each.met is not None else ""
    return ", ".join(each.members) + met


def _wait(waited_s: float | None) -> str:
    return text.NOTHING if waited_s is None else seconds(waited_s)


def _moment(after_s: float | None, without: str) -> str:
    return without if after_s is None else seconds(max(0.0, after_s))


def _again(each: Recovery, gap_s: float | None, after_s: float | None, known: bool) -> str:
    """Return when operations of a kind succeeded again; after a rolling operation, how long they had not."""
    if not each.rolling or not gap_s:
        return _back(after_s, known)
    return f"over {seconds(gap_s)}, not seen" if after_s is None else f"{seconds(gap_s)}, until {seconds(after_s)}"


def _back(after_s: float | None, known: bool) -> str:
    """Return when something was back: at once, after a time, or not before the next fault or the end."""
    if after_s is None:
        return "not seen" if known else text.NOTHING
    return "at once" if after_s == 0 else seconds(after_s)
