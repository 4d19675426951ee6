"""Which running members are restarted for a changed configuration, and whether members may be started at all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet.member_configuration import Member
from zk_locust.contract.member_answers import SERVING

_RESTART_ORDER = ("observer", "follower", "leader", "standalone")


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """Names of members that are restarted `at_once`, and `one_by_one` with the leader last.

    `silent` are those at the beginning of the latter that do not serve now; `regrouped` have another list of members.
    """

    at_once: list[str] = field(default_factory=list)
    one_by_one: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    regrouped: list[str] = field(default_factory=list)


def plan_restarts(states: Mapping[str, str], modes: Mapping[str, str]) -> RestartPlan:
    """Plan the restarts.

    `states` by name: stopped, current, outdated (its configuration changed) or regrouped (the list of members changed).
    `modes` by name: what `srvr` said.

    A changed list of members cannot be rolled out one by one: the first to restart would not find the others. Nor can
    anything be rolled out where none serves, or none on the client port that it is to have. Where some do, those that
    do not are restarted first: the others keep the ensemble up.
    """
    changed = [name for name, state in states.items() if state in ("outdated", "regrouped")]
    regrouped = [name for name in changed if states[name] == "regrouped"]
    silent = [name for name in changed if modes.get(name) not in SERVING]
    if regrouped or len(silent) == len(changed):
        return RestartPlan(at_once=changed, regrouped=regrouped)
    serving = [name for name in changed if name not in silent]
    serving.sort(key=lambda name: _RESTART_ORDER.index(modes[name]))
    return RestartPlan(one_by_one=silent + serving, silent=silent)


def list_conflicts(
    members: Sequence[Member], modes: Mapping[str, str], views: Mapping[str, Any], listed: bool
) -> list[str]:
    """Say which members that the play leaves out serve with another list than `members`, which others would start with.

    `modes` is what each of those left out said of itself, `views` its AdminServer's answer to `voting_view`. A list
    without voting members that have moved, come or gone cannot elect a second leader. Where a server does not tell its
    list (before 3.6), it is let through if `listed`: all that would start have the list in their files already.
    """
    said = {name: _conflict(members, views.get(name), listed) for name, mode in modes.items() if mode in SERVING}
    return [f"{name} ({why})" for name, why in said.items() if why]


def _conflict(members: Sequence[Member], view: Any, listed: bool) -> str:
    config = view.get("current_config") if isinstance(view, Mapping) else None
    if not isinstance(config, Mapping):
        return "" if listed else "its list cannot be read from its AdminServer"
    told = {str(number): list(_addresses(server)) for number, server in config.items()}
    return "" if told == _voters(members) else "it has another list"


def _voters(members: Sequence[Member]) -> dict[str, list[str]]:
    """Return the addresses between members of each that votes, by its id; none for a single member (standalone)."""
    return {
        str(member.id): [member.between_members(port) for port in (member.peer_port, member.election_port)]
        for member in (members if len(members) > 1 else [])
        if member.votes
    }


def _addresses(server: Any) -> Iterable[str]:
    for kind in ("server_addresses", "election_addresses"):
        listed = server.get(kind) if isinstance(server, Mapping) else None
        yield from map(str, listed if isinstance(listed, list) else [])
