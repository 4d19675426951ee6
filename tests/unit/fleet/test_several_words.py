"""`fab report --runs A B C` and `--option latencies.height 10`, by Invoke's own parser."""

from typing import Any

import pytest
from invoke.collection import Collection
from invoke.exceptions import ParseError
from invoke.parser import Parser

import fabfile
from reporting.render.figure_options import parse_options


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
    ("words", "options"),
    [
        (["--option", "latencies.height", "10"], ["latencies.height=10"]),
        (["--option", "latencies.height=10"], ["latencies.height=10"]),
        (["--option=latencies.height", "10"], ["latencies.height=10"]),
        (["--option", "latencies.height 10"], ["latencies.height 10"]),
        (["--option", "rate.bottom", "-5"], ["rate.bottom=-5"]),
        (["--option", "*.top", "9", "--option", "rate.top=7", "--option", "rate.shade", "no"],
         ["*.top=9", "rate.top=7", "rate.shade=no"]),
    ],
)  # fmt: skip
def test_an_option_of_charts_is_one_word_or_two(words: list[str], options: list[str]) -> None:
    assert parsed(*words) == {"option": options}
    assert parsed(*words, "--figures") == {"option": options, "figures": True}
    assert parsed("--run", "A", *words) == {"run": ["A"], "option": options}
    assert len(parse_options(options).given) == len(options)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runs"], "--runs needs the ids of runs: write e.g. --runs A B"),
        (["--runs", "--label", "x"], "--runs needs the ids of runs"),
        (["--runs", "A", "--labell", "x"], "No idea what '--labell' is!"),
        (["--runs", "A", "status"], "'status' is ambiguous"),
        (["--option"], "--option needs a value: write e.g. --option latencies.height 10"),
        (["--option", "rate.top", "--figures"], "--option rate.top needs a value"),
        (["--option", "rate.top", "7", "8"], "No idea what '8' is!"),
    ],
)
def test_wrong_words_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parsed(*words)
