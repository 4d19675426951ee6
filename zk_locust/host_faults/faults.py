"""Does a fault, and heals it.

Times are seconds: `began` and `ended` by the host's wall clock, lengths by its monotonic clock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zk_locust.contract.faults.limits import MOST_LATE_S, STOP_TIMEOUT_S
from zk_locust.host_faults import boot, deadline, memory, moment, network, relay, shaping
from zk_locust.host_faults.actions import KINDS, OF_PROCESS, STEPS, Actions
from zk_locust.host_faults.errors import FaultError, told
from zk_locust.host_faults.member import Member
from zk_locust.host_faults.notes import Notes
from zk_locust.host_faults.workers import Workers

_AT_ONCE_S = 120.0
"""The deadline of what has no length of its own: its healing is part of the action."""
_LATE_LIMIT_S = 5.0
"""So long after its moment a fault waits for the end of another, which began late or heals slowly."""
_POLL_S = 0.02
_TRIES = 5
_TRY_AGAIN_S = 1.0
_STEP_BEGINS_S = 0.001
"""The deadline of a step. Whoever has the lock does it, and whoever waits for the lock goes on where the other is cut
off: the command of the controller, or the timer, which begins at once."""
_MOST_EARLY_S = 5.0
"""How much later than its deadline a fault may end at most: setting the deadline takes less."""


def _deadline_s(note: dict[str, Any]) -> float:
    """Return how long after its beginning a fault is healed: one that takes the host away by the next boot."""
    if note["do"] in STEPS:
        return _STEP_BEGINS_S
    return float(note["for_s"]) if note["for_s"] and note["do"] != "power-off" else _AT_ONCE_S


def _require_in_time(due: float) -> None:
    """Raise FaultError if that moment of the monotonic clock was too long ago."""
    late_s = time.monotonic() - due
    if late_s > MOST_LATE_S:
        raise FaultError(f"its moment was {late_s:.1f} s ago, so it is not done")


def _begun_at_last(note: dict[str, Any], is_same_boot: bool) -> str:
    """Give a note that never got it the beginning of its fault; return what is to be said of that.

    What did the fault was cut off before, or as it began; which of both, nobody knows.
    """
    if note["do"] in STEPS:  # its healing does it, now
        note["began"], note["began_monotonic"] = time.time(), time.monotonic()
        return ""
    if (time.monotonic() < note["begins_monotonic"]) if is_same_boot else (time.time() < note["begins"]):
        return "what was to do it was cut off before"
    note["began"], note["began_monotonic"] = note["begins"], note["begins_monotonic"]
    return "what did it was cut off as it began, so it may not have been done"


class Faults:
    """The faults of the member in `folder`; `launcher` runs this package there.

    `workers` are in its place the workers of a load host, or an external member. A member is given `stop_timeout_s`
    to end in order.
    """

    def __init__(
        self,
        folder: Path,
        launcher: Path,
        workers: Workers | None = None,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        self._member: Member | Workers = workers or Member(folder, stop_timeout_s)
        self._launcher = launcher
        self._owner = network.owner_of(launcher.parent)
        self.notes = Notes(launcher.parent / "notes")
        self._actions = Actions(self._member, launcher, self.notes)

    def do(self, fault: dict[str, Any]) -> dict[str, Any]:
        """Do a fault, with the deadline set before; return its note. Raises FaultError where it was not done.

        `fault` has `id`, `run_id`, `number`, `member`, `do` and `for_s`, and what the action needs. Without a planned
        moment (see `moment.seconds_left`) it is done at once; one whose moment was too long ago is not done.
        """
        begin = self._actions.begins()[fault["do"]]
        fault_id, for_s = fault["id"], float(fault["for_s"])
        is_planned = fault.get("in_s") is not None
        due = time.monotonic() + moment.seconds_left(fault)
        if is_planned:
            _require_in_time(due)
        with self.notes.locked(fault_id):
            for kind in KINDS:
                if fault["do"] in kind:
                    self._require_no_other(kind, due)
            note = {
                **fault,
                "owner": self._owner,
                "boot": boot.boot_id(),
                "state": "begun",
                "began": None,
                "begins": time.time() + max(0.0, due - time.monotonic()),
                "begins_monotonic": max(due, time.monotonic()),
                "ended": None,
                "lasted_s": None,
                "met": None,
                "error": "",
                "late_s": None,
            }
            note.update(self._actions.needed(note))
            self.notes.begin(note)
            try:
                self._actions.make_ready(note)
                deadline.arm(
                    fault_id, max(0.0, due - time.monotonic()) + _deadline_s(note), self._launcher,
                    lambda: self.expire(fault_id), lambda: self.notes.is_active(fault_id),
                )  # fmt: skip
                self._actions.make_way(note, lambda: self.relay(fault_id))
                if is_planned:
                    _require_in_time(due)
            except Exception as error:  # whatever it is, nothing is left of it
                self._actions.unmake(note)
                self.notes.end({**note, "state": "refused", "error": f"it could not be prepared: {error}"})
                raise
            if note["do"] == "power-off":
                return self._actions.go_off(note, due, is_planned=is_planned)
            moment.wait_until(due)
            # Right before the fault: to write the note may take a slow disk longer than a moment.
            note["began"], note["began_monotonic"] = time.time(), time.monotonic()
            note["late_s"] = note["began_monotonic"] - due if is_planned else None
            try:
                if not note["error"]:
                    begin(note)
                self.notes.write(note)
            except Exception as error:  # whatever it is, it is healed and told
                note["error"] = told(error)
                with contextlib.suppress(OSError):
                    self.notes.write(note)
        if note["error"] or not for_s:
            problem = note["error"]
            note = self.heal(fault_id) or self.notes.healed(fault_id) or note
            note["error"] = problem or note["error"]
        if note["error"]:
            raise FaultError(str(note["error"]))
        return note

    def relay(self, fault_id: str) -> None:
        """Delay the packets of a fault, in this process, until it is healed."""
        note = self.notes.read(fault_id)
        with contextlib.suppress(OSError):  # the tap is gone: it was healed
            relay.serve(shaping.taps_of(note), note)

    def _require_no_other(self, kind: Sequence[str], due: float) -> None:
        """Raise FaultError if the member has a fault of this kind shortly after that moment: both cannot be there."""
        while other := self._other(kind):
            if time.monotonic() > due + _LATE_LIMIT_S:
                raise FaultError(f"the fault {other} is still in the member")
            time.sleep(_POLL_S)

    def _other(self, kind: Sequence[str]) -> str | None:
        """Return a fault of this kind that the member has now."""
        for other in self.notes.active():
            with contextlib.suppress(FileNotFoundError):  # it is healed meanwhile
                if self.notes.read(other)["do"] in kind:
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
            is_same_boot = note["boot"] == boot.boot_id()
            cut_off = "" if note["began"] is not None else _begun_at_last(note, is_same_boot)
            note["error"] = self._actions.ends()[note["do"]](note) or note["error"] or cut_off
            if not is_same_boot and note["do"] not in STEPS:  # which start it
                self._member.start()
            note["ended"], over = note.pop("over", None) or (time.time(), time.monotonic())
            note["state"] = "healed"
            if note["began"] is not None:
                gone_s = over - note["began_monotonic"] if is_same_boot else note["ended"] - note["began"]
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
            except Exception as error:  # of one fault, whatever it is: the others are healed
                problems.append(f"{fault_id}: {told(error)}")
        try:
            if type(self._member) is not Workers:
                active = self.notes.active()
                healed += network.remove_left(self._owner, active)
                if not active:  # else it may be theirs
                    healed += shaping.remove_left(self._owner)
        except Exception as error:  # as before
            problems.append(told(error))
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
            except Exception:  # whatever it is, the next try may succeed
                time.sleep(_TRY_AGAIN_S)

    def start_member(self) -> bool:
        """Start the member if its process does not run; return whether that was so.

        Raises FaultError where a fault has ended it, or it does not start.
        """
        if not isinstance(self._member, Member):
            raise FaultError("only a member that is managed can be started")
        if self._member.running() is not None:
            return False
        if other := self._other(OF_PROCESS):
            raise FaultError(f"the fault {other} is still in the member")
        self._member.start()
        return True

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
            except Exception as error:  # of one fault, whatever it is
                problems.append(f"{fault_id}: {told(error)}")
        return healed, problems
