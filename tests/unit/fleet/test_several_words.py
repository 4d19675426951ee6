"""`fab report --runs A B C`, by Invoke's own parser."""

from typing import Any

import pytest
from invoke.collection import Collection
from invoke.exceptions import ParseError
from invoke.parser import Parser

import fabfile


def parsed(*words: str) -> dict[str, Any]:
    parser = Parser(contexts=Collection.from_module(fabfile).to_contexts())
    (report,) = parser.parse_argv(["report", *words])
    return {name: argument.value for name, argument in report.args.items() if argument.got_value and argument.value}


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["--runs", "A", "B", "C"], ["A", "B", "C"]),
        (["--runs=A", "B"], ["A", "B"]),
        (["--runs", "A,B", "--runs", "C"], ["A,B", "C"]),
        (["-u", "A", "B"], ["A", "B"]),
    ],
)
def test_an_option_takes_all_words_up_to_the_next_option(words: list[str], runs: list[str]) -> None:
    assert parsed(*words) == {"runs": runs}
    assert parsed(*words, "--label", "x", "--label", "y") == {"runs": runs, "label": ["x", "y"]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runs"], "--runs needs the ids of runs: write e.g. --runs A B"),
        (["--runs", "--label", "x"], "--runs needs the ids of runs"),
        (["--runs", "A", "--labell", "x"], "No idea what '--labell' is!"),
        (["--runs", "A", "status"], "'status' is ambiguous"),
    ],
)
def test_wrong_words_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parsed(*words)
