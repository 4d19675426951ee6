"""Does a fault, and heals it.

Times are seconds: `began` and `ended` by the host's wall clock, lengths by its monotonic clock.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zk_locust.contract.process_identity import Identity
from zk_locust.host_faults import deadline, jvm, network, operations, reconfiguration
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.member import Member, gone
from zk_locust.host_faults.notes import Notes

_AT_ONCE_S = 120.0
"""The deadline of what has no length of its own: its healing is part of the action."""
_TRIES = 5
_TRY_AGAIN_S = 1.0
_TROUBLE = (FaultError, OSError, ValueError, KeyError)
_STEPS = ("rolling-upgrade", "replace-member")
"""What a host does completely by itself: healing is the operation. Whoever has the lock does it, and whoever waits for
the lock goes on where the other is cut off: the command of the controller, or the timer that begins at once."""
_STEP_BEGINS_S = 0.001
_OF_PROCESS = ("kill", "pause", "stop", "restart", "gc", *_STEPS)
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
        self._secret = launcher.parent / "super"
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
                "error": "",
            }
            if fault["do"] in ("kill", "pause", "gc"):
                note["process"] = list(self._member.process())
            self.notes.begin(note)
            try:
                deadline.arm(
                    fault_id, _STEP_BEGINS_S if fault["do"] in _STEPS else for_s or _AT_ONCE_S, self._launcher,
                    lambda: self.expire(fault_id), lambda: self.notes.is_active(fault_id),
                )  # fmt: skip
            except FaultError as error:
                self.notes.end({**note, "state": "refused", "error": f"its deadline could not be set: {error}"})
                raise
            # Right before the fault: to write the note may take a slow disk longer than a moment.
            note["began"], note["began_monotonic"] = time.time(), time.monotonic()
            try:
                begin(note)
            except (FaultError, OSError) as error:
                note["error"] = str(error)
            self.notes.write(note)
        if note["error"] or not for_s:
            note = self.heal(fault_id) or self.notes.healed(fault_id) or note
        if note["error"]:
            raise FaultError(str(note["error"]))
        return note

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
            note["ended"], note["state"] = time.time(), "healed"
            if note["began"] is not None and note["boot"] == _boot():
                note["lasted_s"] = max(0.0, time.monotonic() - note["began_monotonic"])
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
            healed += network.remove_left(set(self.notes.active()))
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
            "rolling-upgrade": lambda note: operations.require_release(self._member, note),
            "replace-member": lambda _: None,
            "snapshot": operations.snapshot,
            "reconfigure": lambda note: reconfiguration.begin(note, self._secret),
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
            "rolling-upgrade": lambda note: operations.upgrade(self._member, note, self.notes.write, self._kept(note)),
            "replace-member": lambda note: operations.replace(self._member, note, self.notes.write),
            "snapshot": lambda _: None,
            "reconfigure": lambda note: reconfiguration.end(note, self._secret),
        }

    def _kept(self, note: dict[str, Any]) -> Path:
        """Return the folder that keeps what the member had before."""
        return self._launcher.parent / "kept" / str(note["id"])

    def _kill(self, note: dict[str, Any]) -> None:
        process = Identity(*note["process"])
        self._member.kill(process)
        if not gone(process):
            raise FaultError(f"process {process.pid} does not end")
