"""Conditions on comparisons for pipelines, such as `p99 > +10%`: they fail only if the complete interval is beyond."""

import re
from dataclasses import dataclass
from typing import Final, Self

from reporting.analyse.comparison import UNDECIDED, Comparison
from reporting.analyse.headline import TOTAL
from reporting.errors import InputError

PASS: Final = "pass"
FAIL: Final = "fail"
_FORM: Final = re.compile(
    r"\s*(?P<figure>\S+?)(\s+of\s+(?P<operation>[^<>]+?))?\s*(?P<side>[<>])\s*(?P<change>[+-]\d+(\.\d+)?)\s*%\s*"
)


@dataclass(frozen=True, slots=True)
class FailIf:
    """A condition under which a comparison fails: the ratio of a figure is above (or below) `limit`.

    `text` is what the user wrote; `operation` is `all operations` unless one is named.
    """

    text: str
    figure: str
    operation: str
    is_above: bool
    limit: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the condition that a text says. Raises InputError with the form that is understood."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise InputError(f"condition [{text}] cannot be read; write e.g. p99 > +10% or rate of get < -5%")
        limit = 1 + float(found["change"]) / 100
        if limit <= 0:
            raise InputError(f"condition [{text}] can never be met; a figure falls by less than 100%")
        return cls(text.strip(), found["figure"], found["operation"] or TOTAL, found["side"] == ">", limit)

    def check(self, comparison: Comparison | None) -> str:
        """Return `fail` or `pass` if the complete interval is on that side of the limit, otherwise `undecided`.

        Without a comparison, because there is only one pair, it is undecided.
        """
        if comparison is None:
            return UNDECIDED
        if comparison.low > self.limit:
            return FAIL if self.is_above else PASS
        if comparison.high < self.limit:
            return PASS if self.is_above else FAIL
        return UNDECIDED
