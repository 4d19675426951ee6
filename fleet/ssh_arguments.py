"""What `ansible_ssh_common_args` and its like say, for a client that is not OpenSSH's."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from fleet.errors import InputError

_WITH_VALUE: Final = "BbcDEeFIiJLlmOopQRSWw"


@dataclass(slots=True)
class SshArguments:
    """Options by their lower-case names, as ssh_config(5) has them. Where one is given twice the first counts."""

    options: dict[str, str] = field(default_factory=dict)
    identities: list[str] = field(default_factory=list)
    config_file: str | None = None

    def take(self, name: str, value: str) -> None:
        """Take an option, as `-o name=value` would."""
        name = name.lower()
        if name == "identityfile":
            self.identities.append(value)
        else:
            self.options.setdefault(name, value)


def parse(variable: str, text: str, into: SshArguments) -> None:
    """Take in the arguments that the inventory's `variable` holds. Raises InputError where they cannot be split."""
    try:
        words = iter(shlex.split(text))
    except ValueError as error:
        raise InputError(f"{variable} [{text}] cannot be split into arguments ({error}); correct its quotes") from None
    for word in words:
        if not word.startswith("-") or len(word) < 2:
            continue
        # -vo name=value: flags may share a dash, and the last of them may take a value.
        for place, letter in enumerate(word[1:], 2):
            if letter in _WITH_VALUE:
                value = word[place:] or next(words, "")
                if not value:
                    raise InputError(f"{variable} [{text}]: -{letter} has no value; add it")
                _take(letter, value, into)
                break


def _take(letter: str, value: str, into: SshArguments) -> None:
    match letter:
        case "o":
            name, value = _split(value)
            into.take(name, value)
        case "F":
            into.config_file = into.config_file or value
        case "i":
            into.take("identityfile", value)
        case "J":
            into.take("proxyjump", value)
        case "p":
            into.take("port", value)
        case "l":
            into.take("user", value)


def _split(option: str) -> tuple[str, str]:
    """`name=value` or `name value`."""
    place = min((option.index(mark) for mark in "= \t" if mark in option), default=len(option))
    return option[:place].strip(), option[place + 1 :].strip().removeprefix("=").strip()


def words(values: Iterable[str | None]) -> list[str]:
    """The words of the values that are there."""
    return [word for value in values if value for word in shlex.split(value)]
