"""Tables on screen: aligned, plain, and complete at any width of the terminal."""

import os
import sys

import pytest

from reporting.render.screen_table import aligned

HEAD = ("member", "address", "role", "zxid", "clients", "queue", "ms min/avg/max", "nodes", "version")
TEXTS = {"member", "address", "role", "zxid"}
ROW = ("zk1", "198.18.1.11:2181", "follower", "0x100000000", "1,033", "0", "0/0.426/12", "25", "3.8.0")
PROBLEM = ("zk4", "198.18.1.14:2181", "unreachable: " + " ".join(["its host key is not in any file"] * 5))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    columns: int = request.param
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((columns, 24)))
    return columns


def test_without_a_terminal_a_table_is_as_wide_as_it_needs_to_be() -> None:
    assert aligned(HEAD, [ROW, PROBLEM], left=TEXTS) == [
        "member  address           role      zxid         clients  queue  ms min/avg/max  nodes  version",
        "──────  ────────────────  ────────  ───────────  ───────  ─────  ──────────────  ─────  ───────",
        "zk1     198.18.1.11:2181  follower  0x100000000    1,033      0      0/0.426/12     25    3.8.0",
        f"zk4     198.18.1.14:2181  {PROBLEM[2]}",
    ]


@pytest.mark.parametrize("terminal", [80, 95, 120], indirect=True)
@pytest.mark.parametrize("rows", [[ROW], [ROW, PROBLEM], [PROBLEM]])
def test_a_terminal_cuts_nothing(terminal: int, rows: list[tuple[str, ...]]) -> None:
    lines = aligned(HEAD, rows, left=TEXTS)
    assert max(map(len, lines)) <= terminal
    if ROW in rows:
        assert all(figure in lines[2 if terminal > 80 else 3].split() for figure in ROW[4:])
    squeezed = "".join(part for line in lines for part in line.split())
    for row in rows:
        assert all(word in squeezed for cell in row[-1:] for word in cell.split())


@pytest.mark.parametrize("terminal", [40], indirect=True)
def test_a_narrow_terminal_keeps_figures_and_names_in_one_piece(terminal: int) -> None:
    rows = [("20261124T031500Z-quick", "big values", "12,345,678", "1,234.5")]
    lines = aligned(("run", "label", "operations", "p99 ms"), rows, left={"run", "label"})
    assert any(all(word in line for word in (rows[0][0], *rows[0][2:])) for line in lines)


def test_cells_are_text_and_nothing_else() -> None:
    cells = ("[red]zk1[/]", ":warning:", "\N{CJK UNIFIED IDEOGRAPH-52A8}")
    lines = aligned(("name", "note", "wide"), [cells, ("a", "b", "c")], left={"name", "note"})
    assert lines[2].split() == list(cells)
    assert lines[2].index("\N{CJK UNIFIED IDEOGRAPH-52A8}") == lines[3].index("c") - 1, "it takes two columns"


def test_a_total_stands_apart_unless_it_is_alone() -> None:
    assert aligned(("a", "n"), [("x", "1"), ("all", "10")], left={"a"}, total=True) == [
        "a     n", "───  ──", "x     1", "───  ──", "all  10",
    ]  # fmt: skip
    assert aligned(("a", "n"), [("x", "1")], left={"a"}, total=True) == ["a  n", "─  ─", "x  1"]
