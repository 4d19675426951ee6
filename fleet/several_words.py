"""Options of `fab` that take several words: `--runs A B C`, `--option latencies.height 10`."""

from typing import Any

from invoke.exceptions import ParseError
from invoke.parser.argument import Argument
from invoke.tasks import Task


class _ByWords(Argument):
    """An option that says itself whether the next word is its own.

    Invoke's parser gives an option of kind list only the next word. It asks `raw_value` whether a word is missing; when
    the option ends, it sets an optional one without a value to true.
    """

    takes_next: bool
    """Whether the next word is a value, too."""

    @property
    def raw_value(self) -> Any:
        """Nothing while a word is missing."""
        return None if self.takes_next else self._value or None

    @raw_value.setter
    def raw_value(self, value: object) -> None:
        pass


class SeveralWords(_ByWords):
    """An option that takes all words up to the next option. It may also be given several times."""

    takes_next = True

    def set_value(self, value: Any, cast: bool = True) -> None:
        """Take one more word. Raises ParseError for an unknown option, and at the end if there was no word."""
        option = f"--{self.names[0]}"
        if value is True:
            if not self.got_value:
                raise ParseError(f"{option} needs the ids of runs: write e.g. {option} A B")
        elif str(value).startswith("-"):
            raise ParseError(f"No idea what {value!r} is!")
        else:
            super().set_value(value, cast)


class Setting(_ByWords):
    """An option that takes a name and a value, as two words or as `name=value` or `'name value'`.

    It may be given several times. Its value are texts with both, `name=value`.
    """

    _name_alone: str | None = None

    @property
    def takes_next(self) -> bool:  # type: ignore[override]
        """Whether its value is missing."""
        return self._name_alone is not None

    def set_value(self, value: Any, cast: bool = True) -> None:
        """Take one more word. Raises ParseError at the end if a word is missing."""
        option = f"--{self.names[0]}"
        if value is True:
            missing = option if self._name_alone is None else f"{option} {self._name_alone}"
            raise ParseError(f"{missing} needs a value: write e.g. {option} latencies.height 10")
        if self._name_alone is not None:
            whole, self._name_alone = f"{self._name_alone}={value}", None
            super().set_value(whole, cast)
        elif "=" in value or " " in value.strip():
            super().set_value(value, cast)
        else:
            self._name_alone = value


_TAKEN: dict[str, type[Argument]] = {"runs": SeveralWords, "option": Setting}


class TaskOfWords(Task[Any]):
    """A task whose options `runs` and `option` take several words."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the options of the task."""
        return [
            _TAKEN[each.names[0]](names=each.names, kind=list, default=each.default, help=each.help, optional=True)
            if each.names[0] in _TAKEN
            else each
            for each in super().get_arguments(ignore_unknown_help)
        ]
