"""What the role `zookeeper` derives from the members: zoo.cfg, JVM properties, the order of restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zk_locust.contract.plain_text import for_screen

Member = Mapping[str, Any]
HostVars = Mapping[str, Mapping[str, Any]]

# Read by ZooKeeper as plain Java properties, never from zoo.cfg.
_JAVA_PROPERTY_PREFIX = "jute."
_RUNNING = ("current", "outdated", "regrouped")
_SERVING = ("leader", "follower", "observer", "standalone")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def server_properties(members: Iterable[Member]) -> dict[str, str]:
    """Return the `server.N` entries; none for a single member, which runs standalone.

    The form `address:peer:election[:observer]` is understood from 3.4 on.
    """
    members = list(members)
    if len(members) < 2:
        return {}
    return {
        f"server.{member['id']}": f"{_bracketed(member['address'])}:{member['peer_port']}:{member['election_port']}"
        + (":observer" if member["peer_type"] == "observer" else "")
        for member in members
    }


def member_properties(
    own: Member, members: Iterable[Member], data_dir: str, data_log_dir: str = "", admin_address: str = ""
) -> dict[str, str]:
    """Return the keys of zoo.cfg that follow from the inventory and that the user cannot override.

    `data_log_dir` is empty where the transaction log lies with the data. `admin_address` is where the AdminServer
    listens; empty for all addresses.
    """
    members = list(members)
    properties = {
        "dataDir": data_dir,
        "clientPort": _text(own["client_port"]),
        "admin.enableServer": "true",
        "admin.serverPort": _text(own["admin_port"]),
    }
    if data_log_dir:
        properties["dataLogDir"] = data_log_dir
    if admin_address:
        properties["admin.serverAddress"] = admin_address
    if own["bind_address"]:
        properties["clientPortAddress"] = own["bind_address"]
    elif len(members) > 1:
        # Otherwise a member listens where its own name resolves to, which on Debian is 127.0.1.1.
        properties["quorumListenOnAllIPs"] = "true"
    if own["peer_type"] == "observer":
        properties["peerType"] = "observer"
    if len(members) > 1 and sum(member["peer_type"] == "participant" for member in members) == 1:
        properties["standaloneEnabled"] = "false"  # else one participant refuses to have observers
    return {**properties, **server_properties(members)}


def zoo_cfg(properties: Mapping[str, Any]) -> list[str]:
    """Return the sorted lines of zoo.cfg."""
    return [
        f"{key}={_text(properties[key])}" for key in sorted(properties) if not key.startswith(_JAVA_PROPERTY_PREFIX)
    ]


def java_properties(properties: Mapping[str, Any]) -> list[str]:
    """Return JVM arguments for those keys that ZooKeeper does not read from zoo.cfg."""
    return [f"-D{key}={_text(properties[key])}" for key in sorted(properties) if key.startswith(_JAVA_PROPERTY_PREFIX)]


def plan_restarts(states: Mapping[str, str], modes: Mapping[str, str]) -> dict[str, list[str]]:
    """Say which running members are restarted for a changed configuration, and how.

    `states` by name: stopped, current, outdated (its configuration changed) or regrouped (the list of members changed).
    `modes` by name: what `srvr` said. Returns `at_once`, and `one_by_one` with the leader last; `silent` are those at
    the beginning of the latter that do not serve as it is; `regrouped` are those with another list of members.

    A changed list of members cannot be rolled out one by one: the first to restart would not find the others. Nor can
    anything be rolled out where none serves, or none on the client port that it is to have. Where some do, those that
    do not are restarted first: the others keep the ensemble up.
    """
    changed = [name for name, state in states.items() if state in ("outdated", "regrouped")]
    regrouped = [name for name in changed if states[name] == "regrouped"]
    silent = [name for name in changed if modes.get(name) not in _SERVING]
    if regrouped or len(silent) == len(changed):
        return {"at_once": changed, "one_by_one": [], "silent": [], "regrouped": regrouped}
    order = ("observer", "follower", "leader", "standalone")
    serving = sorted((name for name in changed if name not in silent), key=lambda name: order.index(modes[name]))
    return {"at_once": [], "one_by_one": silent + serving, "silent": silent, "regrouped": []}


def restart_plan(names: Iterable[str], hostvars: HostVars) -> dict[str, list[str]]:
    """Do `plan_restarts` for what the role has registered about the members `names`."""
    names = list(names)
    found = {name: hostvars[name].get("__zookeeper_state", {}).get("member_state", "") for name in names}
    states = {name: state if state in _RUNNING else "stopped" for name, state in found.items()}
    modes = {name: hostvars[name].get("__zookeeper_before", {}).get("mode", "") for name in names}
    return plan_restarts(states, modes)


def _voters(members: Iterable[Member]) -> dict[str, str]:
    """Return the addresses between members of each that votes, by its id; none for a single member (standalone)."""
    members = list(members)
    return {
        str(member["id"]): " ".join(
            f"{_bracketed(member['address'])}:{member[port]}" for port in ("peer_port", "election_port")
        )
        for member in (members if len(members) > 1 else [])
        if member["peer_type"] == "participant"
    }


def _serves_other_list(members: list[Member], mode: str, view: Any, told: bool) -> str:
    """Return how it stands with the list of a member that was asked; empty where nothing speaks against it."""
    if mode not in _SERVING:
        return ""
    config = view.get("current_config") if isinstance(view, Mapping) else None
    if not isinstance(config, Mapping):
        return "" if told else "its list cannot be read from its AdminServer"
    found = {}
    for number, server in config.items():
        listed = (
            [server.get(f"{kind}_addresses") for kind in ("server", "election")] if isinstance(server, Mapping) else []
        )
        found[str(number)] = " ".join(str(address) for part in listed if isinstance(part, list) for address in part)
    return "" if found == _voters(members) else "it has another list"


def list_conflicts(names: Iterable[str], members: Iterable[Member], hostvars: HostVars) -> list[str]:
    """Say which members that the play leaves out serve with another list than the members `names` would get.

    `members` is the complete list. The answers of those left out are what the role registered on one of `names` that
    does not run with the list yet. A list without voting members that have moved, come or gone cannot elect a second
    leader. Where a server does not tell its list (before 3.6), those whose files have it already are let through.
    """
    members, names = list(members), list(names)
    checked = {name: hostvars[name].get("__zookeeper_checked", {}) for name in names}
    told = all(found.get("listed") for found in checked.values())
    modes: dict[str, str] = {}
    answers: dict[str, Any] = {}
    for name in names:
        for result in hostvars[name].get("__zookeeper_others", {}).get("results", []):
            if not result.get("skipped"):
                modes[result["item"]["name"]] = result.get("mode", "")
        answers |= hostvars[name].get("__zookeeper_lists", {}).get("answers", {})
    said = {
        name: _serves_other_list(members, mode, answers.get(name, {}).get("voting_view"), told)
        for name, mode in modes.items()
    }
    return [f"{name} ({why})" for name, why in said.items() if why]


def members_off_list(names: Iterable[str], hostvars: HostVars, states: Iterable[str]) -> list[str]:
    """Return those of the members `names` that are in one of `states`, before anything was written."""
    wanted = set(states)
    return [name for name in names if hostvars[name].get("__zookeeper_checked", {}).get("member_state") in wanted]


def members_not_serving(names: Iterable[str], hostvars: HostVars) -> list[str]:
    """Return those of the members `names` whose last status says that they do not serve."""
    return [name for name in names if hostvars[name].get("__zookeeper_status", {}).get("mode") not in _SERVING]


def member_modes(names: Iterable[str], hostvars: HostVars) -> dict[str, str]:
    """Return what each of the members `names` said last that it is; empty if it did not answer."""
    return {
        name: hostvars[name].get("__zookeeper_part", {}).get("mode")
        or hostvars[name].get("__zookeeper_status", {}).get("mode", "")
        for name in names
    }


def ensemble_line(modes: Mapping[str, str], hostvars: HostVars) -> str:
    """Return the line that says on screen that the ensemble serves."""
    versions = {str(hostvars[name].get("__zookeeper_status", {}).get("version", "")) for name in modes} - {""}
    release = f" (ZooKeeper {', '.join(sorted(versions))})" if versions else ""
    return f"The ensemble serves: {', '.join(f'{name} {mode}' for name, mode in modes.items())}{release}"


def log_tails(names: Iterable[str], hostvars: HostVars) -> list[str]:
    """Return the lines that explain on screen why the members `names` did not come up."""
    lines = []
    for name in names:
        reason = hostvars[name].get("__zookeeper_status", {}).get("error") or "it does not serve requests"
        tail = hostvars[name].get("__zookeeper_tail", {}).get("stdout_lines") or ["(there is no log)"]
        tail = [*tail, *hostvars[name].get("__zookeeper_start", {}).get("stderr_lines", [])]
        lines += ["", f"{name} did not come up: {for_screen(reason)}. The end of its log:", ""]
        lines += [f"    {for_screen(line)}" for line in tail]
    return lines


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "ensemble_line": ensemble_line,
            "java_properties": java_properties,
            "list_conflicts": list_conflicts,
            "log_tails": log_tails,
            "member_modes": member_modes,
            "member_properties": member_properties,
            "members_not_serving": members_not_serving,
            "members_off_list": members_off_list,
            "restart_plan": restart_plan,
            "zoo_cfg": zoo_cfg,
        }
