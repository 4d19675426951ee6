"""Runs on the load hosts as text: their owners, their progress, and the files that are left there."""

import shlex
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from fleet.leases import Lease
from fleet.left_over import CLOSED, OPEN
from fleet.load_hosts import LoadHost
from fleet.members import Member
from fleet.progress import clock, progress_words
from zk_locust.contract.plain_text import plain_line


def run_lines(
    hosts: Sequence[LoadHost], inventory_option: str, place_of: Callable[[str], str] = lambda _: OPEN
) -> list[str]:
    """Two lines for each run that is running, and for each that has left files on hosts.

    `place_of` says where the record of a run is, as `fleet.left_over` does: only an open one can be collected.
    """
    lines = []
    for run_id in _ids(hosts, running=True):
        holders = [host for host in hosts if any(run["run_id"] == run_id for run in host.running)]
        runs = [run for host in holders for run in host.running if run["run_id"] == run_id]
        now = str((holders[0].overview or {}).get("time", ""))
        lines.append(f"Run {plain_line(run_id)} of {owner(runs)}, started {since(runs[0], now)}")
        lines.append(f"  on {_names(holders)}: {_progress(runs)}")
    for host in hosts:
        lock = (host.overview or {}).get("lock")
        if lock and not host.running:
            lines.append(f"{host.name} is held by {plain_line(lock)}")
    for run_id in _ids(hosts, running=False):
        keepers = [host for host in hosts if any(run["run_id"] == run_id for run in host.runs)]
        runs = [run for host in keepers for run in host.runs if run["run_id"] == run_id]
        if not any(run["state"] == "running" for run in runs):
            lines.append(
                f"Run {plain_line(run_id)} of {owner(runs)}: {_ended(runs)}; its files are still on {_names(keepers)}"
            )
            lines.append(f"  {_advice(place_of(run_id), run_id, owner(runs), inventory_option)}")
    return lines


def lease_lines(hosts: Sequence[LoadHost], members: Sequence[Member] = ()) -> list[str]:
    """A line for each run that holds hosts without a load: it provisions, or collects figures."""
    loading = set(_ids(hosts, running=True))
    leases: dict[str, Lease] = {}
    holds: dict[str, list[str]] = {}
    everyone: list[Member | LoadHost] = [*members, *hosts]
    for host in everyone:
        if host.lease and host.lease["run_id"] not in loading:
            leases.setdefault(host.lease["run_id"], host.lease)
            holds.setdefault(host.lease["run_id"], []).append(host.name)
    return [
        f"{', '.join(dict.fromkeys(holds[run_id]))}: held by run {plain_line(run_id)} of"
        f" {plain_line(lease['owner']) or 'an unknown user'} since {plain_line(lease['since'])}, until"
        f" {plain_line(lease['until'])} at the latest (no load is running)"
        for run_id, lease in sorted(leases.items())
    ]


def collect_command(inventory_option: str) -> str:
    """The command that fetches the figures of a run."""
    return f"ansible-playbook playbooks/collect.yml {inventory_option}"


def _advice(place: str, run_id: str, whose: str, inventory_option: str) -> str:
    """The remedy for files that a run has left on hosts."""
    if place == OPEN:
        return f"`{collect_command(inventory_option)}` fetches them"
    if place == CLOSED:
        return (
            f"its record is closed: `ansible-playbook playbooks/tidy.yml {inventory_option}` fetches what it lacks and"
            " removes them"
        )
    return (
        f"no record of it is here: playbooks/collect.yml fetches them on the controller of {whose}; if that is gone,"
        f" `{collect_command(inventory_option)} -e run_record_adopt={shlex.quote(plain_line(run_id))}` here"
    )


def owner(runs: Sequence[dict[str, Any]]) -> str:
    """The owner of a run: user and machine."""
    return next((plain_line(run["owner"]) for run in runs if run.get("owner")), "an unknown user")


def since(run: dict[str, Any], now: str) -> str:
    """When a run was started, and how long ago that is by the clock of the same host."""
    started = str(run.get("started") or "")
    try:
        began = datetime.fromisoformat(started)
        age = (datetime.fromisoformat(now) - began).total_seconds()
        return f"{began:%Y-%m-%d %H:%M:%S} UTC ({clock(age)} ago)"
    except (ValueError, TypeError):
        return plain_line(started) or "at an unknown time"


def _ids(hosts: Sequence[LoadHost], *, running: bool) -> list[str]:
    chosen = {run["run_id"]: None for host in hosts for run in (host.running if running else host.runs)}
    return sorted(chosen)


def _names(hosts: Sequence[LoadHost]) -> str:
    return ", ".join(host.name for host in hosts)


def _ended(runs: Sequence[dict[str, Any]]) -> str:
    states = sorted({plain_line(run["state"]) for run in runs})
    return {"ended": "it has ended", "lost": "it was lost", "absent": "it was never started"}.get(
        states[0] if len(states) == 1 else "", f"its state is {' and '.join(states)}"
    )


def _progress(runs: Sequence[dict[str, Any]]) -> str:
    progress = next((run["progress"] for run in runs if run.get("progress")), None)
    if not isinstance(progress, dict):
        return "no figures yet"
    return ", ".join(progress_words(progress))
