"""Options of `fab` that take several words: `--runs A B C`."""

from typing import Any, Final

from invoke.exceptions import ParseError
from invoke.parser.argument import Argument
from invoke.tasks import Task

_TAKEN: Final = ("runs",)


class SeveralWords(Argument):
    """An option that takes all words up to the next option. It may also be given several times.

    Invoke's parser gives an option of kind list only the next word. It asks `raw_value` whether a word is missing,
    which is always so here; when the option ends, it sets an optional one without a value to true.
    """

    @property
    def raw_value(self) -> Any:
        """Nothing, so that the next word is a value too."""
        return None

    @raw_value.setter
    def raw_value(self, value: object) -> None:
        pass

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


class TaskOfWords(Task[Any]):
    """A task whose option `runs` takes several words."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the options of the task."""
        return [
            SeveralWords(names=each.names, kind=list, default=each.default, help=each.help, optional=True)
            if each.names[0] in _TAKEN
            else each
            for each in super().get_arguments(ignore_unknown_help)
        ]
