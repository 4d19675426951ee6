"""Follows a load on the master's host until it ends."""

import json
import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from ansible.errors import AnsibleConnectionFailure

from fleet.host_result import master_failure
from fleet.progress import progress_line
from zk_locust.contract.run_files import PROGRESS, STATUS

_POLL_S: Final = 1.0
_STANDS_STILL_S: Final = 5.0


class SilentHostError(Exception):
    """The master's host has not answered for too long."""


class Watcher(Protocol):
    """What is to know how the load goes on."""

    def see(self, progress: Mapping[str, Any] | None) -> None:
        """See how far it is, about once a second."""

    def end(self) -> list[str]:
        """It has ended, or is not followed any more; return lines for the record."""


class Follower:
    """Asks a load host for the state of its run. `ask` runs a text in the host's shell and returns its `stdout`."""

    def __init__(self, ask: Callable[[str], dict[str, Any]], folder: str, status_command: str) -> None:
        self._ask = ask
        # Reading two files costs the load host a hundredth of starting Python.
        status, progress = shlex.quote(f"{folder}/{STATUS}"), shlex.quote(f"{folder}/{PROGRESS}")
        self._read_files = f"cat {status} && echo ''; cat {progress}"
        self._status_command = status_command
        self._unchanged_since: float | None = None
        self._last_progress: dict[str, Any] | None = None

    def look(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return (status, progress); the status is None where the host could not be asked."""
        said = self._said(self._read_files)
        if said is None:
            return None, None
        if not said or "state" not in said[0]:
            # The status is empty, damaged or gone; the first object may be the progress.
            closer = self._said(self._status_command)
            return (closer[0] if closer and "state" in closer[0] else None), None
        status, progress = said[0], said[1] if len(said) > 1 else None
        if status["state"] == "running" and self._needs_a_closer_look(progress):
            closer = self._said(self._status_command)
            if closer is None:
                return None, None
            status = closer[0] if closer else status
        return status, progress

    def _said(self, command: str) -> list[dict[str, Any]] | None:
        """Return the JSON objects that a command prints on the host; None where the host cannot be reached."""
        try:
            return json_objects(self._ask(command).get("stdout", ""))
        except AnsibleConnectionFailure:
            return None

    def _needs_a_closer_look(self, progress: dict[str, Any] | None) -> bool:
        """Whether the progress has not changed for so long that the supervisor may be gone."""
        now = time.monotonic()
        if progress != self._last_progress or self._unchanged_since is None:
            self._last_progress, self._unchanged_since = progress, now
            return False
        if now - self._unchanged_since < _STANDS_STILL_S:
            return False
        self._unchanged_since = now
        return True


def follow_load(
    ask: Callable[[str], dict[str, Any]],
    show: Callable[[str], None],
    host: str,
    watcher: Watcher | None = None,
    *,
    folder: str,
    status_command: str,
    interval_s: float = 3.0,
    patience_s: float = 60.0,
    expected_workers: int = 0,
    address: str = "",
    port: int = 0,
) -> dict[str, Any]:
    """Show a line every `interval_s` until the load in `folder` on the master's `host` has ended.

    `status_command` prints its status as JSON (`zk-locust host-run status`). Returns `status` and `failure`, which says
    why the master failed, or is empty; `expected_workers`, `address` and `port` are for that text. `told` are the
    lines of the `watcher`. Raises SilentHostError if the host cannot be asked for `patience_s`.
    """
    lines: list[str] = []
    try:
        found = _follow(
            Follower(ask, folder, status_command), watcher, show, interval_s=interval_s, patience_s=patience_s
        )
    finally:
        if watcher is not None:
            lines = watcher.end()
    failure = master_failure(found, host, expected_workers, address, port)
    return {"changed": True, "status": found, "failure": failure, "told": lines}


def _follow(
    follower: Follower, watcher: Watcher | None, show: Callable[[str], None], *, interval_s: float, patience_s: float
) -> dict[str, Any]:
    """Return the status of the load when it has ended."""
    heard = time.monotonic()
    shown = heard - interval_s  # the first line comes at once: a short load would be over before the second
    last_line = ""
    is_silent = False
    while True:
        time.sleep(_POLL_S)
        status, progress = follower.look()
        if status is None:
            silent_s = time.monotonic() - heard
            if silent_s > patience_s:
                raise SilentHostError(
                    f"the master's host has not answered for {silent_s:.0f} s; its load ends by itself, "
                    "and collect.yml fetches what it has recorded when it answers again"
                )
            if not is_silent and silent_s >= interval_s:
                show(f"  the master's host does not answer; asking again for {patience_s:.0f} s")
                is_silent = True
            continue
        heard, is_silent = time.monotonic(), False
        if status["state"] != "running":
            return {"progress": progress} | status
        if watcher is not None:
            watcher.see(progress)
        line = progress_line(progress or {}, status)
        if time.monotonic() - shown >= interval_s and line != last_line:
            show(line)
            shown, last_line = time.monotonic(), line


def json_objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects at the beginning of a text; anything else ends the list."""
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
