"""Whether a host is the one that it says it is: the rules of OpenSSH, from the same files."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paramiko import MissingHostKeyPolicy, PKey, SSHClient

from fleet.errors import HostError

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
    def of(cls, options: Mapping[str, str]) -> "HostKeyRule":
        """The rule that `ssh -G` has printed; names in lower case."""
        checking = options.get("stricthostkeychecking", "ask").lower()
        # `ask` would ask somebody; a table for a whole fleet has nobody to ask.
        mode = {"false": "off", "no": "off", "off": "off", "accept-new": "accept-new"}.get(checking, "strict")
        return cls(
            mode,
            _paths(options.get("userknownhostsfile", _USER_FILES)),
            _paths(options.get("globalknownhostsfile", _GLOBAL_FILES)),
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
    """The files that `ssh -G` names. It has taken the quotes away: a blank is part of a name where such a file is."""
    words, paths = [word.replace("%d", "~") for word in value.split()], []
    while words:
        joined = [(Path(" ".join(words[:end])).expanduser(), end) for end in range(len(words), 1, -1)]
        path, end = next((each for each in joined if each[0].is_file()), (Path(words[0]).expanduser(), 1))
        paths += [path] if words[0].lower() != "none" else []
        words = words[end:]
    return tuple(paths)
