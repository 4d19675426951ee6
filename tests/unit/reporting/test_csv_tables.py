"""pandas' own parser and the pass line by line give the same frame, or the former gives none."""

from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reporting.read import csv_complete, csv_damaged
from reporting.read.csv_tables import read_table
from reporting.read.problems import ProblemLog
from reporting.read.table_format import Kind, TableFormat
from tests.unit.reporting.synthetic import Synthetic

TABLE = TableFormat(
    {"when": Kind.TIME, "place": Kind.WORD, "size": Kind.NUMBER, "more": Kind.TEXT, "absent": Kind.NUMBER},
    filled=("when", "size"),
    optional=("absent",),
    older_names={"part": "place"},
)
HEADER = "when,size,unused,part,more\r\n"
GOOD = "2026-11-24T03:15:00.5+00:00,1.25,x,here,{}\r\n"


def line_by_line(path: Path, table: TableFormat = TABLE) -> tuple[pd.DataFrame, list[str]]:
    problems: list[str] = []
    tell = lambda line, text: problems.append(f"{line}: {text}")  # noqa: E731
    return csv_damaged.read(path, table, tell, missing="all", may_be_missing=False), problems


def assert_agree(path: Path, table: TableFormat = TABLE) -> bool:
    """Whether pandas has read the file; then it must be as it is read line by line, without a problem."""
    fast = csv_complete.read(path, table)
    slow, problems = line_by_line(path, table)
    if fast is not None:
        assert problems == []
        pd.testing.assert_frame_equal(fast, slow, check_exact=True)
        assert all(type(value) is str for name in ("place", "more") if name in fast for value in fast[name])
    return fast is not None


CELLS = st.one_of(
    st.sampled_from(
        [
            *(
                "",
                "0",
                "1",
                "-1.5",
                "1e3",
                "1e-9",
                "1e400",
                "inf",
                "nan",
                "NaN",
                "NA",
                "null",
                "1_000",
                " 7 ",
                "+3",
                "0x1F",
            ),
            *(
                "123456789012345678",
                "0.1234567890123456789",
                "9007199254740993",
                "1e",
                "1.",
                ".5",
                "1e22",
                "1e23",
                "-0",
                "٣",
            ),
            *("2026-11-24T03:15:00+00:00", "2026-11-24", "20261124T031500", "yesterday", "True", "#", "{}", '"', '""'),
            *(
                '"a,b"',
                '"a\nb"',
                '"{""e"": 1, ""f"": 2}"',
                'a"b',
                '"a"b',
                '" 1"',
                '"1"',
                "\0",
                "\r",
                "\n",
                "ü",
                "\ufeff",
                ",",
            ),
        ]
    ),
    st.text(max_size=5),
    st.floats().map(repr),
    st.integers().map(str),
)
LINES = st.lists(st.one_of(st.just(GOOD), st.lists(CELLS, min_size=3, max_size=7).map(lambda c: ",".join(c) + "\n")))


@given(
    lines=LINES, damage=st.binary(max_size=3), place=st.floats(0, 1), end=st.sampled_from(["", "\r", "\n", "\r\n", "x"])
)
@example(lines=[GOOD], damage=b"", place=0, end="")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_agree_on_damaged_files(
    tmp_path: Path, lines: list[str], damage: bytes, place: float, end: str
) -> None:
    content = (HEADER + "".join(lines) + end).encode(errors="surrogatepass")
    cut = int(place * len(content))
    file = tmp_path / "table.csv"
    file.write_bytes(content[:cut] + damage + content[cut:] if damage else content)
    assert_agree(file)


@given(
    cells=st.lists(
        st.tuples(
            st.datetimes().map(lambda t: t.isoformat()),
            st.one_of(
                st.floats(-1e14, 1e14).map(lambda value: f"{value:.6g}"),
                st.decimals(-(10**9), 10**9, places=4).map(str),
                st.integers(-(10**14), 10**14).map(str),
                st.floats(allow_nan=False, allow_infinity=False).map(repr),
                st.integers(-(10**30), 10**30).map(str),
            ),
            st.sampled_from(["", "x", '"a,b"', '"{""e"": 1, ""f"": 2}"', '""', "NA", "1.0"]),
        )
    )
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pandas_reads_every_complete_file(tmp_path: Path, cells: list[tuple[str, str, str]]) -> None:
    file = tmp_path / "table.csv"
    file.write_text(HEADER + "".join(f"{when},{size},{text},{text},{text}\r\n" for when, size, text in cells))
    assert assert_agree(file)


@pytest.mark.parametrize(
    "line", ["a,b", GOOD.replace(",x", ""), GOOD.replace(",x", ",x,y"), GOOD.replace("1.25", "much")]
)
@pytest.mark.parametrize("others", [0, 1, 150_000])
def test_a_damaged_line_is_found_in_any_block(tmp_path: Path, line: str, others: int) -> None:
    """150,000 lines are more than a block; a long line beside a short one leaves the number of commas as it was."""
    file = tmp_path / "table.csv"
    file.write_text(HEADER + GOOD * others + line.strip() + "\n" + GOOD + GOOD.replace(",x", ",x,y"))
    assert not assert_agree(file)


@pytest.mark.parametrize("block_bytes", [1, 50, 90])
def test_the_size_of_a_block_changes_nothing(tmp_path: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_complete, "_BLOCK_BYTES", block_bytes)
    file = tmp_path / "table.csv"
    file.write_text(HEADER + GOOD + GOOD.replace("here", "") + GOOD.replace("{}", '"{""e"": 1, ""f"": 2}"') * 3)
    assert assert_agree(file)


def test_numbers_are_rounded_as_python_rounds_them(tmp_path: Path) -> None:
    """Long ones too, which not every version of pandas does."""
    file = tmp_path / "table.csv"
    random = Random(7)
    numbers = [f"{random.uniform(0, 1):.16f}" for _ in range(9000)]
    numbers += [f"{random.randrange(1, 10**19)}e{random.randrange(-40, 40)}" for _ in range(9000)]
    file.write_text(HEADER + "".join(GOOD.replace("1.25", number) for number in numbers))
    assert assert_agree(file)


@pytest.mark.parametrize(
    "number", ["inf", "-Infinity", "1e400", "nan", "NaN", "NA", "1_0", "0x1F", "1e", " ", "٣", "", "#"]
)
def test_what_only_one_of_them_takes_for_a_number_is_read_line_by_line(tmp_path: Path, number: str) -> None:
    file = tmp_path / "table.csv"
    file.write_text(HEADER + GOOD + GOOD.replace("1.25", number))
    assert not assert_agree(file)


def test_a_very_long_field_is_refused_as_ever(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(HEADER + GOOD + GOOD.replace("here", "x" * 140_000) + GOOD)
    assert not assert_agree(file)
    assert line_by_line(file)[1] == ["3: field larger than field limit (131072); the line is left out"]


def test_only_the_lines_that_are_wanted_are_read(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(HEADER + (GOOD + GOOD.replace("here", "there")) * 3)
    table = TableFormat(TABLE.columns, TABLE.filled, TABLE.optional, TABLE.older_names, ("place", frozenset({"there"})))
    assert assert_agree(file, table)
    assert set(read_table(file, table, ProblemLog(), missing="all")["place"]) == {"there"}
    file.write_text(file.read_text() + GOOD.replace("1.25", "much"))  # of a line that nobody wants
    assert not assert_agree(file, table)
    assert read_table(file, table, (problems := ProblemLog()), missing="all").shape == (3, 5)
    assert problems.all() == []


def test_a_sound_run_is_not_read_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reporting import judge_run

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError

    run = Synthetic(failures_in_stall=3, member_down=(10.0, 20.0)).write(tmp_path / "run")
    monkeypatch.setattr(csv_damaged, "read", refused)
    assert judge_run(run).run.problems == ()
