"""Does a fault, and heals it.

Times are seconds: `began` and `ended` by the host's wall clock, lengths by its monotonic clock.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zk_locust.contract.process_identity import Identity
from zk_locust.host_faults import connections, deadline, jvm, network, relay, sessions, shaping
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.member import Member, gone
from zk_locust.host_faults.notes import Notes

_AT_ONCE_S = 120.0
"""The deadline of what has no length of its own: its healing is part of the action."""
_TRIES = 5
_TRY_AGAIN_S = 1.0
_TROUBLE = (FaultError, OSError, ValueError, KeyError)
_OF_PROCESS = ("kill", "pause", "stop", "restart", "gc")
_SHAPING = ("delay", "bandwidth")
_MOST_EARLY_S = 5.0
"""How much later than its deadline a fault may end at most: setting the deadline takes less."""


def _boot() -> str:
    """Return which boot of the host this is: its monotonic clock begins with it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


class Faults:
    """The faults of the member in `folder`; `launcher` runs this package there."""

    def __init__(self, folder: Path, launcher: Path) -> None:
        self._member = Member(folder)
        self._launcher = launcher
        self.notes = Notes(launcher.parent / "notes")

    def do(self, fault: dict[str, Any]) -> dict[str, Any]:
        """Do a fault, with the deadline set before; return its note. Raises FaultError where it was not done.

        `fault` has `id`, `run_id`, `number`, `member`, `do` and `for_s`, and what the action needs.
        """
        begin = self._begins()[fault["do"]]
        fault_id, for_s = fault["id"], float(fault["for_s"])
        with self.notes.locked(fault_id):
            if fault["do"] in _OF_PROCESS:
                self._require_no_other()
            note = {
                **fault,
                "boot": _boot(),
                "state": "begun",
                "began": None,
                "ended": None,
                "lasted_s": None,
                "met": None,
                "error": "",
            }
            if fault["do"] in ("kill", "pause", "gc", "drop-connections"):
                note["process"] = list(self._member.process())
            if fault["do"] in _SHAPING:  # known before it begins, so that whatever is made can be removed
                note["devices"] = shaping.devices(fault)
            self.notes.begin(note)
            try:
                deadline.arm(
                    fault_id, for_s or _AT_ONCE_S, self._launcher,
                    lambda: self.expire(fault_id), lambda: self.notes.is_active(fault_id),
                )  # fmt: skip
            except FaultError as error:
                self.notes.end({**note, "state": "refused", "error": f"its deadline could not be set: {error}"})
                raise
            if note["do"] in _SHAPING:
                note["error"] = self._make_ready(note)
            # Right before the fault: to write the note may take a slow disk longer than a moment.
            note["began"], note["began_monotonic"] = time.time(), time.monotonic()
            try:
                if not note["error"]:
                    begin(note)
            except (FaultError, OSError) as error:
                note["error"] = str(error)
            self.notes.write(note)
        if note["error"] or not for_s:
            self.heal(fault_id)
        if note["error"]:
            raise FaultError(str(note["error"]))
        return note

    def _make_ready(self, note: dict[str, Any]) -> str:
        """Make what the packets will pass; return why it could not be made."""
        try:
            self.notes.write(note)
            shaping.make_ready(note, lambda: deadline.start(note["id"], self._launcher, lambda: self.relay(note["id"])))
            self.notes.write(note)
        except (FaultError, OSError) as error:
            return str(error)
        return ""

    def relay(self, fault_id: str) -> None:
        """Delay the packets of a fault, in this process, until it is healed."""
        note = self.notes.read(fault_id)
        with contextlib.suppress(OSError):  # the tap is gone: it was healed
            relay.serve(shaping.taps_of(note), note)

    def _require_no_other(self) -> None:
        """Raise FaultError if the member's process has a fault already: to heal one would end the other."""
        for other in self.notes.active():
            if self.notes.read(other)["do"] in _OF_PROCESS:
                raise FaultError(f"the fault {other} is still in the member")

    def heal(self, fault_id: str) -> dict[str, Any] | None:
        """Heal a fault, if it is there; return its note. Raises FaultError where it cannot be healed."""
        if not self.notes.is_active(fault_id):
            return None
        with self.notes.locked(fault_id):
            if not self.notes.is_active(fault_id):  # meanwhile
                return None
            note = self.notes.read(fault_id)
            self._ends()[note["do"]](note)
            note["ended"], over = note.pop("over", None) or (time.time(), time.monotonic())
            note["state"] = "healed"
            if note["began"] is not None and note["boot"] == _boot():
                note["lasted_s"] = max(0.0, over - note["began_monotonic"])
            self.notes.end(note)
        deadline.disarm(fault_id)
        return note

    def heal_all(self) -> tuple[list[str], list[str]]:
        """Heal all faults; return the ids of those that were healed, and why others could not be."""
        healed, problems = [], []
        for fault_id in self.notes.active():
            try:
                if self.heal(fault_id) is not None:
                    healed.append(fault_id)
            except _TROUBLE as error:  # of one fault: the others are healed
                problems.append(f"{fault_id}: {error}")
        try:
            active = self.notes.active()
            healed += network.remove_left(set(active))
            if not active:  # else it may be theirs
                healed += shaping.remove_left()
        except FaultError as error:
            problems.append(str(error))
        return healed, problems

    def expire(self, fault_id: str) -> None:
        """Heal a fault at its deadline, which was set before it began; try again a few times."""
        if self.notes.is_active(fault_id):
            note = self.notes.read(fault_id)
            if note["for_s"] and note["began"] is not None:
                left_s = note["began_monotonic"] + note["for_s"] - time.monotonic()
                time.sleep(min(max(0.0, left_s), _MOST_EARLY_S))
        for _ in range(_TRIES):
            try:
                self.heal(fault_id)
                return
            except _TROUBLE:
                time.sleep(_TRY_AGAIN_S)

    def _begins(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        return {
            "kill": self._kill,
            "pause": lambda note: self._member.signal(Identity(*note["process"]), signal.SIGSTOP),
            "stop": lambda _: self._member.stop(),
            "restart": lambda _: self._member.stop(),
            "gc": lambda note: jvm.collect_garbage(Identity(*note["process"])),
            "partition": network.cut,
            "loss": network.cut,
            "delay": shaping.begin,
            "bandwidth": shaping.begin,
            "drop-connections": lambda note: connections.drop(
                note, Identity(*note["process"]), int(note["client_port"])
            ),
            "expire-sessions": lambda note: sessions.expire(note, self._member.settings()),
        }

    def _ends(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        return {
            "kill": lambda _: self._member.start(),
            "pause": lambda note: self._member.signal(Identity(*note["process"]), signal.SIGCONT),
            "stop": lambda _: self._member.start(),
            "restart": lambda _: self._member.start(),
            "gc": lambda _: None,
            "partition": network.join,
            "loss": network.join,
            "delay": shaping.end,
            "bandwidth": shaping.end,
            "drop-connections": lambda _: None,
            "expire-sessions": lambda _: None,
        }

    def _kill(self, note: dict[str, Any]) -> None:
        process = Identity(*note["process"])
        self._member.kill(process)
        if not gone(process):
            raise FaultError(f"process {process.pid} does not end")
