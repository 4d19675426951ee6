"""See that a run is finished whose `ansible-playbook` ends too early; how, `fleet.finishing` says."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

from fleet.finishing import FINISHING, Secrets, collecting, completing, play, say
from fleet.interruption import Interruption
from fleet.record_holders import give_up, held_by

DOCUMENTATION = """
name: unfinished_run
type: aggregate
short_description: Finishes a run whose ansible-playbook ends too early
description: Stops the load and collects what it has recorded so far.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Notes what this process holds of a run, and acts when the process ends."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "unfinished_run"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._unfinished: Path | None = None  # the folder that has the record
        self._is_taken_over = self._is_collecting = self._is_complete = False
        self._claimed = ""  # the run that holds hosts
        self._closed: Path | None = None  # the record, once it has its final name
        self._begun: dict[str, Any] = {}  # the report
        self._last_play = ""
        self._secrets = Secrets()
        self._interruption = Interruption(lambda: self._unfinished is not None)
        if FINISHING not in os.environ:
            atexit.register(self._finish)

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Take the signals that end a playbook, and keep what opens vaults."""
        if FINISHING not in os.environ:
            self._interruption.install()
        plays = playbook.get_plays()
        self._last_play = plays[-1].get_name() if plays else ""
        self._secrets.vault = [(name, secret.bytes) for name, secret in playbook._loader._vault.secrets or []]

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Know when all is done: the last play only says how it went."""
        self._is_complete = self._closed is not None and play.get_name() == self._last_play

    def v2_runner_on_failed(self, result: Any, **_: Any) -> None:
        """Know that the report has failed: its message says what to do, and the members were stopped before."""
        if result._task.action == "write_report" and not self._interruption.came:  # else its process was ended
            self._is_complete = True

    def set_play_context(self, play_context: Any) -> None:
        """Keep the passwords that this process was told."""
        self._secrets.connection = str(play_context.password or "")
        self._secrets.become = str(play_context.become_pass or "")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note what this process holds: hosts, a report that is being written, the record."""
        asked, answer = result._task.args, result._result if isinstance(result._result, dict) else {}
        match result._task.action, asked.get("operation"):
            case "run_lease", _:
                self._claimed = answer.get("claimed") or ("" if answer.get("released") else self._claimed)
            case "write_report", _:
                self._begun = {}  # it is written
            case "run_record", "note_phase" if asked.get("name") == "collect":
                self._is_collecting = True  # from then on it has had a load
            case "run_record", "open" | "take_over" as operation if answer.get("folder"):
                self._unfinished = Path(answer["folder"]).parent
                self._is_taken_over = operation == "take_over"
            case "run_record", "close" if self._is_collecting:
                self._closed = Path(answer["folder"])
                self._begun = answer.get("report") or {}

    def _finish(self) -> None:
        if os.getpid() != self._pid or self._unfinished is None:
            return  # a worker of Ansible's, or nothing was begun
        if self._is_taken_over and not self._interruption.came:
            return  # it has just tried to finish a run, and said why that failed
        held = held_by(self._pid, self._unfinished)
        if not held and (self._is_complete or not (self._closed or self._claimed)):
            return
        self._interruption.finishing()
        if not held and self._closed:
            self._complete(self._closed)
        elif not held:
            play(completing(self._claimed), self._secrets)  # it failed before it had a load, and closed its record
        else:
            say("\nThis ansible-playbook ends before its run: ending the load, keeping the figures so far …")
            # The record is given up first, so that the other process finds it left behind.
            for folder in held:
                give_up(folder)
            reason = "the controller was interrupted or a task failed before the run was complete"
            if play(collecting(reason), self._secrets):
                say("Not all of it could be collected; ansible-playbook playbooks/collect.yml tries again.")

    def _complete(self, closed: Path) -> None:
        """Do what is left to do of a run whose record is closed."""
        say("\nThis ansible-playbook ends early: the figures are here, and what is left to do is done now …")
        command = completing(closed.name, closed, self._begun)
        code = play(command, self._secrets)
        if self._claimed or self._is_taken_over:  # else hosts were released already, and they are tidied before that
            say("Files of the run may still be on load hosts; ansible-playbook playbooks/tidy.yml removes them.")
        if code:
            names = ", ".join(f"playbooks/{Path(word).name}" for word in command if word.endswith(".yml"))
            say(f"Not all of it could be done; see above, and call what is needed of {names}.")
