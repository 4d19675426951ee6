"""The rules of the verdict: each is a function from the evidence to reasons.

`void` says that there is no result; `inconclusive` that there is one, but something else than the ensemble may have
made it; a `note` changes nothing. The rules about machines are in `machine_rules`, the thresholds of all here. Both are
explained to users in `docs/results.md`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from locust_extra.columns import MEASURED
from reporting.analyse import headline as headlines
from reporting.analyse.headline import Headline
from reporting.analyse.machines import Machines
from reporting.analyse.timeline import Timeline
from reporting.analyse.workers import Workers
from reporting.read.run_folder import RunFolder
from reporting.text import some
from zk_locust.contract.events import FALSE_MASTER_REFUSED, STRANGER_REFUSED

INCONCLUSIVE: Final = "inconclusive"
VOID: Final = "void"
NOTE: Final = "note"

# --- thresholds: the only place where they stand ---
# Failures are in no latency, so 0.1 % of them could be all that p99.9, the last percentile of the table, would show.
MAX_FAILURE_SHARE: Final = 0.001
# One operation among several may be rare: more is allowed before it spoils the run.
MAX_OPERATION_FAILURE_SHARE: Final = 0.01
# Shorter than this share of what was asked for, the measured stage was cut short.
MIN_MEASURED_SHARE: Final = 0.95
# A worker that is running or waiting for a core this much of an interval has no room left to send in time.
CPU_SHORT_PERCENT: Final = 90.0
# This share of a worker's measured intervals, and at least so many of them, may not be short of CPU.
CPU_SHORT_SHARE: Final = 0.10
CPU_SHORT_INTERVALS: Final = 2
# A worker that waits for a core this much on the average adds that to the latencies it measures.
CPU_WAIT_PERCENT: Final = 10.0
# Waiting this much, what it measures is its own wait as much as the ensemble.
CPU_WAIT_SPOILS_PERCENT: Final = 25.0
# A hypervisor that takes this much of a machine's cores for other guests is worth knowing of.
STEAL_PERCENT: Final = 2.0
# Taking this much, it stops whoever is measured, or measures, every tenth moment.
STEAL_SPOILS_PERCENT: Final = 10.0
# With this much of all its cores busy on average, a machine has no core to spare when one is wanted.
BUSY_PERCENT: Final = 90.0
# Below this share of what is busy, a machine works mostly for somebody else.
OWN_SHARE: Final = 0.5
# Less swapped out than this in the measured stage is the kernel's housekeeping.
SWAP_GROWTH_MIB: Final = 16
# Where the samples of a machine cover less than this share of the measured stage, its figures are of another time.
SAMPLES_SHARE: Final = 0.90
# Below this number of operations beyond it, p99.9 is an anecdote.
MIN_OPERATIONS_BEYOND_P999: Final = 10


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that a rule found: a sentence with the numbers, and what to do about it."""

    rule: str
    severity: str  # void, inconclusive or note
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules judge."""

    run: RunFolder
    timeline: Timeline
    headline: Headline
    workers: Workers
    machines: Machines


Rule = Callable[[Evidence], Iterator[Reason]]


def _no_result(evidence: Evidence) -> Iterator[Reason]:
    """No successful operation in the measured stage: says how far the run came."""
    if evidence.headline.total.operations > 0:
        return
    manifest = evidence.run.manifest
    says = f" The run says: {manifest.reason.rstrip('.')}." if manifest.reason else ""
    failures = evidence.headline.total.failures
    if failures:
        errors = evidence.headline.errors
        most = f", most often {max(errors, key=lambda name: errors[name])}" if errors else ""
        yield Reason(
            "no-operation",
            VOID,
            f"No operation succeeded in the measured stage and {failures:,} failed{most}: look at the members' logs in "
            "logs/ and at the connect string.",
        )
    elif evidence.timeline.spans and not evidence.timeline.span(MEASURED):
        stages = " and ".join(span.stage for span in evidence.timeline.spans)
        yield Reason(
            "ended-before-measured",
            VOID,
            f"The run ended before its measured stage began; only {stages} was recorded. Run it again.{says}",
        )
    elif evidence.timeline.spans:
        yield Reason(
            "no-operation",
            VOID,
            f"The measured stage lasted {evidence.timeline.measured_s:.1f} s and not one operation ended in "
            f"it: look at the workers' logs in logs/, and whether the ensemble answers.{says}",
        )
    elif manifest.phases and manifest.phase("run") is None:
        # collect and report come after a failure, too, and say nothing about where it was
        before = [phase.name for phase in manifest.phases if phase.name not in ("collect", "report")]
        where = f"in the phase {before[-1]}" if before else "before its load"
        yield Reason(
            "not-started",
            VOID,
            f"No load was driven: the run stopped {where}. "
            f"Mend what its message names, see logs/, and run it again.{says}",
        )
    else:
        yield Reason(
            "no-figures",
            VOID,
            f"There is no figure of the load: look at the master's and workers' logs in logs/.{says}",
        )


def _all_workers_lost(evidence: Evidence) -> Iterator[Reason]:
    found = evidence.workers
    lost = {loss.worker for loss in found.losses if not loss.after_measured}
    if lost and lost >= set(found.seen):
        yield Reason(
            "all-workers-lost",
            VOID,
            f"All {len(lost)} workers were lost: look at their logs in logs/ and at the load hosts' memory.",
        )


def _cut_short(evidence: Evidence) -> Iterator[Reason]:
    asked_s = evidence.run.manifest.run_time_s
    measured_s = evidence.timeline.measured_s
    if asked_s and measured_s < MIN_MEASURED_SHARE * asked_s:
        yield Reason(
            "cut-short",
            INCONCLUSIVE,
            f"The measured stage lasted {measured_s:.1f} s of the {asked_s:g} s asked for: run it again to its end.",
        )


def _did_not_end_as_planned(evidence: Evidence) -> Iterator[Reason]:
    manifest = evidence.run.manifest
    if manifest.state in ("failed", "interrupted"):
        what = "failed" if manifest.state == "failed" else "was interrupted"
        because = f": {manifest.reason.rstrip('.')}" if manifest.reason else ""
        yield Reason(
            f"run-{manifest.state}", INCONCLUSIVE, f"The run {what}{because}. Mend what it names and run it again."
        )


def _failures(evidence: Evidence) -> Iterator[Reason]:
    total = evidence.headline.total
    if not total.failures:
        return
    errors = evidence.headline.errors
    named = sorted(errors, key=lambda name: -errors[name])[:3]
    most = f" ({', '.join(f'{name}: {errors[name]:,}' for name in named)})" if named else ""
    tried = total.operations + total.failures
    text = f"{total.failures:,} of {tried:,} operations failed{most}, {percent(total.failure_share)}"
    if total.failure_share > MAX_FAILURE_SHARE:
        yield Reason(
            "failures",
            INCONCLUSIVE,
            f"{text}, where {percent(MAX_FAILURE_SHARE)} is the limit: failed operations are in no latency, so the "
            "percentiles look better than what a user saw; look at the errors and at the members' logs.",
        )
    else:
        yield Reason("failures", NOTE, f"{text}; the limit is {percent(MAX_FAILURE_SHARE)}.")
    for row in evidence.headline.rows:
        if total.failure_share <= MAX_FAILURE_SHARE and row.failure_share > MAX_OPERATION_FAILURE_SHARE:
            yield Reason(
                "operation-failures",
                INCONCLUSIVE,
                f"{row.failures:,} of {row.operations + row.failures:,} operations {row.operation} failed, "
                f"{percent(row.failure_share)}, where {percent(MAX_OPERATION_FAILURE_SHARE)} is the limit for one "
                "operation: look at the errors and at the members' logs.",
            )


def _workers_lost(evidence: Evidence) -> Iterator[Reason]:
    found = evidence.workers
    lost = [loss for loss in found.losses if not loss.after_measured]
    if lost:
        names = [loss.worker + (f" at {loss.at_s:.0f} s" if loss.at_s == loss.at_s else "") for loss in lost]
        of = f" of {len(found.seen)}" if found.seen else ""
        yield Reason(
            "worker-lost",
            INCONCLUSIVE,
            f"{len(lost)}{of} workers lost ({some(names, 4)}), so the load was less than asked for: "
            "look at their logs in logs/ and run it again.",
        )
    elif found.expected is not None and 0 < len(found.seen) < found.expected:
        yield Reason(
            "workers-missing",
            INCONCLUSIVE,
            f"{len(found.seen)} workers delivered figures where {found.expected} were expected, so the load was less "
            "than asked for: look at the logs of the load hosts in logs/.",
        )
    for loss in found.losses:
        if loss.after_measured:
            yield Reason("worker-lost", NOTE, f"Worker {loss.worker} was lost after the measured stage had ended.")


def _strangers(evidence: Evidence) -> Iterator[Reason]:
    events = evidence.run.events
    strangers = sorted({str(subject) for subject in events[events["event"] == STRANGER_REFUSED]["subject"]})
    if strangers:
        yield Reason(
            "stranger-refused",
            NOTE,
            f"Something at {some(strangers, 4)} tried to join the master without this run's token and was refused: it "
            "got no message and no share of the load. Find out what it is, or let a firewall keep it from the master's "
            "port.",
        )
    deceived = sorted({str(subject) for subject in events[events["event"] == FALSE_MASTER_REFUSED]["subject"]})
    if deceived:
        yield Reason(
            "false-master-refused",
            INCONCLUSIVE,
            f"Something without this run's token answered {some(deceived, 4)} in place of the master. It was not "
            "obeyed, but what answers at the master's address may answer at a member's too: find out what it is, and "
            "run again.",
        )


def _cpu_short(evidence: Evidence) -> Iterator[Reason]:
    short = [
        cpu
        for cpu in evidence.workers.cpu
        if cpu.runnable_percent >= CPU_SHORT_PERCENT
        or (cpu.short_intervals >= CPU_SHORT_INTERVALS and cpu.short_intervals >= CPU_SHORT_SHARE * cpu.intervals)
    ]
    if short:
        worst = max(short, key=lambda cpu: (cpu.short_intervals / cpu.intervals, cpu.runnable_percent))
        yield Reason(
            "cpu-short",
            INCONCLUSIVE,
            f"{len(short)} of {len(evidence.workers.cpu)} workers were short of CPU: {worst.worker} wanted a core "
            f"{worst.runnable_percent:.0f} % of the time on average (waiting for one {worst.waiting_percent:.0f} %), "
            f"and at least {CPU_SHORT_PERCENT:.0f} % in {worst.short_intervals} of {worst.intervals} intervals. The "
            "load generator may be what was measured: add load hosts, start no more workers than cores, or lower the "
            "users.",
        )
        return
    waiting = [cpu for cpu in evidence.workers.cpu if cpu.waiting_percent >= CPU_WAIT_PERCENT]
    if waiting:
        worst = max(waiting, key=lambda cpu: cpu.waiting_percent)
        yield Reason(
            "cpu-wait",
            INCONCLUSIVE if worst.waiting_percent >= CPU_WAIT_SPOILS_PERCENT else NOTE,
            f"{len(waiting)} of {len(evidence.workers.cpu)} workers waited for a core at least "
            f"{CPU_WAIT_PERCENT:.0f} % of the time, {worst.worker} {worst.waiting_percent:.0f} % on average: the "
            "latencies contain these waits; give the load hosts more cores or fewer other processes.",
        )
    if not evidence.workers.cpu:
        yield Reason(
            "cpu-unknown", NOTE, "The workers' CPU was not recorded, so whether they were short of it is not known."
        )


def _figures_incomplete(evidence: Evidence) -> Iterator[Reason]:
    lost = [problem for problem in evidence.run.problems if problem.lost_figures]
    if lost:
        more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        yield Reason(
            "figures-incomplete",
            INCONCLUSIVE,
            f"Figures of the load are missing or unreadable: {lost[0]}{more}. What is shown is what could be read.",
        )
    counted = headlines.stats_totals(evidence.run)
    total = evidence.headline.total
    if not lost and counted is not None and counted != (total.operations, total.failures):
        yield Reason(
            "figures-disagree",
            INCONCLUSIVE,
            f"locust-stats.csv counts {counted[0]:,} operations and {counted[1]:,} failures where the distributions "
            f"hold {total.operations:,} and {total.failures:,}: figures of a worker were lost; run it again.",
        )


def _overflows(evidence: Evidence) -> Iterator[Reason]:
    overflows = evidence.headline.total.overflows
    if overflows:
        yield Reason(
            "overflows",
            INCONCLUSIVE,
            f"{overflows:,} operations took longer than one hour; they are counted, but in no percentile: "
            "set a time limit on operations.",
        )


def _members_unreachable(evidence: Evidence) -> Iterator[Reason]:
    metrics, span = evidence.run.metrics, evidence.timeline.span(MEASURED)
    if not len(metrics) or span is None:
        return
    at_s = metrics["elapsed_s"] + evidence.timeline.metrics_offset_s
    within = (at_s >= span.start_s) & (at_s <= span.end_s)
    missed = {
        str(member): (int((polls["reachable"] == 0).sum()), len(polls))
        for member, polls in metrics[within].groupby("member")
    }
    away = [f"{member} ({count} of {all_} polls)" for member, (count, all_) in missed.items() if count]
    if away:
        yield Reason(
            "member-unreachable",
            NOTE,
            f"{len(away)} of {len(missed)} members left polls of their metrics unanswered in the measured stage: "
            f"{some(away, 5)}. Their charts have gaps there; see their logs in logs/.",
        )


def _stalls(evidence: Evidence) -> Iterator[Reason]:
    measured = [interval for interval in evidence.timeline.intervals if interval.stage == MEASURED]
    busy = {
        line.interval for line in evidence.run.distributions if line.stage == MEASURED and line.distribution.requests
    }
    still = [interval for interval in measured if interval.number not in busy]
    if still and evidence.headline.from_distributions:
        yield Reason(
            "stalls",
            NOTE,
            f"No operation succeeded in {len(still)} of {len(measured)} measured intervals, from "
            f"{still[0].start_s:.0f} s on: see in the charts what the members did then, and in their logs in logs/.",
        )


def _few_operations(evidence: Evidence) -> Iterator[Reason]:
    operations = evidence.headline.total.operations
    if operations / 1000 < MIN_OPERATIONS_BEYOND_P999:
        yield Reason(
            "few-operations",
            NOTE,
            f"With {operations:,} operations {operations // 1000 or 'none'} lie beyond p99.9, so it rests on chance: "
            "run longer before you compare it.",
        )


def _preflight_warnings(evidence: Evidence) -> Iterator[Reason]:
    for warning in evidence.run.manifest.warnings:
        yield Reason("preflight-warning", NOTE, f"Known beforehand: {warning}.")


def _files_missing(evidence: Evidence) -> Iterator[Reason]:
    for line in evidence.run.manifest.missing:
        yield Reason("files-missing", NOTE, f"Not all came home: {line}.")


def percent(share: float) -> str:
    """A share (0 to 1) as percent, with as many digits as it takes to be above zero."""
    value = share * 100
    return f"{value:.2g} %" if value < 1 else f"{value:.1f} %"


VOID_RULES: Final[tuple[Rule, ...]] = (_no_result, _all_workers_lost)
OTHER_RULES: Final[tuple[Rule, ...]] = (
    _did_not_end_as_planned,
    _cut_short,
    _failures,
    _workers_lost,
    _strangers,
    _cpu_short,
    _figures_incomplete,
    _overflows,
    _members_unreachable,
    _stalls,
    _few_operations,
    _preflight_warnings,
    _files_missing,
)
