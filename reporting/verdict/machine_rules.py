"""The rules of the verdict that judge what the machines used. Their thresholds stand with the others, in `rules`."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from reporting import text
from reporting.analyse import host_coverage
from reporting.analyse.machines import ZOOKEEPER, MachineRow
from reporting.verdict.rules import (
    BUSY_PERCENT,
    INCONCLUSIVE,
    NOTE,
    OWN_SHARE,
    SAMPLES_SHARE,
    STEAL_PERCENT,
    STEAL_SPOILS_PERCENT,
    SWAP_GROWTH_MIB,
    Evidence,
    Reason,
    Rule,
)

MIB: Final = 1024**2
MAX_NAMES: Final = 5  # hosts that a reason lists


def _stolen(evidence: Evidence) -> Iterator[Reason]:
    kernels = evidence.machines.by_kernel
    stolen = {_name(rows): max(row.steal_mean_percent_of_machine or 0.0 for row in rows) for rows in kernels}
    much = [name for name, percent in stolen.items() if percent >= STEAL_PERCENT]
    if much:
        worst = max(much, key=lambda name: stolen[name])
        yield Reason(
            "cpu-steal",
            INCONCLUSIVE if stolen[worst] >= STEAL_SPOILS_PERCENT else NOTE,
            f"The hypervisor took at least {STEAL_PERCENT:.0f} % of the cores of {len(much)} of {len(kernels)} "
            f"{_kind(kernels)} for other guests, of {worst} {stolen[worst]:.0f} % on average: the latencies contain "
            "these waits; use machines whose cores nobody shares.",
        )


def _load_host_busy(evidence: Evidence) -> Iterator[Reason]:
    """Others disturb the load. A load host that its own workers keep busy is what `cpu-short` is for.

    On a kernel that is shared, what is not the machine's own may well be of the run.
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
        yield Reason(
            "load-host-busy",
            NOTE,
            f"{len(disturbed)} of {len(hosts)} machines of load hosts had at least {BUSY_PERCENT:.0f} % of their cores "
            f"busy on average, mostly with something else than this run: {worst.name} {_busy(worst):.0f} %, of which "
            f"the run's own processes used {own:.0f}; stop what else runs there, or use other machines.",
        )


def _member_busy(evidence: Evidence) -> Iterator[Reason]:
    """Machines that carry load as well are left out: preflight has said that load and members share them.

    So are those that share their kernel with others.
    """
    machines = evidence.machines
    alone = [row for row in machines.rows if not row.shares_kernel]
    hosts = [row for row in alone if "member" in row.roles and "workers" not in row.roles]
    busy = [row for row in hosts if _busy(row) >= BUSY_PERCENT]
    own = {row: machines.cpu_of_processes(row, ZOOKEEPER) for row in busy}
    at_limit = [row for row in busy if (used := own[row]) is not None and used >= OWN_SHARE * _busy(row)]
    for rows, meaning in (
        (at_limit, "that is the ensemble's limit on these machines; give the members more cores to raise it."),
        (
            [row for row in busy if row not in at_limit],
            "the members had to share their cores; stop what else runs there, or use other machines.",
        ),
    ):
        if not rows:
            continue
        worst = max(rows, key=_busy)
        used = own[worst]
        share = "how much of it ZooKeeper used is not known" if used is None else f"of which ZooKeeper used {used:.0f}"
        yield Reason(
            "member-busy",
            NOTE,
            f"{len(rows)} of {len(hosts)} machines of members had at least {BUSY_PERCENT:.0f} % of their cores busy on "
            f"average, {worst.name} {_busy(worst):.0f} %, {share}: {meaning}",
        )


def _swapping(evidence: Evidence) -> Iterator[Reason]:
    kernels = evidence.machines.by_kernel
    grown = {_name(rows): max((row.swap_growth_bytes or 0.0) / MIB for row in rows) for rows in kernels}
    swapping = [name for name, mib in grown.items() if mib >= SWAP_GROWTH_MIB]
    if swapping:
        worst = max(swapping, key=lambda name: grown[name])
        yield Reason(
            "swapping",
            NOTE,
            f"{len(swapping)} of {len(kernels)} {_kind(kernels)} swapped out at least {SWAP_GROWTH_MIB} MiB in the "
            f"measured stage, {worst} {grown[worst]:,.0f} MiB: what waits for memory to come back from disk is slow; "
            "lower the members' heap or the number of workers there, or add memory.",
        )


def _samples_incomplete(evidence: Evidence) -> Iterator[Reason]:
    covered = host_coverage.build(evidence.run, evidence.timeline)
    short = [host for host in covered if host.is_short(SAMPLES_SHARE)]
    if short:
        worst = min(short, key=lambda host: host.share)
        names = text.some([host.host for host in short], MAX_NAMES)
        yield Reason(
            "samples-incomplete",
            NOTE,
            f"The machine samples of {len(short)} of {len(covered)} hosts cover less than {100 * SAMPLES_SHARE:.0f} % "
            f"of the measured stage ({names}), those of {worst.host} {math.floor(worst.share * 100)} %: what is told "
            "of these machines is of that time only; see the sampler's log in logs/<host>/.",
        )


def _not_sampled(evidence: Evidence) -> Iterator[Reason]:
    by_reason: dict[str, list[str]] = {}
    for host, reason in evidence.run.manifest.not_sampled.items():
        by_reason.setdefault(" ".join(reason.split()).rstrip("."), []).append(host)
    for reason, hosts in by_reason.items():
        names = text.some(sorted(hosts, key=text.natural), MAX_NAMES)
        whose = f"{names}'s machine was" if len(hosts) == 1 else f"The machines of {names} were"
        yield Reason("not-sampled", NOTE, f"{whose} not sampled: {reason}.")


def _name(rows: Sequence[MachineRow]) -> str:
    """Names machines, which are one or the containers of one kernel."""
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
    _samples_incomplete,
    _not_sampled,
)
