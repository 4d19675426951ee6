"""The rules about the load generator: workers and users that are missing or late, and workers that are short of CPU."""

from collections.abc import Iterator
from typing import Final

from reporting.analyse.clocks import is_recorded, without_arrivals
from reporting.analyse.headline import TOTAL
from reporting.analyse.load_side import knows_arrivals
from reporting.text import natural, some
from reporting.verdict.evidence import NOTE, Evidence, Reason, Rule, inconclusive, note
from reporting.verdict.thresholds import (
    CPU_SHORT_INTERVALS,
    CPU_SHORT_PERCENT,
    CPU_SHORT_SHARE,
    CPU_WAIT_PERCENT,
    CPU_WAIT_SPOILS_PERCENT,
    SHORT_INTERVALS_SHARE,
)
from zk_locust.contract.events import CONTROL_FAILED, DISPATCH_FAILED, OPERATIONS_UNREPORTED
from zk_locust.contract.unreported import number_in
from zk_locust.contract.verdicts import INCONCLUSIVE


def _workers_lost(evidence: Evidence) -> Iterator[Reason]:
    found = evidence.workers
    lost = [loss for loss in found.losses if not loss.after_measured]
    if lost:
        names = [loss.worker + (f" at {loss.at_s:.0f} s" if loss.at_s == loss.at_s else "") for loss in lost]
        of = f" of {len(found.seen)}" if found.seen else ""
        yield inconclusive(
            "worker-lost",
            f"{len(lost)}{of} workers were lost ({some(names, 4)}), so the load was lower than planned. See their logs "
            "in logs/, and run it again.",
        )
    for loss in found.losses:
        if loss.after_measured:
            yield note("worker-lost", f"Worker {loss.worker} was lost after the end of the measured stage.")


def _operations_unreported(evidence: Evidence) -> Iterator[Reason]:
    """What lost workers had sent and not reported is in no figure."""
    events = evidence.run.events
    events = events[events["event"] == OPERATIONS_UNREPORTED]
    numbers = [
        (str(name), number_in(str(detail))) for name, detail in zip(events["subject"], events["detail"], strict=True)
    ]
    numbers.sort(key=lambda told: natural(told[0]))
    known = [(name, number) for name, number in numbers if number is not None]
    unknown = [name for name, number in numbers if number is None]
    told = [f"{sum(number for _, number in known):,} operations ({some([n for n, _ in known], 4)})"] if known else []
    told += [f"an unknown number of operations ({some(unknown, 4)})"] if unknown else []
    if told:
        yield note(
            "operations-unreported",
            f"Lost workers had sent {' and '.join(told)} and not reported them: they are in no figure. The last one of "
            "each worker may not have reached the server.",
        )


def _workers_missing(evidence: Evidence) -> Iterator[Reason]:
    """Workers that were planned and never delivered; those that were lost are told already."""
    plan = evidence.run.manifest.plan
    seen = set(evidence.workers.seen)
    known = len(seen | {loss.worker for loss in evidence.workers.losses})
    if plan.expected_workers is None or not seen or known >= plan.expected_workers:
        return
    away = [host for host in plan.workers if not any(name.partition("/")[0] == host for name in seen)]
    named_by_host = len(away) < len(plan.workers)
    of = f", none of {some(sorted(away, key=natural), 4)}" if named_by_host and away else ""
    yield inconclusive(
        "workers-missing",
        f"{len(seen)} of {plan.expected_workers} planned workers delivered figures{of}, so the load was lower than "
        "planned. See the logs of the load hosts in logs/.",
    )


def _workers_late(evidence: Evidence) -> Iterator[Reason]:
    """Workers that joined after the measured stage had begun."""
    workers = evidence.workers
    late = {name: first for name, first in workers.first_intervals.items() if _is_much(first, workers.intervals)}
    if late:
        latest = max(late, key=lambda name: late[name])
        yield inconclusive(
            "worker-late",
            f"{len(late)} of {len(workers.seen)} workers delivered figures only after the measured stage had begun, "
            f"{latest} from its interval {late[latest] + 1} of {workers.intervals} on, so the load was lower than "
            "planned. See their logs in logs/, or use a longer warm-up.",
        )


def _users_missing(evidence: Evidence) -> Iterator[Reason]:
    frame = evidence.users.frame.dropna(subset=["least"])
    if not len(frame):
        return
    short = frame[frame["users"] < frame["least"]]
    most, planned = int(frame["users"].max()), int(frame["line"].max())
    many = f"{planned:,} planned users"
    if evidence.users.changed_by:
        if _is_much(len(short), len(frame)):
            worst = short.iloc[int((short["least"] - short["users"]).to_numpy().argmax())]
            yield inconclusive(
                "users-missing",
                f"In {len(short)} of {len(frame)} measured intervals fewer users were running than the stages of users "
                f"planned: {worst['users']:,.0f} instead of {worst['line']:,.0f} at {worst['time_s']:.0f} s. See the "
                "workers' logs in logs/.",
            )
    elif most < planned:
        yield inconclusive(
            "users-missing",
            f"At most {most:,} of {many} were running in the measured stage. See the workers' logs in logs/, and check "
            "that the warm-up is long enough to start all users.",
        )
    elif _is_much(len(short), len(frame)):
        yield inconclusive(
            "users-missing",
            f"In {len(short)} of {len(frame)} measured intervals fewer than the {many} were running, "
            f"{int(frame['users'].min()):,} at least. See the workers' logs in logs/, and check that the warm-up is "
            "long enough to start all users.",
        )


def _users_vary(evidence: Evidence) -> Iterator[Reason]:
    """Figures of a load that changes as planned are averages over several loads."""
    users = evidence.users
    if users.changed_by and users.vary:
        low, high = int(users.frame["users"].min()), int(users.frame["users"].max())
        yield note(
            "users-vary",
            f"{users.changed_by.capitalize()} changed the number of users in the measured stage, from {low:,} to "
            f"{high:,}: rate and percentiles are those of all these loads together. See the charts over time.",
        )


def _control_failed(evidence: Evidence) -> Iterator[Reason]:
    events = evidence.run.events
    details = events.loc[events["event"] == CONTROL_FAILED, "detail"]
    if len(details):
        yield inconclusive(
            "control-failed",
            f"The control program or function ended with an error ({details.iloc[0]}), and the number of users stayed "
            "as it was then. See the master's log in logs/.",
        )


def _dispatch_failed(evidence: Evidence) -> Iterator[Reason]:
    events = evidence.run.events
    failed = events.loc[events["event"] == DISPATCH_FAILED]
    if len(failed):
        first = failed.iloc[0]
        times = "once" if len(failed) == 1 else f"{len(failed)} times, first"
        yield inconclusive(
            "dispatch-failed",
            f"The dispatcher has failed {times}: {first['subject']}, {first['detail']}. See the master's log in logs/.",
        )


def _is_much(intervals: int, of: int) -> bool:
    return intervals > max(1.0, SHORT_INTERVALS_SHARE * of)


def _own_delay_unknown(evidence: Evidence) -> Iterator[Reason]:
    """Workers that leave out their own delay; those of older versions did not know it."""
    unmeasured, seen = evidence.load_side.unmeasured, evidence.workers.seen
    if unmeasured and is_recorded(evidence.run):
        yield note(
            "own-delay-unknown",
            f"{len(unmeasured)} of {len(seen)} workers did not measure their own delay ({some(unmeasured, 4)}), so how "
            "much they added to the figures is not known. See their logs in logs/.",
        )


def _arrivals_unknown(evidence: Evidence) -> Iterator[Reason]:
    """Workers whose service times contain the client delay, though their client would know arrivals."""
    lacking = without_arrivals(evidence.run)
    if lacking:
        name, why = next(iter(lacking.items()))
        of = max(len(lacking), len(evidence.workers.seen))
        yield note(
            "no-arrival-times",
            f"The kernel gives no arrival times of replies to {len(lacking)} of {of} workers ({some([*lacking], 4)}), "
            f"so their service times end when the worker handles the reply. {name} said: {why.rstrip('.')}. Use load "
            "hosts whose Linux kernel allows SO_TIMESTAMPNS.",
        )


def _cpu_short(evidence: Evidence) -> Iterator[Reason]:
    workers = evidence.workers.cpu
    if not workers:
        yield note("cpu-unknown", "The workers' CPU was not recorded, so whether they were short of it is not known.")
    short = [
        cpu
        for cpu in workers
        if cpu.runnable_percent >= CPU_SHORT_PERCENT
        or (cpu.short_intervals >= CPU_SHORT_INTERVALS and cpu.short_intervals >= CPU_SHORT_SHARE * cpu.intervals)
    ]
    waiting = [cpu for cpu in workers if cpu.waiting_percent >= CPU_WAIT_PERCENT]
    if short:
        worst = max(short, key=lambda cpu: (cpu.short_intervals / cpu.intervals, cpu.runnable_percent))
        yield inconclusive(
            "cpu-short",
            f"{len(short)} of {len(workers)} workers were short of CPU: {worst.worker} wanted a core "
            f"{worst.runnable_percent:.0f} % of the time on average (waiting for one {worst.waiting_percent:.0f} %), "
            f"and at least {CPU_SHORT_PERCENT:.0f} % in {worst.short_intervals} of {worst.intervals} intervals. The "
            "load generator may have limited the result: add load hosts, start no more workers than cores, or reduce "
            "the users.",
        )
    elif waiting:
        worst = max(waiting, key=lambda cpu: cpu.waiting_percent)
        yield Reason(
            INCONCLUSIVE if worst.waiting_percent >= CPU_WAIT_SPOILS_PERCENT else NOTE,
            "cpu-wait",
            f"{len(waiting)} of {len(workers)} workers waited for a core at least {CPU_WAIT_PERCENT:.0f} % of the time"
            f", {worst.worker} {worst.waiting_percent:.0f} % on average. {_what_waits_change(evidence)} Give the load "
            "hosts more cores, or run fewer other processes there.",
        )


def _what_waits_change(evidence: Evidence) -> str:
    """Say what a worker's waits for a core do to the latencies; see the table of `load_side`."""
    total = evidence.headline.distributions.get(TOTAL)
    if total is None or not knows_arrivals(total):
        return "The latencies contain these waits."
    if total.response is not None:
        return (
            "Response times contain the waits before an operation was sent; service times contain only those that "
            "began as it was sent, because they end as replies arrive."
        )
    return (
        "Service times contain none of these waits, except those that began as an operation was sent, because they end "
        "as replies arrive; operations were sent later."
    )


WORKER_RULES: Final[tuple[Rule, ...]] = (
    _workers_lost,
    _operations_unreported,
    _workers_missing,
    _workers_late,
    _users_missing,
    _users_vary,
    _control_failed,
    _dispatch_failed,
    _own_delay_unknown,
    _arrivals_unknown,
    _cpu_short,
)
