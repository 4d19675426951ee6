"""The rules about planned faults: what they do to the load is what was asked for, and no defect of the run."""

from collections.abc import Iterator
from typing import Final

from reporting.analyse import recovery
from reporting.text import some
from reporting.verdict.evidence import Evidence, Reason, Rule, inconclusive, note
from zk_locust.contract.faults.actions import ACTIONS, ROLLING

_MOST_NAMED: Final = 3


def windows(evidence: Evidence) -> list[tuple[float, float]]:
    """Return where the load shows planned faults, seconds since it started."""
    return recovery.windows(evidence.recoveries)


def in_window(evidence: Evidence, start_s: float, end_s: float) -> bool:
    """Whether this time overlaps one of them."""
    return any(start_s <= until_s and end_s >= from_s for from_s, until_s in windows(evidence))


def has_network_fault(evidence: Evidence) -> bool:
    """Whether a planned fault lost packets on purpose."""
    return any(ACTIONS[fault.do].of_network for fault in evidence.run.manifest.faults.done if fault.do in ACTIONS)


def failures_of_faults(evidence: Evidence) -> int:
    """Return how many operations failed in these windows, as the workers' moments tell."""
    return sum(each.failures for each in evidence.recoveries)


def _done(evidence: Evidence) -> Iterator[Reason]:
    if evidence.recoveries:
        titles = [each.title for each in evidence.recoveries]
        yield note(
            "faults",
            f"{len(titles)} planned {'fault was' if len(titles) == 1 else 'faults were'} done "
            f"({some(titles, _MOST_NAMED)}): the figures of the measured stage show them too. See the "
            "recovery from each.",
        )


def _not_done(evidence: Evidence) -> Iterator[Reason]:
    faults = evidence.run.manifest.faults
    broken = {fault.number for fault in faults.done if fault.error} | _cut_off(evidence)
    missing = sorted((set(faults.planned) - {fault.number for fault in faults.done}) | broken)
    if not missing and faults.not_done:  # of several members, some were met
        yield inconclusive(
            "faults-not-done",
            f"A planned fault was not done completely: {faults.not_done[0].rstrip('.')}. Correct the cause and run it "
            "again.",
        )
    if missing:
        why = f": {faults.not_done[0].rstrip('.')}" if faults.not_done else ""
        yield inconclusive(
            "faults-not-done",
            f"{len(missing)} of {len(faults.planned)} planned faults were not done, or not completely (fault "
            f"{some(list(map(str, missing)), _MOST_NAMED)}){why}. Correct the cause and run it again.",
        )


def _cut_off(evidence: Evidence) -> set[int]:
    """Return which planned faults go through all members, and have met only some: the controller was killed."""
    faults = evidence.run.manifest.faults
    members = set(evidence.run.manifest.groups.get("zookeeper", ()))
    rolling = {number: {fault.member for fault in faults.done if fault.number == number}
               for number, planned in faults.planned.items() if planned.do in ROLLING}  # fmt: skip
    return {number for number, met in rolling.items() if met and members - met}


def _not_healed(evidence: Evidence) -> Iterator[Reason]:
    open_ones = [fault for fault in evidence.run.manifest.faults.done if fault.state == "begun"]
    if open_ones:
        members = some(sorted({fault.member for fault in open_ones}), _MOST_NAMED)
        yield inconclusive(
            "fault-not-healed", f"A fault could not be healed at {members}. Call `fab heal`, and see the member's log."
        )


FAULT_RULES: Final[tuple[Rule, ...]] = (_not_done, _not_healed, _done)
