"""Finish a run whose `ansible-playbook` ends too early: Ctrl-C, SIGTERM, SIGHUP, a failed task.

The load would end by itself, but not at once, and its figures would wait for `collect.yml`. So, when this process ends
and still holds the record of a run, the load is stopped, what was recorded so far is collected, and the members are
stopped where they are not to be kept: by the same playbooks, called with the same inventory and variables. One that
ends after it has closed the record has still to release its hosts, to stop members and to write its report.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.utils.display import Display

from fleet.interruption import Interruption
from fleet.run_record import UNFINISHED, give_up, held_by

DOCUMENTATION = """
name: unfinished_run
type: aggregate
short_description: Finishes a run whose ansible-playbook ends too early
description: Stops the load and collects what it has recorded so far.
"""

FINISHING = "ZK_LOCUST_FINISHING"
BENCHMARK = "benchmark.yml"

# What says which part of the playbook is played is of no use to the playbooks that finish it, and what says where
# secrets come from is replaced by the secrets: nobody could answer a question that is asked from there.
_LEFT_OUT = {
    "--tags": 1,
    "--skip-tags": 1,
    "--start-at-task": 1,
    "--check": 0,
    "--diff": 0,
    "--step": 0,
    "--ask-pass": 0,
    "--ask-become-pass": 0,
    "--ask-vault-pass": 0,
    "--ask-vault-password": 0,
    "--connection-password-file": 1,
    "--conn-pass-file": 1,
    "--become-password-file": 1,
    "--become-pass-file": 1,
    "--vault-id": 1,
    "--vault-password-file": 1,
    "--vault-pass-file": 1,
}
_LETTERS_LEFT_OUT = {"t": 1, "C": 0, "D": 0, "k": 0, "K": 0, "J": 0}
_LETTERS_WITH_VALUE = "cefluiTM"


def called_again(
    words: list[str], playbooks: list[str], variables: Mapping[str, Any], others: Sequence[Path]
) -> list[str]:
    """Return the command that plays `others` as the `ansible-playbook` that was called with `words` was.

    Inventory, variables, users, keys and limits stay as they were; `playbooks` are the paths among the words.
    """
    kept, left_out = [words[0]], 0
    for word in words[1:]:
        if left_out:
            left_out -= 1
        elif word.startswith("--"):
            name, equals, _ = word.partition("=")
            left_out = 0 if equals else _LEFT_OUT.get(name, 0)
            kept += [word] if name not in _LEFT_OUT else []
        elif word.startswith("-") and " " not in word:  # else it is the value of --ssh-common-args or its like
            letters, left_out = _without_left_out(word[1:])
            kept += [f"-{letters}"] if letters else []
        elif word not in playbooks:
            kept.append(word)
    return [*kept, "-e", json.dumps(dict(variables)), *(str(other) for other in others)]


def _without_left_out(letters: str) -> tuple[str, int]:
    """Return the letters that stay of those that share a dash, and how many of the next words go with the others."""
    kept = ""
    for place, letter in enumerate(letters):
        if letter in _LETTERS_WITH_VALUE:
            return kept + letters[place:], 0
        if _LETTERS_LEFT_OUT.get(letter):
            return kept, 0 if letters[place + 1 :] else 1
        kept += letter if letter not in _LETTERS_LEFT_OUT else ""
    return kept, 0


@dataclass
class Secrets:
    """What this process was told or has read to reach hosts and to open vaults."""

    connection: str = ""
    become: str = ""
    vault: list[tuple[str, bytes]] = field(default_factory=list)

    def put(self, folder: Path) -> dict[str, str]:
        """Write them to files below `folder`, its user's only; return the variables that tell Ansible of them."""
        told = {"ANSIBLE_ASK_PASS": "false", "ANSIBLE_BECOME_ASK_PASS": "false", "ANSIBLE_ASK_VAULT_PASS": "false"}
        # Ansible refuses an empty one. Pipes would not do: it resolves the paths of two of them.
        if self.connection:
            told["ANSIBLE_CONNECTION_PASSWORD_FILE"] = self._file(folder / "connection", self.connection.encode())
        if self.become:
            told["ANSIBLE_BECOME_PASSWORD_FILE"] = self._file(folder / "become", self.become.encode())
        if self.vault:
            told["ANSIBLE_VAULT_IDENTITY_LIST"] = ",".join(
                f"{name}@{self._file(folder / f'vault-{number}', secret)}"
                for number, (name, secret) in enumerate(self.vault)
            )
        return told

    @staticmethod
    def _file(path: Path, secret: bytes) -> str:
        path.touch(mode=0o600)
        path.write_bytes(secret)
        return str(path)


def finishing_command(words: list[str], playbooks: list[str], playbooks_dir: Path, reason: str) -> list[str]:
    """Return the command that finishes the run of the `ansible-playbook` that was called with `words`."""
    variables: dict[str, Any] = {"benchmark_stop": True, "benchmark_interruption": reason}
    names = ["collect.yml"]
    if any(Path(playbook).name == BENCHMARK for playbook in playbooks):
        names += ["stop.yml", "report.yml"]
        variables |= {"stop_only_unkept": True, "benchmark_report_follows": True}
    return called_again(words, playbooks, variables, [playbooks_dir / name for name in names])


def completing_command(
    words: list[str], playbooks: list[str], playbooks_dir: Path, closed: Path, begun: Mapping[str, Any]
) -> list[str]:
    """Return the command that does what is left to do once the record is `closed`.

    `begun` is the report that collect.yml has begun to write, as the action write_report takes it.
    """
    variables: dict[str, Any] = {"run_record_id": closed.name}
    names = ["release.yml"]
    if any(Path(playbook).name == BENCHMARK for playbook in playbooks):
        names += ["stop.yml", "report.yml"]
        variables |= {"run_record_result": str(closed), "stop_only_unkept": True}
        variables |= {"__report_begun": dict(begun)} if begun else {}
    return called_again(words, playbooks, variables, [playbooks_dir / name for name in names])


def _say(line: str) -> None:
    """Show a line; a terminal or a pipe that is gone must not keep the run from being finished."""
    with contextlib.suppress(OSError):
        Display().display(line)


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Watches for the results folder that this process writes to, and acts when the process ends."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "unfinished_run"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._unfinished: Path | None = None
        self._is_taken_over = False
        self._claimed = ""  # the run that holds hosts
        self._is_collecting = False  # from then on it has had a load
        self._closed: Path | None = None  # the record, once it has its final name
        self._begun: dict[str, Any] = {}  # the report
        self._last_play = ""
        self._is_complete = False
        self._playbooks_dir = Path(__file__).parents[1]
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
        """Remember where the record is, when one is opened or taken over."""
        answer = result._result if isinstance(result._result, dict) else {}
        if result._task.action == "run_lease":
            self._claimed = answer.get("claimed") or ("" if answer.get("released") else self._claimed)
        if result._task.action == "write_report":
            self._begun = {key: answer[key] for key in ("folder", "work", "pid", "start") if answer.get("pid")}
        if result._task.action == "run_record":
            self._note_record(result._task.args, answer)

    def _note_record(self, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        if asked.get("operation") == "phase" and asked.get("name") == "collect":
            self._is_collecting = True
        folder = Path(answer.get("folder") or "")
        if folder.parent.name == UNFINISHED:
            self._unfinished = folder.parent
            self._is_taken_over = "notes" in answer
        elif asked.get("operation") == "close" and self._is_collecting:
            self._closed = folder

    def _finish(self) -> None:
        if os.getpid() != self._pid or self._unfinished is None:
            return  # a worker of Ansible's, or nothing was begun
        if self._is_taken_over and not self._interruption.came:
            return  # it has just tried to finish a run, and said why that failed
        held = held_by(self._pid, self._unfinished)
        if not held and (self._is_complete or not (self._closed or self._claimed)):
            return
        self._interruption.finishing()
        playbooks = list(context.CLIARGS["args"])
        if not held and self._closed:
            self._complete(playbooks, self._closed)
            return
        if not held:
            # It failed before it had a load, and has closed its record itself.
            self._play(called_again(sys.argv, playbooks, {"run_record_id": self._claimed}, [self._playbook("release")]))
            return
        _say("\nThis ansible-playbook ends before its run: ending the load, keeping the figures so far …")
        # The record is given up first, so that the other process finds it left behind.
        for folder in held:
            give_up(folder)
        reason = "the controller was interrupted or a task failed before the run was complete"
        if self._play(finishing_command(sys.argv, playbooks, self._playbooks_dir, reason)):
            _say("Not all of it could be collected; ansible-playbook playbooks/collect.yml tries again.")

    def _complete(self, playbooks: list[str], closed: Path) -> None:
        """Do what is left to do of a run whose record is closed."""
        _say("\nThis ansible-playbook ends early: the figures are here, and what is left to do is done now …")
        command = completing_command(sys.argv, playbooks, self._playbooks_dir, closed, self._begun)
        code = self._play(command)
        if self._claimed or self._is_taken_over:  # else hosts were released already, and they are tidied before that
            _say("Files of the run may still be on load hosts; ansible-playbook playbooks/tidy.yml removes them.")
        if code:
            names = ", ".join(f"playbooks/{Path(word).name}" for word in command if word.endswith(".yml"))
            _say(f"Not all of it could be done; see above, and call what is needed of {names}.")

    def _playbook(self, name: str) -> Path:
        return self._playbooks_dir / f"{name}.yml"

    def _play(self, command: list[str]) -> int:
        """Call an ansible-playbook, show what it says, and return its exit code."""
        # With our own descriptors for its output, an ansible-playbook that is started here ends without a word.
        with (
            tempfile.TemporaryDirectory(prefix="zk-locust-", ignore_cleanup_errors=True) as folder,
            subprocess.Popen(
                command,
                env=os.environ | self._secrets.put(Path(folder)) | {FINISHING: "1"},
                stdin=subprocess.DEVNULL,  # nobody would see what it asks
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # another Ctrl-C is not for it
            ) as finishing,
        ):
            assert finishing.stdout is not None
            for line in finishing.stdout:
                if line.startswith("PLAY "):  # Ansible has read them before it plays anything
                    shutil.rmtree(folder, ignore_errors=True)
                _say(line.rstrip("\n"))
        return finishing.returncode
