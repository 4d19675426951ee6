"""How OpenSSH would reach a host: `ssh -G` says it, from all the files and arguments that count for it.

So `Include`, `Match` and whatever else ssh_config(5) has mean here what they mean to Ansible.
"""

import getopt
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.errors import InputError

_LIMIT_S: Final = 10
_FLAGS: Final = "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy"  # ssh(1)


@dataclass(frozen=True, slots=True)
class SshConfig:
    """The options by their lower-case names, and the files of private keys that would be tried."""

    options: Mapping[str, str]
    identities: tuple[Path, ...]


def split(variable: str, text: str) -> list[str]:
    """The arguments that the inventory's `variable` holds. Raises InputError where they cannot be split."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError(f"{variable} [{text}] cannot be split into arguments ({error}); correct its quotes") from None


def ask(name: str, command: Sequence[str], host: str) -> SshConfig:
    """What ssh, called with `command`, would do to reach `host`, for the inventory's host `name`.

    Raises InputError where it says that it cannot use its arguments or ssh_config(5).
    """
    try:
        done = subprocess.run(
            [command[0], "-G", *command[1:], host],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{name}: {command[0]} -G does not tell how to reach it ({error}); install OpenSSH") from None
    if done.returncode != 0:
        said = " ".join(line for line in done.stderr.splitlines() if not line.startswith("Pseudo-terminal"))
        raise InputError(
            f"{name}: {shlex.join([*command, host])} cannot work ({said.strip():.300}); correct ansible_ssh_args, "
            "ansible_ssh_common_args, ansible_ssh_extra_args or ~/.ssh/config"
        )
    return parse(done.stdout)


def parse(text: str) -> SshConfig:
    """What `ssh -G` has printed: a name and its value on each line."""
    options: dict[str, str] = {}
    identities = []
    for line in text.splitlines():
        option, _, value = line.partition(" ")
        if option == "identityfile":
            identities.append(value)
        else:
            options.setdefault(option, value)
    tokens = {
        "%%": "%", "%d": str(Path.home()), "%h": options.get("hostname", ""), "%n": options.get("host", ""),
        "%p": options.get("port", ""), "%r": options.get("user", ""),
    }  # fmt: skip
    return SshConfig(options, tuple(Path(expanded(file, tokens)).expanduser() for file in identities))


def config_file(command: Sequence[str]) -> list[str]:
    """The part of ssh's arguments that counts for jump hosts too: which file is read for ssh_config(5)."""
    try:
        given, _ = getopt.getopt(list(command[1:]), _FLAGS)
    except getopt.GetoptError:
        return []
    return [word for flag, value in given if flag == "-F" for word in (flag, value)]


def expanded(text: str, tokens: Mapping[str, str]) -> str:
    """The text with its tokens, such as `%h`, replaced."""
    return re.sub(r"%.", lambda found: tokens.get(found[0], found[0]), text)
