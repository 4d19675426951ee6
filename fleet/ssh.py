"""OpenSSH's own `ssh`, called with the arguments that Ansible's connection plugin would give it for a host.

So `Include`, `Match`, certificates, jump hosts and all of ssh_config(5) mean here what they mean to Ansible.
"""

import contextlib
import getopt
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from fleet.errors import InputError, one_line

CONNECT_LIMIT_S: Final = 5
_MOST_HOPS: Final = 8
_CONFIG_LIMIT_S: Final = 10
_FLAGS: Final = "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy"  # ssh(1)
# Only the debug log has the fingerprint of an unknown key. With -v, jump hosts would write to standard error too.
_LOGGED: Final = ("-o", "LogLevel=DEBUG1")
# Forwardings of a shared connection would outlive the command that asked for them.
NOT_SHARED: Final = ("-o", "ControlPath=none", "-o", "ControlMaster=no", "-o", "ControlPersist=no")


class Ssh:
    """How one host is reached. `address`, `user` and `port` are what the inventory says; the last two may be None."""

    def __init__(self, name: str, variables: Mapping[str, Any]) -> None:
        self._name = name
        self._plugin = connection_loader.get("ssh", PlayContext())
        with self._explained():
            self._plugin.set_options(var_options=variables)
            if self._plugin.get_option_and_origin("timeout")[1] == "default":
                self._plugin.set_option("timeout", CONNECT_LIMIT_S)
            self._program = str(self._plugin.get_option("ssh_executable"))
            self.address = str(self._plugin.get_option("host") or name)
            self._plugin.host = self.address  # the path of a shared connection depends on it
            self.user: str | None = self._plugin.get_option("remote_user") or None
            self.port: int | None = self._plugin.get_option("port")
            self.key_file: str | None = self._plugin.get_option("private_key_file") or None
            self.has_password = bool(self._plugin.get_option("password"))
            self.uses_sshpass = self.has_password and self._plugin.get_option("password_mechanism") == "sshpass"
            for option in ("ssh_args", "ssh_common_args", "ssh_extra_args"):
                _require_split(name, f"ansible_{option}", str(self._plugin.get_option(option) or ""))
            self.arguments()  # a bad setting is refused before any host is asked
        if self.port is not None and not 1 <= self.port <= 65535:
            raise InputError(f"{name}: ansible_port [{self.port}] must be a whole number from 1 to 65535")
        if self.key_file and not Path(self.key_file).expanduser().is_file():
            raise InputError(
                f"{name}: ansible_ssh_private_key_file [{self.key_file}] is no file here; correct the path"
            )

    def arguments(self) -> list[str]:
        """The program and its arguments, up to the host."""
        with self.command() as (words, _):
            return words[words.index(self._program) :]

    @contextlib.contextmanager
    def command(self, *, first: Sequence[str] = (), last: Sequence[str] = ()) -> Iterator[tuple[list[str], Any]]:
        """The words of a command and the options of Popen that it needs, valid within the block.

        `first` are arguments that override Ansible's; `last` are the host and the remote command.
        """
        plugin = self._plugin
        plugin.sshpass_pipe = plugin.shm = None
        with self._explained():
            built = plugin._build_command(self._program, "ssh", *last)
        words = [os.fsdecode(word) for word in built]
        place = words.index(self._program) + 1
        words[place:place] = first
        options: dict[str, Any] = {}
        try:
            if plugin.sshpass_pipe:
                os.write(plugin.sshpass_pipe[1], os.fsencode(f"{plugin.get_option('password')}\n"))
                options["pass_fds"] = plugin.sshpass_pipe[:1]
            else:
                # The password, if there is one, is in shared memory, where Ansible's SSH_ASKPASS program reads it.
                with self._explained():
                    options = plugin._init_shm()
            # Without a password ssh asks for nothing, neither on the terminal nor in a window.
            options.setdefault("env", os.environ | {"SSH_ASKPASS_REQUIRE": "never"})
            yield words, options
        finally:
            for end in plugin.sshpass_pipe or ():
                os.close(end)
            if plugin.shm:
                with contextlib.suppress(FileNotFoundError):
                    plugin.shm.unlink()

    @contextlib.contextmanager
    def remote(self, command: str, first: Sequence[str] = ()) -> Iterator[tuple[list[str], Any, IO[bytes]]]:
        """Like `command`, for a command of the host's shell. The third is the file that ssh itself logs into.

        The file is in memory only: nothing is left when this process is killed. ssh closes inherited descriptors, so it
        opens the file through /proc.
        """
        with os.fdopen(os.memfd_create("ssh-log"), "rb") as log:
            last = ("-T", "-E", f"/proc/{os.getpid()}/fd/{log.fileno()}", self.address, command)
            with self.command(first=(*_LOGGED, *first), last=last) as (words, options):
                yield words, options, log

    def route(self) -> str:
        """How ssh reaches the host: by a `jump host`, by a `ProxyCommand`, or directly (an empty text).

        Raises InputError where ssh cannot use its arguments or configuration, or where jump hosts form a circle.
        """
        words = self.arguments()
        options = self._configured([*words, self.address])
        jump = given = options.get("proxyjump", "none")
        for _ in range(_MOST_HOPS):
            if jump.lower() == "none":
                break
            # The first jump host is reached as its own configuration says, the others through it.
            first = jump.split(",")[0].removeprefix("ssh://")
            jump = self._configured([words[0], *_config_file(words), f"ssh://{first}"]).get("proxyjump", "none")
        else:
            # ssh would start one process after the other without end.
            raise InputError(f"{self._name}: ProxyJump [{given}] leads in a circle; correct it in ~/.ssh/config")
        if given.lower() != "none":
            return "jump host"
        return "" if options.get("proxycommand", "none").lower() == "none" else "ProxyCommand"

    def _configured(self, words: Sequence[str]) -> dict[str, str]:
        """What `ssh -G` says of a host: its options by their names in lower case."""
        try:
            done = subprocess.run(
                [words[0], "-G", *words[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_CONFIG_LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(
                f"{self._name}: {words[0]} cannot be run ({error}); install OpenSSH, or correct ansible_ssh_executable"
            ) from None
        if done.returncode != 0:
            said = " ".join(done.stderr.split())
            raise InputError(
                f"{self._name}: {shlex.join(words)} cannot work ({said:.300}); correct ansible_ssh_args, "
                "ansible_ssh_common_args, ansible_ssh_extra_args or ~/.ssh/config"
            )
        return {name: value for name, _, value in (line.partition(" ") for line in done.stdout.splitlines())}

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (AnsibleError, ValueError) as error:
            raise InputError(f"{self._name}: {one_line(error)}; correct it in the inventory") from None


def _config_file(words: Sequence[str]) -> list[str]:
    """The arguments that count for jump hosts too: which file is read for ssh_config(5)."""
    given, _ = getopt.getopt(list(words[1:]), _FLAGS)
    return [word for flag, value in given if flag == "-F" for word in (flag, value)]


def _require_split(name: str, variable: str, text: str) -> None:
    try:
        shlex.split(text)
    except ValueError as error:
        raise InputError(
            f"{name}: {variable} [{text}] cannot be split into arguments ({error}); correct its quotes"
        ) from None
