"""Text of hosts is one short line of printable characters before it is shown or kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk_locust.contract.plain_text import LONGEST, first_of, for_screen, plain_line, plain_values


@given(st.text(st.characters(codec=None)), st.integers(5, 50))
def test_a_line_is_printable_and_short_whatever_it_is_made_of(text: str, longest: int) -> None:
    line = plain_line(text, longest)
    assert line.isprintable()
    assert len(line) <= longest
    assert line == line.strip()
    assert plain_line(line, longest) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("as it is, größer", "as it is, größer"), ("\x1b[2Jtwo\r\n\tlines\n", "[2Jtwo lines"), ("a\u202eb", "a b"),
        (b"\xff", "b'\\xff'"), (7, "7"), ("\ud800", ""), ("x" * 600, "x" * 498 + " …"),
    ],
)  # fmt: skip
def test_what_a_terminal_would_obey_is_a_space(text: object, line: str) -> None:
    assert plain_line(text) == line


@given(st.text(st.characters(codec=None)))
def test_a_screen_gets_printable_text_of_the_same_length(text: str) -> None:
    shown = for_screen(text)
    assert len(shown) == len(text)
    assert all(char.isprintable() or char == "\t" for char in shown)
    assert all(char == before for char, before in zip(shown, text, strict=True) if before.isprintable())


def test_values_keep_their_numbers_and_lose_what_is_no_text() -> None:
    told = {"cores": 2, "load": 0.5, "none": None, "java\x1b": "17\x1b[2J", "long": "x" * 10**6, "deep": {"a": ["\a"]}}
    assert plain_values(told) == {
        "cores": 2, "load": 0.5, "none": None, "java": "17 [2J", "long": "x" * (LONGEST - 2) + " …",
        "deep": "{'a': ['\\x07']}",
    }  # fmt: skip
    assert plain_values(["no", "dictionary"]) == plain_values(None) == {}
    assert len(plain_values({str(number): number for number in range(1000)})) == 20


def test_of_many_lines_the_first_are_kept_and_the_rest_counted() -> None:
    assert first_of(["a", "b"], most=2) == ["a", "b"]
    assert first_of(map(str, range(10_003)), most=2) == ["0", "1", "and 10,001 more"]
