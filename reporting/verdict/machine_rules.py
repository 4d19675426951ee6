"""The rules about what the machines used, and about the samples that tell it."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from reporting import text
from reporting.analyse import sample_coverage
from reporting.analyse.headline import TOTAL
from reporting.analyse.machine_usage import ZOOKEEPER, MachineRow
from reporting.text import percent
from reporting.verdict.evidence import NOTE, Evidence, Reason, Rule, note
from reporting.verdict.thresholds import (
    BUSY_PERCENT,
    CLOCK_STEP_S,
    DISK_BUSY_PERCENT,
    OWN_SHARE,
    SAMPLES_SHARE,
    STEAL_PERCENT,
    STEAL_SPOILS_PERCENT,
    SWAP_GROWTH_MIB,
)
from zk_locust.contract.stage_names import MEASURED
from zk_locust.contract.verdicts import INCONCLUSIVE

MIB: Final = 1024**2
MAX_NAMES: Final = 5  # hosts that a reason lists


def _stolen(evidence: Evidence) -> Iterator[Reason]:
    kernels = evidence.machines.by_kernel
    stolen = {_name(rows): max(row.steal_mean_percent_of_machine or 0.0 for row in rows) for rows in kernels}
    much = [name for name, percent in stolen.items() if percent >= STEAL_PERCENT]
    if much:
        worst = max(much, key=lambda name: stolen[name])
        yield Reason(
            INCONCLUSIVE if stolen[worst] >= STEAL_SPOILS_PERCENT else NOTE,
            "cpu-steal",
            f"The hypervisor gave at least {STEAL_PERCENT:.0f} % of the cores of {len(much)} of {len(kernels)} "
            f"{_kind(kernels)} to other guests, of {worst} {stolen[worst]:.0f} % on average. The latencies contain "
            "these waits. Use machines with dedicated cores.",
        )


def _load_host_busy(evidence: Evidence) -> Iterator[Reason]:
    """Other processes compete with the load. `cpu-short` covers load hosts that are busy with their own workers.

    On a shared kernel CPU use cannot be attributed: the other processes may belong to the run.
    """
    machines = evidence.machines
    hosts = [row for row in machines.rows if "workers" in row.roles and not row.shares_kernel]
    disturbed = [
        (row, own)
        for row in hosts
        if _busy(row) >= BUSY_PERCENT
        and (own := machines.cpu_of_processes(row)) is not None
        and own < OWN_SHARE * _busy(row)
    ]
    if disturbed:
        worst, own = min(disturbed, key=lambda found: found[1])
        yield note(
            "load-host-busy",
            f"{len(disturbed)} of {len(hosts)} machines of load hosts had at least {BUSY_PERCENT:.0f} % of their cores "
            f"busy on average, mostly with processes outside this run: {worst.name} {_busy(worst):.0f} %, of which "
            f"the run's own processes used {own:.0f}. Stop the other processes, or use other machines.",
        )


def _member_busy(evidence: Evidence) -> Iterator[Reason]:
    """Leave out machines that run workers too, which preflight warns of, and machines that share their kernel."""
    machines = evidence.machines
    alone = [row for row in machines.rows if not row.shares_kernel]
    hosts = [row for row in alone if "member" in row.roles and "workers" not in row.roles]
    busy = [row for row in hosts if _busy(row) >= BUSY_PERCENT]
    own = {row: machines.cpu_of_processes(row, ZOOKEEPER) for row in busy}
    at_limit = [row for row in busy if (used := own[row]) is not None and used >= OWN_SHARE * _busy(row)]
    for rows, meaning in (
        (at_limit, "the members are at the limit of these machines. Give them more cores."),
        (
            [row for row in busy if row not in at_limit],
            "the members compete for CPU with other processes. Stop those, or use other machines.",
        ),
    ):
        if not rows:
            continue
        worst = max(rows, key=_busy)
        used = own[worst]
        share = "how much of it ZooKeeper used is not known" if used is None else f"of which ZooKeeper used {used:.0f}"
        yield note(
            "member-busy",
            f"{len(rows)} of {len(hosts)} machines of members had at least {BUSY_PERCENT:.0f} % of their cores busy on "
            f"average, {worst.name} {_busy(worst):.0f} %, {share}: {meaning}",
        )


def _swapping(evidence: Evidence) -> Iterator[Reason]:
    kernels = evidence.machines.by_kernel
    grown = {_name(rows): max((row.swap_growth_bytes or 0.0) / MIB for row in rows) for rows in kernels}
    swapping = [name for name, mib in grown.items() if mib >= SWAP_GROWTH_MIB]
    if swapping:
        worst = max(swapping, key=lambda name: grown[name])
        yield note(
            "swapping",
            f"{len(swapping)} of {len(kernels)} {_kind(kernels)} swapped out at least {SWAP_GROWTH_MIB} MiB in the "
            f"measured stage, {worst} {grown[worst]:,.0f} MiB. Reading memory back from disk is slow. Reduce the "
            "members' heap or the number of workers there, or add memory.",
        )


def _disk_saturated(evidence: Evidence) -> Iterator[Reason]:
    """A member that keeps its own disk busy is at its limit; other writers' load is not the ensemble's."""
    machines = evidence.machines
    members = [row for row in machines.rows if "member" in row.roles]
    for row in members:
        if (row.disk_busy_mean_percent or 0.0) < DISK_BUSY_PERCENT:
            continue
        written = row.disk_write_mean_bytes_per_s or 0.0
        own = [
            each.disk_write_mean_bytes_per_s
            for each in machines.processes
            if each.host in row.hosts and each.process == ZOOKEEPER and each.disk_write_mean_bytes_per_s is not None
        ]
        others = bool(own) and not row.shares_kernel and sum(own) < OWN_SHARE * written
        share = f", {percent(min(1.0, sum(own) / written))} of what was written by ZooKeeper" if own and written else ""
        yield Reason(
            INCONCLUSIVE if others else NOTE,
            "disk-saturated",
            f"A disk of {row.name} was busy {row.disk_busy_mean_percent:.0f} % of the time on average{share}: each "
            "write waits for it. "
            + ("Stop the other writers, or use another disk." if others else "Give the members faster disks."),
        )


def _clock_stepped(evidence: Evidence) -> Iterator[Reason]:
    """The kernel stamps replies by the wall clock, so a step of it spoils service times of the native client."""
    span = evidence.timeline.span(MEASURED)
    if span is None:
        return
    stepped: dict[str, float] = {}
    for host, clock in evidence.timeline.clocks.items():
        for step in clock.steps:
            at_s = float(evidence.timeline.at(pd.Series([step.timestamp]), host).iloc[0])
            is_in_load = 0.0 <= at_s <= evidence.timeline.end_s and abs(step.by_s) >= CLOCK_STEP_S
            if is_in_load and abs(step.by_s) > abs(stepped.get(host, 0.0)):
                stepped[host] = step.by_s
    if stepped:
        sampled = evidence.samples["host"].nunique()
        worst = max(stepped, key=lambda host: abs(stepped[host]))
        total = evidence.headline.distributions.get(TOTAL)
        stamped = total is not None and total.client_delay is not None
        spoils = stamped and any("workers" in evidence.run.manifest.roles(host) for host in stepped)
        what = "service times contain the step" if spoils else "the charts of that machine may be shifted"
        yield Reason(
            INCONCLUSIVE if spoils else NOTE,
            "clock-stepped",
            f"The wall clock of {len(stepped)} of {sampled} hosts was set during the load, of {worst} by "
            f"{stepped[worst]:+.2f} s: {what}. Let the clock settle before a run.",
        )


def _samples_incomplete(evidence: Evidence) -> Iterator[Reason]:
    covered = sample_coverage.build(evidence.run, evidence.timeline)
    short = [host for host in covered if host.is_short(SAMPLES_SHARE)]
    if short:
        worst = min(short, key=lambda host: host.share)
        names = text.some([host.host for host in short], MAX_NAMES)
        yield note(
            "samples-incomplete",
            f"The machine samples of {len(short)} of {len(covered)} hosts cover less than {100 * SAMPLES_SHARE:.0f} % "
            f"of the measured stage ({names}), those of {worst.host} {math.floor(worst.share * 100)} %. The "
            "figures of these machines cover that time only. See the sampler's log in logs/<host>/.",
        )


def _not_sampled(evidence: Evidence) -> Iterator[Reason]:
    by_reason: dict[str, list[str]] = {}
    for host, reason in evidence.run.manifest.not_sampled.items():
        by_reason.setdefault(" ".join(reason.split()).rstrip("."), []).append(host)
    for reason, hosts in by_reason.items():
        names = text.some(sorted(hosts, key=text.natural), MAX_NAMES)
        whose = f"{names}'s machine was" if len(hosts) == 1 else f"The machines of {names} were"
        yield note("not-sampled", f"{whose} not sampled: {reason}.")


def _name(rows: Sequence[MachineRow]) -> str:
    """The name of one machine, or of all containers of one kernel."""
    more = len(rows) - 1
    return rows[0].name + (f" and {more} more on one kernel" if more else "")


def _kind(kernels: Sequence[Sequence[MachineRow]]) -> str:
    return "kernels" if any(len(rows) > 1 for rows in kernels) else "machines"


def _busy(row: MachineRow) -> float:
    """Percent of all the machine's cores, on average; 0 where it is not known."""
    return row.cpu_mean_percent_of_machine or 0.0


MACHINE_RULES: Final[tuple[Rule, ...]] = (
    _stolen,
    _load_host_busy,
    _member_busy,
    _swapping,
    _disk_saturated,
    _clock_stepped,
    _samples_incomplete,
    _not_sampled,
)
