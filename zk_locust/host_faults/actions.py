"""How each action is done and healed on its host. The life of a fault (note, deadline, moment) is in `faults`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zk_locust.contract.process_identity import Identity
from zk_locust.host_faults import (
    abilities,
    boot,
    clock,
    connections,
    deadline,
    disks,
    jvm,
    memory,
    moment,
    network,
    operations,
    reconfiguration,
    sessions,
    shaping,
    throttle,
)
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.member import Member, gone
from zk_locust.host_faults.notes import Notes
from zk_locust.host_faults.workers import Workers

STEPS = ("rolling-upgrade", "replace-member")
"""What a host does completely by itself: healing is the operation."""
OF_PROCESS = ("kill", "pause", "stop", "restart", "gc", "slow-disk", "full-disk", "power-off", *STEPS)
SHAPING = ("delay", "bandwidth")
KINDS = (OF_PROCESS, SHAPING, ("clock-step",), ("reconfigure",))
"""Of each kind a member has one fault at a time: to heal one would end the other, or step the clock by too little."""
_WITH_PROCESS = ("kill", "pause", "gc", "slow-disk", "full-disk", "power-off", "drop-connections")
_STOPPED = ("stop", "restart")


class Actions:
    """The actions on one member, or on the workers of a load host; `launcher` runs this package there."""

    def __init__(self, member: Member | Workers, launcher: Path, notes: Notes) -> None:
        self._member = member
        self._launcher = launcher
        self._secret = launcher.parent / "super"
        self._notes = notes

    def needed(self, note: dict[str, Any]) -> dict[str, Any]:
        """Return what the note of an action must tell besides. Raises FaultError where the fault cannot be done."""
        found: dict[str, Any] = {}
        if note["do"] in _WITH_PROCESS:
            found["process"] = list(self._member.process())
        if note["do"] in _STOPPED:
            found["stopped"] = self._managed().running()
        if note["do"] in SHAPING:  # known before it begins, so that whatever is made can be removed
            found["devices"] = shaping.devices(note)
        if note["do"] == "pause" and isinstance(self._member, Workers):
            found["processes"] = [list(process) for process in self._member.processes()]
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

    def make_ready(self, note: dict[str, Any]) -> None:
        """Make what needs no deadline yet."""
        if note["do"] == "slow-disk":
            throttle.make_ready(note)

    def make_way(self, note: dict[str, Any], relay: Callable[[], None]) -> None:
        """Make what the packets will pass; `relay` may delay them. The deadline is set: it removes a half, too."""
        if note["do"] in SHAPING:
            shaping.make_ready(note, lambda: deadline.start(note["id"], self._launcher, relay))
            self._notes.write(note)

    def unmake(self, note: dict[str, Any]) -> None:
        """Remove what was made for a fault that will not begin."""
        if note["do"] == "slow-disk":
            throttle.fast(note)
        if note["do"] in SHAPING:
            shaping.end(note)

    def begins(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        """Return what begins each action. They raise FaultError or OSError where it was not done."""
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
            "delay": shaping.begin,
            "bandwidth": shaping.begin,
            "drop-connections": lambda note: connections.drop(
                note, Identity(*note["process"]), int(note["client_port"])
            ),
            "expire-sessions": self._expire_sessions,
            "rolling-upgrade": lambda note: operations.require_release(self._managed(), note),
            "replace-member": lambda _: None,
            "snapshot": operations.snapshot,
            "reconfigure": lambda note: reconfiguration.begin(note, self._secret),
        }

    def ends(self) -> dict[str, Callable[[dict[str, Any]], str | None]]:
        """Return what heals each action, and returns what went wrong with it."""
        return {
            "kill": lambda _: self._member.start(),
            "pause": lambda note: self._send(note, signal.SIGCONT),
            "stop": self._start_again,
            "restart": self._start_again,
            "gc": lambda _: None,
            "partition": network.join,
            "loss": network.join,
            "slow-disk": throttle.fast,
            "full-disk": self._make_room,
            "memory-pressure": memory.release,
            "power-off": lambda note: "the host did not go away" if note["boot"] == boot.boot_id() else "",
            # A boot sets the clock by itself.
            "clock-step": lambda note: clock.step_back(note) if note["boot"] == boot.boot_id() else None,
            "delay": shaping.end,
            "bandwidth": shaping.end,
            "drop-connections": lambda _: None,
            "expire-sessions": lambda _: None,
            "rolling-upgrade": lambda note: operations.upgrade(
                self._managed(), note, self._notes.write, self._kept(note)
            ),
            "replace-member": lambda note: operations.replace(self._managed(), note, self._notes.write),
            "snapshot": lambda _: None,
            "reconfigure": lambda note: reconfiguration.end(note, self._secret),
        }

    def _send(self, note: dict[str, Any], number: int) -> None:
        for process in note.get("processes") or [note["process"]]:
            self._member.signal(Identity(*process), number)

    def go_off(self, note: dict[str, Any], due: float, *, is_planned: bool) -> dict[str, Any]:
        """Let the host reboot at the moment, or the controller have it switched off; return before that."""
        late_s = max(0.0, time.monotonic() - due)
        note["began"], note["began_monotonic"] = time.time() + max(0.0, due - time.monotonic()), due + late_s
        note["late_s"] = late_s if is_planned else None
        self._notes.write(note)

        def reboot() -> None:
            moment.wait_until(due)
            boot.reboot()

        if note["by"] == "reboot":
            deadline.detach(reboot)
        return note

    def _expire_sessions(self, note: dict[str, Any]) -> None:
        sessions.expire(note, self._managed().settings())

    def _managed(self) -> Member:
        if not isinstance(self._member, Member):
            raise FaultError("only a member that is managed can have that")
        return self._member

    def _start_again(self, note: dict[str, Any]) -> None:
        is_here = bool(note.get("stopped")) and note["boot"] == boot.boot_id()
        stopped = Identity(*note["stopped"]) if is_here else None
        self._managed().start_again(stopped, is_ending=bool(note["error"]))

    def _press(self, note: dict[str, Any]) -> None:
        note.update(memory.press(note, self._launcher, deadline.has_systemd()))

    def _make_room(self, note: dict[str, Any]) -> None:
        disks.free(note)
        self._member.start()  # it may have ended without room

    def _kept(self, note: dict[str, Any]) -> Path:
        """Return the folder that keeps what the member had before."""
        return self._launcher.parent / "kept" / str(note["id"])

    def _kill(self, note: dict[str, Any]) -> None:
        process = Identity(*note["process"])
        self._member.kill(process)
        if not gone(process):
            raise FaultError(f"process {process.pid} does not end")
