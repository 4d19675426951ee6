"""Calls playbooks as a user would call them, each in a process of its own that ends as after Ctrl-C."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet.errors import InputError
from fleet.experiments.arms import Arm

_ASKING: Final = {
    "ask_pass": "--ask-pass",
    "become_ask_pass": "--ask-become-pass",
    "ask_vault_pass": "--ask-vault-password",
}
_PARTIAL: Final = {
    "subset": "--limit",
    "tags": "--tags",
    "skip_tags": "--skip-tags",
    "start_at_task": "--start-at-task",
    "step": "--step",
}
_FORWARDED: Final = {
    "vault_ids": "--vault-id",
    "vault_password_files": "--vault-password-file",
    "private_key_file": "--private-key",
    "remote_user": "--user",
    "connection": "--connection",
    "timeout": "--timeout",
    "forks": "--forks",
    "ssh_common_args": "--ssh-common-args",
    "ssh_extra_args": "--ssh-extra-args",
    "sftp_extra_args": "--sftp-extra-args",
    "scp_extra_args": "--scp-extra-args",
    "become_method": "--become-method",
    "become_user": "--become-user",
    "connection_password_file": "--connection-password-file",
    "become_password_file": "--become-password-file",
}
# Ctrl-C: the playbook ends its load and collects what there is.
_END_LIMIT_S: Final = 180.0
# Longer than `fleet.interruption.RETRY_S`, in which it takes no other one.
_AGAIN_S: Final = 20.0
_LOOK_S: Final = 0.5
_VARIABLES: Final = "variables.json"
# Ansible kills the process that waits here after Ctrl-C. The shell stays until the playbook has ended, and then removes
# the folder of the variables. Its traps do not apply to the playbook.
_SHELL: Final = 'trap : INT TERM HUP; "$@"; code=$?; rm -rf "$0"; exit $code'


@dataclass(frozen=True, slots=True)
class Playbooks:
    """How playbooks are called: their folder, the inventories, options of ansible-playbook, and variables of `-e`.

    `variables` may hold secrets: they reach a playbook in a file that only this user can read. `interrupted` says
    whether the experiment must end.
    """

    folder: Path
    inventory: tuple[str, ...]
    options: tuple[str, ...]
    variables: Mapping[str, Any]
    interrupted: Callable[[], bool] = lambda: False

    def call(self, playbook: str, arm: Arm, log: Path, more: Mapping[str, Any], arguments: Sequence[str] = ()) -> int:
        """Call a playbook with an arm's variables; its screen goes to the end of `log`. Returns the exit code.

        Raises KeyboardInterrupt if the experiment is interrupted: the playbook gets Ctrl-C, and has ended then, or the
        exception says that it still runs.
        """
        if self.interrupted():
            raise KeyboardInterrupt
        folder = _private_folder({**self.variables, **arm.variables, **more})
        words = [str(Path(sys.executable).with_name("ansible-playbook")), str(self.folder / f"{playbook}.yml")]
        words += [word for source in self.sources(arm) for word in ("-i", source)]
        words += [*self.options, *arguments, "-e", f"@{folder / _VARIABLES}"]
        environment = os.environ | {"ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}
        with _removed_on_failure(folder), log.open("ab") as screen:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _SHELL, str(folder), *words], stdin=subprocess.DEVNULL, stdout=screen,
                stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip
        try:
            return self._wait(process)
        except BaseException as error:
            if not _end(process):
                # The shell must stay, because it removes the variables.
                raise KeyboardInterrupt(
                    f"{playbook}.yml has not ended within {_END_LIMIT_S:g} s of Ctrl-C and still runs as process "
                    f"{process.pid}; see {log}, and end it with pkill -KILL -P {process.pid}"
                ) from error
            raise

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        ended = os.pidfd_open(process.pid)
        try:
            while not select.select([ended], [], [], _LOOK_S)[0]:
                if self.interrupted():
                    raise KeyboardInterrupt
        finally:
            os.close(ended)
        return process.wait()

    def sources(self, arm: Arm) -> list[str]:
        """The inventories of an arm's runs."""
        return [str(Path(arm.inventory).expanduser().absolute())] if arm.inventory else list(self.inventory)


def _end(process: "subprocess.Popen[bytes]") -> bool:
    """Send a playbook Ctrl-C and wait until it has ended, at most `_END_LIMIT_S`; return whether it has.

    Ansible can be caught in a lock of a worker that it has just ended; another Ctrl-C frees it. A playbook that is
    ending its run already only says so.
    """
    for _ in range(round(_END_LIMIT_S / _AGAIN_S)):
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_AGAIN_S)
            return True
    return False


def _private_folder(variables: Mapping[str, Any]) -> Path:
    """Write variables to a file in a new folder, both for this user only."""
    folder = Path(tempfile.mkdtemp(prefix="zk-locust-experiment-"))
    with _removed_on_failure(folder):
        file = folder / _VARIABLES
        file.touch(mode=0o600)
        file.write_text(json.dumps(variables, default=str), encoding="utf-8")
    return folder


@contextlib.contextmanager
def _removed_on_failure(folder: Path) -> Iterator[None]:
    """Remove a folder of variables where no playbook was started that removes it."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def forwarded(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the options of this ansible-playbook that its benchmarks need too.

    Raises InputError for one that asks for a password, or that would leave out a part of each benchmark.
    """
    for name, option in _ASKING.items():
        if options.get(name):
            raise InputError(
                f"{option}: the runs of an experiment cannot ask; use a vault, and ANSIBLE_VAULT_PASSWORD_FILE"
            )
    for name, option in _PARTIAL.items():
        if options.get(name) and options[name] != ("all",) and options[name] != ["all"]:
            raise InputError(f"{option}: an experiment needs complete benchmarks on all hosts; leave it out")
    words: list[str] = []
    for name, option in _FORWARDED.items():
        value = options.get(name)
        words += [f"{option}={each}" for each in (value if isinstance(value, list | tuple) else [value]) if each]
    return (*words, *(["--become"] if options.get("become") else []))
