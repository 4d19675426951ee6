"""How a run is finished whose `ansible-playbook` ends too early: Ctrl-C, SIGTERM, SIGHUP, a failed task.

Another `ansible-playbook`, with the same inventory and variables, stops the load, collects what was recorded so far,
and after `benchmark.yml` also stops members that are not to be kept and writes the report. Where the record is closed
already, it releases the hosts and does what is left.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ansible import constants, context
from ansible.utils.display import Display

FINISHING: Final = "ZK_LOCUST_FINISHING"
PLAYBOOKS: Final = Path(__file__).parents[1] / "playbooks"
# Options that stay as they were, beside `_FLAGS`. What to play (tags, check) does not, and what asks for passwords or
# names their files is replaced by `Secrets`: a question from there could not be answered.
_OPTIONS: Final = ("inventory", "extra_vars", "connection", "timeout", "ssh_common_args", "forks",
    "sftp_extra_args", "scp_extra_args", "ssh_extra_args", "become_method", "become_user", "module_path")  # fmt: skip
_OTHER_NAMES: Final = {"subset": "limit", "private_key_file": "private-key", "remote_user": "user"}
_FLAGS: Final = ("become", "flush_cache", "force_handlers")


@dataclass
class Secrets:
    """What this process was told or has read to reach hosts and to open vaults."""

    connection: str = ""
    become: str = ""
    vault: list[tuple[str, bytes]] = field(default_factory=list)

    def put(self, folder: Path) -> dict[str, str]:
        """Write them to files that only this user reads; return the variables that tell Ansible of them."""
        told = {"ANSIBLE_ASK_PASS": "false", "ANSIBLE_BECOME_ASK_PASS": "false", "ANSIBLE_ASK_VAULT_PASS": "false"}
        # Ansible refuses an empty one. Pipes would not do: it resolves the paths of two of them.
        for name, secret in (("connection", self.connection), ("become", self.become)):
            if secret:
                told[f"ANSIBLE_{name.upper()}_PASSWORD_FILE"] = _file(folder / name, secret.encode())
        if vaults := [f"{name}@{_file(folder / f'vault-{n}', secret)}" for n, (name, secret) in enumerate(self.vault)]:
            told["ANSIBLE_VAULT_IDENTITY_LIST"] = ",".join(vaults)
        return told


def _file(path: Path, secret: bytes) -> str:
    path.touch(mode=0o600)
    path.write_bytes(secret)
    return str(path)


def is_benchmark() -> bool:
    """Whether this `ansible-playbook` plays `benchmark.yml`."""
    return any(Path(playbook).name == "benchmark.yml" for playbook in context.CLIARGS["args"])


def collecting(reason: str) -> list[str]:
    """Return the command that ends a load and collects what it has recorded."""
    variables: dict[str, Any] = {"benchmark_stop": True, "benchmark_interruption": reason}
    return _command("collect.yml", variables, variables | {"benchmark_report_follows": True})


def completing(run_id: str, closed: Path | None = None, begun: Mapping[str, Any] | None = None) -> list[str]:
    """Return the command for a closed record, or a run without a load; `begun` is the report that is being written."""
    variables: dict[str, Any] = {"run_record_id": run_id}
    if closed is None:
        return _command("release.yml", variables)
    report = {"run_record_report": dict(begun)} if begun else {}
    return _command("release.yml", variables, variables | {"run_record_result": str(closed)} | report)


def _command(first: str, variables: Mapping[str, Any], of_benchmark: Mapping[str, Any] | None = None) -> list[str]:
    options, names = context.CLIARGS, [first]
    if of_benchmark and is_benchmark():
        names, variables = [first, "stop.yml", "report.yml"], {**of_benchmark, "stop_only_unkept": True}
    words = [str(Path(sys.executable).with_name("ansible-playbook"))]
    for option in (*_OPTIONS, *_OTHER_NAMES):
        value, flag = options.get(option), _OTHER_NAMES.get(option, option).replace("_", "-")
        values = list(value) if isinstance(value, list | tuple) else [value]
        # Ansible puts a module path before those that it has read.
        words += [f"--{flag}={each}" for each in values[:: -1 if option == "module_path" else 1] if each]
    words += [f"--{flag.replace('_', '-')}" for flag in _FLAGS if options.get(flag)]
    # Ansible counts from its configured verbosity, which the command reads too.
    words += ["-v"] * ((options.get("verbosity") or 0) - constants.DEFAULT_VERBOSITY)
    return [*words, "-e", json.dumps(dict(variables)), *(str(PLAYBOOKS / name) for name in names)]


def play(command: list[str], secrets: Secrets) -> int:
    """Call an `ansible-playbook`, show what it says, and return its exit code."""
    # With our own descriptors for its output, an ansible-playbook that is started here ends without a word.
    with (
        tempfile.TemporaryDirectory(prefix="zk-locust-", ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            command, env=os.environ | secrets.put(Path(folder)) | {FINISHING: "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,  # another Ctrl-C is not for it
        ) as finishing,
    ):  # fmt: skip
        assert finishing.stdout is not None
        for line in finishing.stdout:
            if line.startswith("PLAY "):  # Ansible has read them before it plays anything
                shutil.rmtree(folder, ignore_errors=True)
            say(line.rstrip("\n"))
    return finishing.returncode


def say(line: str) -> None:
    """Show a line; a terminal or a pipe that is gone must not keep the run from being finished."""
    with contextlib.suppress(OSError):
        Display().display(line)
