"""Follow the load: a line on the screen every few seconds, until it has ended."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from zk_locust.contract.plain_text import LONGEST, first_of, for_screen, plain_line

_POLL_S = 1.0


def clock(seconds: float) -> str:
    """Return minutes and seconds, with hours where there are any: `0:45`, `1:02:03`."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def latency(microseconds: float | None) -> str:
    """Return a latency with three digits at least and a unit that suits it."""
    if microseconds is None:
        return "-"
    if microseconds < 1000:
        return f"{microseconds:.0f} µs"
    for value, unit in ((microseconds / 1000, "ms"), (microseconds / 1e6, "s")):
        if value < 99.95:
            return f"{value:.3g} {unit}"
        if value < 999.5:
            break
    return f"{value:.0f} {unit}"


def progress_line(progress: dict[str, Any], status: dict[str, Any] | None = None) -> str:
    """Return the line for what `progress.json` says, and for a full disk of which `status.json` says so."""
    absent = progress.get("absent") or []
    # All of it was said by the host.
    notes = [plain_line(note) for note in first_of(absent)] if isinstance(absent, list) else []
    if disk_is_full(status or {}):
        notes.append("the master's disk is full")
    return "   ".join([for_screen(_figures(progress)[:LONGEST]), *notes])


def disk_is_full(status: dict[str, Any]) -> bool:
    """Whether a host's `status.json` says that there is no room on its disk now."""
    times = status.get("disk_full")
    return isinstance(times, list) and bool(times) and isinstance(times[-1], dict) and times[-1].get("until") is None


def _figures(progress: dict[str, Any]) -> str:
    if not progress.get("stage"):
        return f"  waiting for workers   {progress.get('workers', 0)} ready"
    left = progress.get("time_left_s")
    time_left = "" if left is None else f"{clock(left)} left"
    plural = "" if progress["failures"] == 1 else "s"
    return (
        f"  {progress['stage']:<9} {time_left:>12} {progress['users']:>6} users {progress['rate_per_s']:>9,.0f} op/s   "
        f"p99 {latency(progress['p99_us']):>7}   {progress['failures']:,} failure{plural}"
    )


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `follow_load`.

    `folder` is the run's folder on the load host, `status_command` prints its status as JSON (`zk-locust host-run
    status`), `interval_s` is the time between two lines. Returns `status`. A host that cannot be asked, because SSH is
    lost or its machine is, is tried again for `patience_s`; then it fails.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Follow the load to its end."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "folder": {"type": "str", "required": True},
                "status_command": {"type": "str", "required": True},
                "interval_s": {"type": "float", "default": 3.0},
                "patience_s": {"type": "float", "default": 60.0},
            }
        )
        display = Display()
        heard = shown = time.monotonic()
        last_line = ""
        is_silent = False
        while True:
            time.sleep(_POLL_S)
            status, progress = self._look(given["folder"], given["status_command"])
            if status is None:
                silent_s = time.monotonic() - heard
                if silent_s > given["patience_s"]:
                    raise AnsibleActionFail(
                        f"the master's host has not answered for {silent_s:.0f} s; its load ends by itself, "
                        "and collect.yml fetches what it has recorded when it answers again"
                    )
                if not is_silent and silent_s >= given["interval_s"]:
                    display.display(
                        f"  the master's host does not answer; asking again for {given['patience_s']:.0f} s"
                    )
                    is_silent = True
                continue
            heard, is_silent = time.monotonic(), False
            if status["state"] != "running":
                return {"changed": True, "status": {"progress": progress} | status}
            line = progress_line(progress or {}, status)
            if time.monotonic() - shown >= given["interval_s"] and line != last_line:
                display.display(line)
                shown, last_line = time.monotonic(), line

    def _look(self, folder: str, status_command: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return (status, progress); the status is None where the host could not be asked."""
        # Reading two files costs the load host a hundredth of what a Python process would.
        status_file, progress_file = shlex.quote(f"{folder}/status.json"), shlex.quote(f"{folder}/progress.json")
        said = self._said(f"cat {status_file} && echo ''; cat {progress_file}")
        if said is None:
            return None, None
        if not said or "state" not in said[0]:
            # The status is empty, damaged or gone; what stands there first may be the progress.
            closer = self._said(status_command)
            return (closer[0] if closer and "state" in closer[0] else None), None
        status, progress = said[0], said[1] if len(said) > 1 else None
        if status["state"] == "running" and self._needs_a_closer_look(progress):
            closer = self._said(status_command)
            if closer is None:
                return None, None
            status = closer[0] if closer else status
        return status, progress

    def _said(self, command: str) -> list[dict[str, Any]] | None:
        """Return the JSON objects that a command prints on the host; None where the host cannot be reached."""
        try:
            return _json_objects(self._low_level_execute_command(command, sudoable=True).get("stdout", ""))
        except AnsibleConnectionFailure:
            return None

    _unchanged_since: float | None = None
    _last_progress: dict[str, Any] | None = None

    def _needs_a_closer_look(self, progress: dict[str, Any] | None) -> bool:
        """Whether the progress has stood still for so long that the supervisor may be gone."""
        now = time.monotonic()
        if progress != self._last_progress or self._unchanged_since is None:
            self._last_progress, self._unchanged_since = progress, now
            return False
        if now - self._unchanged_since < 5:
            return False
        self._unchanged_since = now
        return True


def _json_objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects that stand one after the other in a text; what is no JSON ends the list."""
    decoder, objects, position = json.JSONDecoder(), [], 0
    while position < len(text):
        while position < len(text) and text[position].isspace():
            position += 1
        try:
            value, position = decoder.raw_decode(text, position)
        except ValueError:
            break
        if isinstance(value, dict):
            objects.append(value)
    return objects
