"""The rules for operations of administrators: upgrades, replaced members and snapshots."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.zoo_cfg import property_problems

_RELEASE: Final = re.compile(r"\d+\.\d+\.\d+[A-Za-z0-9.-]*\Z")
_SNAPSHOT_SINCE: Final = (3, 9)
_RECONFIGURE_SINCE: Final = (3, 5)
_SNAPSHOT_SWITCHES: Final = (
    ("admin.snapshot.enabled", "false", "; everyone who reaches the AdminServer can then fetch all data"),
    ("serializeLastProcessedZxid.enabled", "true", ""),
)
"""What the AdminServer's command needs (ZooKeeper 3.9.3, Commands.SnapshotCommand), and what it is otherwise."""
_SEVERAL: Final = (actions.MINORITY, actions.MAJORITY, actions.ALL)
ROLLING_LEAST_S: Final = 5.0
"""A rolling restart or upgrade takes so long for each member at least: it stops, starts, joins, and is looked at."""
ROLLING_USUAL_S: Final = 10.0
"""So long it may take for each member that has no large data."""


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


def change_problems(entry: Mapping[str, Any], do: Sequence[str]) -> Iterator[str]:
    """Say what is wrong with an entry's key `change`."""
    if "change" not in entry:
        return
    if actions.RECONFIGURE not in do:
        yield "change: only reconfigure has it; leave it out"
    elif entry["change"] not in actions.CHANGES:
        known = ", ".join(actions.CHANGES)
        yield f"change [{entry['change']}] must be one of {known}{nearest(str(entry['change']), actions.CHANGES)}"


def target_problems(do: Sequence[str], targets: Sequence[str], fleet: FaultFleet | None) -> Iterator[str]:
    """Say whom an operation must not be done to."""
    single = next((name for name in do if name in (actions.REPLACE_MEMBER, actions.RECONFIGURE)), "")
    if not single:
        return
    several = [target for target in targets if target in _SEVERAL]
    of_voter = fleet is not None and not {*targets} <= {actions.OBSERVER, *fleet.observers}
    if several or len(targets) > 1:
        yield f"target [{', '.join(targets)}]: {single} is for one member at a time; name one role or member"
    elif single == actions.RECONFIGURE and fleet is not None and of_voter and len(fleet.voters) < 3:
        yield (
            f"do [reconfigure]: of {len(fleet.voters)} voters, none can be taken out; name an observer, or use more"
            " voters"
        )
    elif single == actions.REPLACE_MEMBER and fleet is not None and of_voter and len(fleet.voters) < 2:
        yield (
            "do [replace-member]: the ensemble has one voter, whose data would be lost; name an observer, or use more"
            " voters"
        )


def plan_problems(plan: Iterable[PlannedFault]) -> list[str]:
    """Return what is wrong with several upgrades: each must be to a newer release than the one before."""
    upgrades = [fault for fault in plan if fault.do == actions.ROLLING_UPGRADE]
    return [
        f"{after.prefix}{after.title} at {after.at_s:g} s: the members have {before.to} since {before.at_s:g} s"
        f"{f' ({before.source})' if before.source != after.source else ''}; name a newer release"
        for before, after in pairwise(upgrades)
        if release_number(after.to) <= release_number(before.to)
    ]


def host_operation_problems(
    name: str,
    faults: Iterable[Mapping[str, Any]],
    release: str,
    properties: Mapping[str, Any],
    allowed: Iterable[str],
    has_password: bool = True,
) -> Iterator[str]:
    """Say which planned operations a member cannot do.

    `faults` are those of the plan, `release` is what the member has, empty where that is not known. `properties` and
    `allowed` are its `zookeeper_properties` and `zookeeper_properties_allowed`; `has_password` says whether
    `zookeeper_super_password` is set.
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
    if any(fault.do == actions.RECONFIGURE for fault in plan):
        yield from _reconfigure_problems(name, release, properties, has_password)
    yield from _snapshot_problems(name, [fault for fault in plan if fault.do == actions.SNAPSHOT], release, properties)


def _reconfigure_problems(name: str, release: str, properties: Mapping[str, Any], has_password: bool) -> Iterator[str]:
    if release and release_number(release)[:2] < _RECONFIGURE_SINCE:
        yield f"{name}: ZooKeeper {release} knows no reconfig, and the planned reconfigure needs 3.5; leave it out"
        return
    given = str(properties.get("reconfigEnabled", "false")).strip().lower()
    if given != "true":
        yield f"{name}: zookeeper_properties.reconfigEnabled [{given}]: the planned reconfigure needs true"
    if not has_password:
        yield (
            f"{name}: zookeeper_super_password [not set]: the planned reconfigure needs it; set one, the same for all"
            " members"
        )


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
