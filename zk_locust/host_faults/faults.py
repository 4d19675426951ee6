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
from zk_locust.host_faults import abilities, boot, clock, deadline, disks, jvm, memory, moment, network, throttle
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.member import Member, gone
from zk_locust.host_faults.notes import Notes
from zk_locust.host_faults.workers import Workers

_AT_ONCE_S = 120.0
"""The deadline of what has no length of its own: its healing is part of the action."""
_HEALS_S = 0.5
"""A fault that ends when another is planned has so long to heal."""
_POLL_S = 0.02
_TRIES = 5
_TRY_AGAIN_S = 1.0
_TROUBLE = (FaultError, OSError, ValueError, KeyError)
_OF_PROCESS = ("kill", "pause", "stop", "restart", "gc", "slow-disk", "full-disk", "power-off")
_MOST_EARLY_S = 5.0
"""How much later than its deadline a fault may end at most: setting the deadline takes less."""


def _deadline_s(note: dict[str, Any]) -> float:
    """Return how long after its beginning a fault is healed: one that takes the host away by the next boot."""
    return float(note["for_s"]) if note["for_s"] and note["do"] != "power-off" else _AT_ONCE_S


class Faults:
    """The faults of the member in `folder`; `launcher` runs this package there.

    `workers` are in its place the workers of a load host, or an external member.
    """

    def __init__(self, folder: Path, launcher: Path, workers: Workers | None = None) -> None:
        self._member: Member | Workers = workers or Member(folder)
        self._workers = workers
        self._launcher = launcher
        self.notes = Notes(launcher.parent / "notes")

    def do(self, fault: dict[str, Any]) -> dict[str, Any]:
        """Do a fault, with the deadline set before; return its note. Raises FaultError where it was not done.

        `fault` has `id`, `run_id`, `number`, `member`, `do` and `for_s`, and what the action needs. Without a planned
        moment (see `moment.seconds_left`) it is done at once.
        """
        begin = self._begins()[fault["do"]]
        fault_id, for_s = fault["id"], float(fault["for_s"])
        left_s = moment.seconds_left(fault)
        due = time.monotonic() + left_s
        with self.notes.locked(fault_id):
            if fault["do"] in _OF_PROCESS:
                self._require_no_other(due)
            note = {
                **fault,
                "boot": boot.boot_id(),
                "state": "begun",
                "began": None,
                "ended": None,
                "lasted_s": None,
                "error": "",
                "late_s": None,
            }
            note.update(self._needed(note))
            self.notes.begin(note)
            try:
                self._make_ready(note)
                deadline.arm(
                    fault_id, max(0.0, due - time.monotonic()) + _deadline_s(note), self._launcher,
                    lambda: self.expire(fault_id), lambda: self.notes.is_active(fault_id),
                )  # fmt: skip
            except (FaultError, OSError) as error:
                if note["do"] == "slow-disk":
                    throttle.fast(note)
                self.notes.end({**note, "state": "refused", "error": f"it could not be prepared: {error}"})
                raise
            if note["do"] == "power-off":
                return self._go_off(note, due)
            moment.wait_until(due)
            # Right before the fault: to write the note may take a slow disk longer than a moment.
            note["began"], note["began_monotonic"] = time.time(), time.monotonic()
            note["late_s"] = note["began_monotonic"] - due if left_s else None
            try:
                begin(note)
            except (FaultError, OSError) as error:
                note["error"] = str(error)
            self.notes.write(note)
        if note["error"] or not for_s:
            self.heal(fault_id)
        if note["error"]:
            raise FaultError(str(note["error"]))
        return note

    def _require_no_other(self, due: float) -> None:
        """Raise FaultError if the member's process has a fault at that moment: to heal one would end the other."""
        while other := self._other():
            if time.monotonic() > due + _HEALS_S:
                raise FaultError(f"the fault {other} is still in the member")
            time.sleep(_POLL_S)

    def _other(self) -> str | None:
        """Return a fault that the member's process has now."""
        for other in self.notes.active():
            with contextlib.suppress(FileNotFoundError):  # it is healed meanwhile
                if self.notes.read(other)["do"] in _OF_PROCESS:
                    return other
        return None

    def heal(self, fault_id: str) -> dict[str, Any] | None:
        """Heal a fault, if it is there; return its note. Raises FaultError where it cannot be healed."""
        if not self.notes.is_active(fault_id):
            return None
        with self.notes.locked(fault_id):
            if not self.notes.is_active(fault_id):  # meanwhile
                return None
            note = self.notes.read(fault_id)
            note["error"] = self._ends()[note["do"]](note) or note["error"]
            is_same_boot = note["boot"] == boot.boot_id()
            if not is_same_boot:
                self._member.start()
            note["ended"], note["state"] = time.time(), "healed"
            if note["began"] is not None:
                gone_s = time.monotonic() - note["began_monotonic"] if is_same_boot else note["ended"] - note["began"]
                note["lasted_s"] = max(0.0, gone_s)
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
            healed += [] if type(self._workers) is Workers else network.remove_left(set(self.notes.active()))
        except FaultError as error:
            problems.append(str(error))
        return healed, problems

    def expire(self, fault_id: str) -> None:
        """Heal a fault at its deadline, which was set before it began; try again a few times."""
        with self.notes.locked(fault_id):  # it may be about to begin
            pass
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

    def prepare(self) -> None:
        """Have what is left healed after a reboot, where systemd can do that."""
        if deadline.has_systemd():
            boot.install(self._member.folder.name, self._launcher)

    def retire(self) -> None:
        """Have nothing healed after a reboot any more."""
        if deadline.has_systemd():
            boot.remove(self._member.folder.name)

    def hold(self, fault_id: str) -> None:
        """Take the memory of a fault, in this process, until its deadline."""
        note = self.notes.read(fault_id)
        memory.hold(int(note["mib"]), float(note["for_s"]) + memory.GRACE_S)

    def heal_after_boot(self) -> tuple[list[str], list[str]]:
        """Heal the faults that were there when the host went down, and start the member; see `heal_all`."""
        healed, problems = [], []
        for fault_id in self.notes.active():
            try:
                if self.notes.read(fault_id)["boot"] != boot.boot_id() and self.heal(fault_id) is not None:
                    healed.append(fault_id)
            except _TROUBLE as error:
                problems.append(f"{fault_id}: {error}")
        return healed, problems

    def _needed(self, note: dict[str, Any]) -> dict[str, Any]:
        """Return what the note of an action must tell besides. Raises FaultError where the fault cannot be done."""
        found: dict[str, Any] = {}
        if note["do"] in ("kill", "pause", "gc", "slow-disk", "full-disk", "power-off"):
            found["process"] = list(self._member.process())
        if note["do"] == "pause" and self._workers is not None:
            found["processes"] = [list(process) for process in self._workers.processes()]
        if note["do"] == "slow-disk":
            mount = self._launcher.parent / "blkio"
            return found | throttle.prepare(note, self._member.folders(), self._member.unit(), mount)
        if note["do"] == "full-disk":
            return found | {"file": disks.place(note, self._member.folders())}
        if note["do"] == "power-off" and note["by"] == "reboot" and not abilities.look([])["reboots"]:
            raise FaultError("the host may not be rebooted: it needs root with CAP_SYS_BOOT")
        if note["do"] == "clock-step":
            able = abilities.look([])
            if able["container"] or not able["sets_clock"]:
                raise FaultError("the clock may not be set: the host is a container, or it lacks CAP_SYS_TIME")
        if note["do"] == "memory-pressure":
            return found | memory.prepare(note)
        return found

    def _make_ready(self, note: dict[str, Any]) -> None:
        if note["do"] == "slow-disk":
            throttle.make_ready(note)

    def _begins(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        return {
            "kill": self._kill,
            "pause": lambda note: self._send(note, signal.SIGSTOP),
            "stop": lambda _: self._member.stop(),
            "restart": lambda _: self._member.stop(),
            "gc": lambda note: jvm.collect_garbage(Identity(*note["process"])),
            "partition": network.cut,
            "loss": network.cut,
            "slow-disk": throttle.slow,
            "full-disk": disks.fill,
            "memory-pressure": self._press,
            "power-off": lambda _: None,
            "clock-step": lambda note: note.update(clock.step(note)),
        }

    def _ends(self) -> dict[str, Callable[[dict[str, Any]], str | None]]:
        return {
            "kill": lambda _: self._member.start(),
            "pause": lambda note: self._send(note, signal.SIGCONT),
            "stop": lambda _: self._member.start(),
            "restart": lambda _: self._member.start(),
            "gc": lambda _: None,
            "partition": network.join,
            "loss": network.join,
            "slow-disk": throttle.fast,
            "full-disk": self._make_room,
            "memory-pressure": memory.release,
            "power-off": lambda note: "the host did not go away" if note["boot"] == boot.boot_id() else "",
            # A boot sets the clock by itself.
            "clock-step": lambda note: clock.step_back(note) if note["boot"] == boot.boot_id() else None,
        }

    def _send(self, note: dict[str, Any], number: int) -> None:
        for process in note.get("processes") or [note["process"]]:
            self._member.signal(Identity(*process), number)

    def _go_off(self, note: dict[str, Any], due: float) -> dict[str, Any]:
        """Let the host reboot at the moment, or the controller have it switched off; return before that."""
        note["began"], note["began_monotonic"] = time.time() + max(0.0, due - time.monotonic()), due
        self.notes.write(note)

        def reboot() -> None:
            moment.wait_until(due)
            boot.reboot()

        if note["by"] == "reboot":
            deadline.detach(reboot)
        return note

    def _press(self, note: dict[str, Any]) -> None:
        note.update(memory.press(note, self._launcher, deadline.has_systemd()))

    def _make_room(self, note: dict[str, Any]) -> None:
        disks.free(note)
        self._member.start()  # it may have ended without room

    def _kill(self, note: dict[str, Any]) -> None:
        process = Identity(*note["process"])
        self._member.kill(process)
        if not gone(process):
            raise FaultError(f"process {process.pid} does not end")
