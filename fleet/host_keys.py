"""Whether a host is the one that it says it is: the rules of OpenSSH, from the same files."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from paramiko import MissingHostKeyPolicy, PKey, SSHClient

from fleet.errors import HostError
from fleet.ssh_arguments import words

_USER_FILES: Final = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_GLOBAL_FILES: Final = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class HostKeyRule:
    """`mode` is `strict` (unknown and changed keys are refused), `accept-new` (changed ones are) or `off`."""

    mode: str
    user_files: tuple[Path, ...]
    global_files: tuple[Path, ...]

    @classmethod
    def of(cls, given: Mapping[str, str], configured: Mapping[str, Any]) -> "HostKeyRule":
        """The rule of arguments that are `given` and of what ssh_config(5) has `configured`; names in lower case."""

        def option(name: str, default: str) -> str:
            return str(given.get(name) or configured.get(name) or default)

        checking = option("stricthostkeychecking", "ask").lower()
        # `ask` would ask somebody; a table for a whole fleet has nobody to ask.
        mode = {"no": "off", "off": "off", "accept-new": "accept-new"}.get(checking, "strict")
        return cls(
            mode,
            _paths(option("userknownhostsfile", _USER_FILES)),
            _paths(option("globalknownhostsfile", _GLOBAL_FILES)),
        )

    def apply(self, client: SSHClient) -> None:
        """Make the client keep the rule. Raises HostError where a file of known hosts cannot be read."""
        client.set_missing_host_key_policy(_Unknown(self))
        if self.mode == "off":
            return  # as with OpenSSH: a key that differs from the known one is no hindrance then
        for file in (*self.user_files, *self.global_files):
            if file.is_file():
                try:
                    client.load_system_host_keys(str(file))
                except OSError as error:
                    raise HostError(f"the file of known hosts [{file}] cannot be read ({error.strerror})") from None


class _Unknown(MissingHostKeyPolicy):  # type: ignore[misc]
    """What happens when a host shows a key that no file knows."""

    def __init__(self, rule: HostKeyRule) -> None:
        self._rule = rule

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:
        del client
        if self._rule.mode == "strict":
            files = ", ".join(str(file) for file in self._rule.user_files) or "any file"
            raise HostError(
                f"its host key ({key.get_name()} {key.fingerprint}) is not in {files}: connect once with ssh and "
                "compare it, or set StrictHostKeyChecking=accept-new in ansible_ssh_common_args"
            )
        if self._rule.mode == "accept-new":
            self._remember(hostname, key)

    def _remember(self, hostname: str, key: PKey) -> None:
        file = next(iter(self._rule.user_files), None)
        if file is None or (file.exists() and not file.is_file()):  # none, or /dev/null
            return
        try:
            with _writing:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # Appended, because Paramiko would write the whole file anew without what it does not understand.
                with file.open("a", encoding="utf-8") as known:
                    known.write(f"{hostname} {key.get_name()} {key.get_base64()}\n")
        except OSError as error:
            raise HostError(f"the file of known hosts [{file}] cannot be written ({error.strerror})") from None


def _paths(value: str) -> tuple[Path, ...]:
    names: Sequence[str] = words([value])
    return tuple(Path(name.replace("%d", "~")).expanduser() for name in names if name.lower() != "none")
