"""Puts what the members' logs say of a run into its record, before it is closed.

Can be repeated: the events of an earlier try are replaced. A log that cannot be read is a line in the record, and never
keeps it open.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from fleet.member_logs.log_folder import Found, events_of
from fleet.merging import merge_member_events
from zk_locust.contract.plain_text import plain_line

MARGIN: Final = timedelta(seconds=30)
"""Events this long before and after the phase `run` are kept, too: a clock may be off, or may have been set."""
EXTERNAL: Final = (
    "the ensemble is external: the logs of its members are not collected, so GC pauses, slow fsyncs and elections are"
    " not known"
)


def record_events(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Put the events of all managed members into the record in `folder`; return a line for each log that tells nothing.

    A member whose files did not come has no line here: the record says so already.
    """
    span = _span(manifest)
    inventory = manifest.get("inventory") or {}
    members = [str(member) for member in (inventory.get("groups") or {}).get("zookeeper") or []]
    variables = inventory.get("hosts") or {}
    if span is None or not members:
        return []
    managed = [member for member in members if _is_managed(variables.get(member) or {})]
    found = {
        member: events_of(logs, *_by_clock_of(manifest, member, span))
        for member in managed
        if (logs := folder / "logs" / member).is_dir()
    }
    merge_member_events(folder, {member: _plain(of) for member, of in found.items()})
    lines = [f"{member}: {plain_line(problem)}" for member, of in found.items() for problem in of.problems]
    return lines if managed else [EXTERNAL]


def _span(manifest: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return when the load ran, by the controller's clock; None if none did.

    The load of a controller that was killed goes on until the phase `collect` of the next one.
    """
    phases = {phase["name"]: phase for phase in manifest.get("phases") or []}
    if "run" not in phases:
        return None
    moments = [phases[name].get("end") for name in ("run", "collect") if name in phases]
    ended = max(map(datetime.fromisoformat, filter(None, moments)), default=datetime.now(UTC))
    return datetime.fromisoformat(phases["run"]["start"]) - MARGIN, ended + MARGIN


def _by_clock_of(manifest: Mapping[str, Any], host: str, span: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    """Return the span by the clock of a host, which may have been set meanwhile; as it is if an offset is absurd."""
    known = (manifest.get("hosts") or {}).get(host) or {}
    told = [known.get(name) for name in ("clock_offset_ms", "clock_offset_after_ms")]
    try:
        offsets = [timedelta(milliseconds=ms) for ms in told if isinstance(ms, int | float)] or [timedelta(0)]
        return span[0] + min(offsets), span[1] + max(offsets)
    except (OverflowError, ValueError):  # older records have what the host said, however far away
        return span


def _is_managed(variables: Mapping[str, Any]) -> bool:
    return str(variables.get("zookeeper_managed", True)).strip().lower() not in ("false", "no", "off", "0")


def _plain(found: Found) -> Found:
    """Return events whose texts a host may have written, as plain text."""
    events = [event._replace(detail=plain_line(event.detail)) for event in found.events]
    return Found(events, found.left_out, found.problems)
