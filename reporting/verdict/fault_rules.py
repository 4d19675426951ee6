"""The rules about faults: what they do to the load is what was asked for, and no defect of the run."""

from collections.abc import Iterable, Iterator
from typing import Final

from reporting.analyse import recovery
from reporting.text import some
from reporting.verdict.evidence import Evidence, Reason, Rule, inconclusive, note
from zk_locust.contract.faults.actions import ACTIONS

_MOST_NAMED: Final = 3


def windows(evidence: Evidence) -> list[tuple[float, float]]:
    """Return where the load shows planned faults, seconds since it started."""
    return recovery.windows(evidence.recoveries)


def in_window(evidence: Evidence, start_s: float, end_s: float) -> bool:
    """Whether this time overlaps one of them."""
    return overlaps(windows(evidence), start_s, end_s)


def overlaps(spans: Iterable[tuple[float, float]], start_s: float, end_s: float) -> bool:
    """Whether this time overlaps one of the spans."""
    return any(start_s <= until_s and end_s >= from_s for from_s, until_s in spans)


def has_network_fault(evidence: Evidence) -> bool:
    """Whether a planned fault lost packets on purpose."""
    return any(ACTIONS[fault.do].of_network for fault in evidence.run.manifest.faults.done if fault.do in ACTIONS)


def failures_of_faults(evidence: Evidence) -> int:
    """Return how many operations failed in these windows, as the workers' moments tell."""
    return sum(each.failures for each in evidence.recoveries)


def _done(evidence: Evidence) -> Iterator[Reason]:
    if evidence.recoveries:
        titles = [each.title for each in evidence.recoveries]
        kind = "planned " if evidence.run.manifest.faults.planned else ""
        yield note(
            "faults",
            f"{len(titles)} {kind}{'fault was' if len(titles) == 1 else 'faults were'} done "
            f"({some(titles, _MOST_NAMED)}): the figures of the measured stage show them too. See the "
            "recovery from each.",
        )


def _of_load(evidence: Evidence) -> Iterator[Reason]:
    """What a fault does to a load host shows in the figures as if the ensemble had done it."""
    plan = evidence.run.manifest.plan
    hosts = {*plan.workers} - {*plan.members}
    met = [each for each in evidence.recoveries if hosts & {*each.members}]
    if met:
        spoilt_s = sum(min(each.settled_s, each.until_s) - each.start_s for each in met)
        titles = [f"{each.title} at {each.start_s:.0f} s" for each in met]
        yield inconclusive(
            "load-disturbed",
            f"Planned faults disturbed the load side ({some(titles, _MOST_NAMED)}): for {spoilt_s:.0f} s of the "
            "measured stage the figures are about the load hosts, not about the ensemble. Compare it only with runs "
            "with the same faults.",
        )


def _not_done(evidence: Evidence) -> Iterator[Reason]:
    faults = evidence.run.manifest.faults
    broken = {fault.number for fault in faults.done if fault.error} | _cut_off(evidence)
    missing = sorted((set(faults.planned) - {fault.number for fault in faults.done}) | broken)
    if not missing and faults.not_done:  # of several members, some were met
        what = "A planned fault was not done completely" if faults.planned else "Not all that was asked for was done"
        yield inconclusive(
            "faults-not-done", f"{what}: {faults.not_done[0].rstrip('.')}. Correct the cause and run it again."
        )
    if missing:
        why = f": {faults.not_done[0].rstrip('.')}" if faults.not_done else ""
        kind = "planned " if faults.planned else ""
        known = {*faults.planned} | {fault.number for fault in faults.done}
        yield inconclusive(
            "faults-not-done",
            f"{len(missing)} of {len(known)} {kind}faults were not done, or not completely (fault "
            f"{some(list(map(str, missing)), _MOST_NAMED)}){why}. Correct the cause and run it again.",
        )


def _cut_off(evidence: Evidence) -> set[int]:
    """Return which planned faults go through all members, and have met only some.

    The controller was killed, or members did not answer.
    """
    faults, members = evidence.run.manifest.faults, evidence.run.manifest.groups.get("zookeeper", ())
    return {number for number in {fault.number for fault in faults.done} if faults.left_out(number, members)}


def _not_healed(evidence: Evidence) -> Iterator[Reason]:
    open_ones = [fault for fault in evidence.run.manifest.faults.done if fault.state == "begun"]
    if open_ones:
        members = some(sorted({fault.member for fault in open_ones}), _MOST_NAMED)
        yield inconclusive(
            "fault-not-healed", f"A fault could not be healed at {members}. Call `fab heal`, and see the member's log."
        )


def _met_nothing(evidence: Evidence) -> Iterator[Reason]:
    for each in evidence.recoveries:
        if each.met == 0 and each.do in ACTIONS and not each.error:
            why = ". "
            if ACTIONS[each.do].of_network:
                why = (
                    ": nothing passed between its two sides meanwhile, or from other addresses than those of"
                    " zookeeper_address and ansible_host. See which addresses they use. "
                )
            yield inconclusive(
                "fault-met-nothing",
                f"Fault {each.number} ({each.title}) met no {ACTIONS[each.do].meets} at"
                f" {some(list(each.members), _MOST_NAMED)}{why}It did nothing to the load.",
            )


FAULT_RULES: Final[tuple[Rule, ...]] = (_not_done, _not_healed, _of_load, _met_nothing, _done)
