"""The rules for operations of administrators: upgrades, replaced members and snapshots."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.zoo_cfg import property_problems

_RELEASE: Final = re.compile(r"\d+\.\d+\.\d+[A-Za-z0-9.-]*\Z")
_SNAPSHOT_SINCE: Final = (3, 9)
_SNAPSHOT_SWITCHES: Final = (
    ("admin.snapshot.enabled", "false", "; everyone who reaches the AdminServer can then fetch all data"),
    ("serializeLastProcessedZxid.enabled", "true", ""),
)
"""What the AdminServer's command needs (ZooKeeper 3.9.3, Commands.SnapshotCommand), and what it is otherwise."""
_SEVERAL: Final = (actions.MINORITY, actions.MAJORITY, actions.ALL)


def release_number(release: str) -> tuple[int, ...]:
    """Return what orders releases: the numbers before the first that is none; `3.9.3` is (3, 9, 3)."""
    return tuple(map(int, re.findall(r"\d+", re.split(r"[^0-9.]", release)[0])))


def release_problems(entry: Mapping[str, Any], do: Sequence[str]) -> Iterator[str]:
    """Say what is wrong with an entry's key `to`."""
    upgrades, given = actions.ROLLING_UPGRADE in do, entry.get("to")
    if upgrades and "every" in entry:
        yield "every: members are upgraded to a release once; write at"
    if given is None:
        if upgrades:
            yield "to [not set]: rolling-upgrade needs a release; write e.g. to: 3.9.3"
    elif not upgrades and do:
        yield "to: only rolling-upgrade has it; leave it out"
    elif not _RELEASE.match(str(given)):
        yield f"to [{given}] must be a release with three numbers, such as 3.9.3"


def target_problems(do: Sequence[str], targets: Sequence[str], fleet: FaultFleet | None) -> Iterator[str]:
    """Say whom an operation must not be done to."""
    if actions.REPLACE_MEMBER not in do:
        return
    several = [target for target in targets if target in _SEVERAL]
    if several or len(targets) > 1:
        yield (
            f"target [{', '.join(targets)}]: replace-member is for one member at a time, because the others keep the"
            " data; name one role or member"
        )
    elif fleet is not None and len(fleet.voters) < 2 and not {*targets} <= {actions.OBSERVER, *fleet.observers}:
        yield (
            "do [replace-member]: the ensemble has one voter, whose data would be lost; name an observer, or use more"
            " voters"
        )


def plan_problems(plan: Iterable[PlannedFault]) -> list[str]:
    """Return what is wrong with several upgrades: each must be to a newer release than the one before."""
    upgrades = [fault for fault in plan if fault.do == actions.ROLLING_UPGRADE]
    return [
        f"{after.title} at {after.at_s:g} s: the members have {before.to} since {before.at_s:g} s; name a newer release"
        for before, after in pairwise(upgrades)
        if release_number(after.to) <= release_number(before.to)
    ]


def host_operation_problems(
    name: str, faults: Iterable[Mapping[str, Any]], release: str, properties: Mapping[str, Any], allowed: Iterable[str]
) -> Iterator[str]:
    """Say which planned operations a member cannot do.

    `faults` are those of the plan, `release` is what the member has, empty where that is not known. `properties` and
    `allowed` are its `zookeeper_properties` and `zookeeper_properties_allowed`.
    """
    plan = [PlannedFault.of(fault) for fault in faults]
    upgrades = [fault for fault in plan if fault.do == actions.ROLLING_UPGRADE]
    for fault in upgrades[:1]:
        if release and release_number(fault.to) <= release_number(release):
            yield (
                f"{name}: {fault.title}: the member has {release}; name a newer release, set an older"
                " zookeeper_version, or use rolling-restart"
            )
    for fault in upgrades:
        for problem in property_problems(name, properties, allowed, fault.to):
            yield f"{problem} (for the planned {fault.title})"
    yield from _snapshot_problems(name, [fault for fault in plan if fault.do == actions.SNAPSHOT], release, properties)


def _snapshot_problems(
    name: str, plan: Sequence[PlannedFault], release: str, properties: Mapping[str, Any]
) -> Iterator[str]:
    if not plan:
        return
    if release and release_number(release)[:2] < _SNAPSHOT_SINCE:
        yield (
            f"{name}: ZooKeeper {release} writes no snapshot on demand, and the planned snapshot needs 3.9; leave it"
            " out, or use restart, after which a member writes one"
        )
        return
    for key, default, why in _SNAPSHOT_SWITCHES:
        given = str(properties.get(key, default)).strip().lower()
        if given != "true":  # as Java reads it
            yield f"{name}: zookeeper_properties.{key} [{given}]: the planned snapshot needs true{why}"
