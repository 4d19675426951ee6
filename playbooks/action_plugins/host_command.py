"""Run a command on a host over the connection alone: a module's start would cost more than what most commands do."""

from __future__ import annotations

import shlex
import time
from typing import Any

from ansible.plugins.action import ActionBase


def shell_text(argv: list[str], removes: str, environment: str, *, reads_input: bool, folder: str = "") -> str:
    """Return the text for the host's shell, which goes to `folder` first if there is one.

    Where `removes` is not there it does nothing, and says so by `_NOT_RUN`. A command that reads no input of its own is
    sent an empty line, which the shell reads first: else ssh could have ended, with the command, before it is sent.
    """
    words = " ".join(shlex.quote(word) for word in argv)
    command = f"{environment} {words}".strip() + ("" if reads_input else " </dev/null")
    text = f"if test -e {shlex.quote(removes)}; then {command}; else echo {_NOT_RUN}; fi" if removes else command
    text = f"cd {shlex.quote(folder)} && {text}" if folder else text
    return text if reads_input else f"read -r _; {text}"


_NOT_RUN = "zk-locust-command-not-run"


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `host_command`.

    `argv`, `removes` and `stdin` are those of `ansible.builtin.command`, and so is the result: `rc`, `stdout`,
    `stderr`, and `delta` only where the command was run. In check mode it is skipped. The current folder is `/` on
    another machine, and the playbook's where the connection is local.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the command."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "argv": {"type": "list", "elements": "str", "required": True},
                "removes": {"type": "str", "default": ""},
                "stdin": {"type": "str"},
            }
        )
        if self._task.check_mode:
            return result | {"skipped": True, "changed": False, "rc": 0, "stdout": "", "stderr": ""}
        # In the home of the user who logs in, `python -m` would run what that user calls like a module, as root too.
        folder = "" if self._connection.transport == "local" else "/"
        if not self._connection.is_pipelining_enabled():  # such as sudo that asks for a terminal
            arguments = {name: value for name, value in (given | {"chdir": folder}).items() if value}
            found: dict[str, Any] = self._execute_module("ansible.legacy.command", arguments, task_vars=task_vars)
            if found.get("rc") == 0 and found.get("delta") is None:  # there was nothing to remove
                found = {"changed": False, "rc": 0, "stdout": "", "stderr": ""}
            return result | found
        stdin = given["stdin"]
        text = shell_text(
            given["argv"],
            given["removes"],
            self._compute_environment_string(),
            reads_input=stdin is not None,
            folder=folder,
        )
        began = time.monotonic()
        # With something to read there is no terminal, which would end what the command leaves running.
        answer = self._low_level_execute_command(text, sudoable=True, in_data=(stdin or "\n").encode())
        stdout, stderr = (str(answer[name]).rstrip("\r\n") for name in ("stdout", "stderr"))
        if given["removes"] and stdout == _NOT_RUN:
            return result | {"changed": False, "rc": 0, "stdout": "", "stderr": ""}
        result |= {
            "changed": True,
            "rc": answer["rc"],
            "stdout": stdout,
            "stdout_lines": stdout.splitlines(),
            "stderr": stderr,
            "stderr_lines": stderr.splitlines(),
            "delta": f"{time.monotonic() - began:.6f}",
        }
        return result if answer["rc"] == 0 else result | {"failed": True, "msg": "non-zero return code"}
