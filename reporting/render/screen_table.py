"""Tables for a terminal or a pipe: plain text, made by rich, in which no figure is ever cut."""

import io
import shutil
import sys
from collections.abc import Collection, Sequence
from typing import Any, Final

_ANY_WIDTH: Final = 10_000


def aligned(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[str], total: bool = False
) -> list[str]:
    """Lines of a table: the columns that `left` names are set to the left, the others to the right.

    A row with fewer cells than the head ends with a text that may be as long as the line; such rows come last. `total`
    sets the last row apart by a line. A table that is wider than the terminal folds its texts, but neither figures nor
    the first column; without a terminal it is as wide as it needs to be.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _ANY_WIDTH
    lines = _lines(head, rows, left, total, gap=2, columns=_ANY_WIDTH)
    if max(map(len, lines)) > columns:
        lines = _lines(head, rows, left, total, gap=1, columns=columns)
    return lines


def _lines(
    head: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[str], total: bool, *, gap: int, columns: int
) -> list[str]:
    # Here, since it takes a tenth of a second.
    from rich.console import Console
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    complete = [row for row in rows if len(row) == len(head)]
    cut_short = [row for row in rows if len(row) < len(head)]
    table, rest = (Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, show_header=False) for _ in range(2))
    for place, name in enumerate(head):
        body = max((len(row[place]) for row in complete), default=0)
        shared = max((len(row[place]) for row in cut_short if place < len(row) - 1), default=0)
        is_text = name in left
        options: dict[str, Any] = {"justify": "left" if is_text else "right", "overflow": "fold"}
        if not is_text or place == 0:
            options["min_width"] = max(body, shared)
        elif shared:
            options["min_width"] = min(max(body, shared, len(name)), columns // 4)
        table.add_column(**options)
        if place < max(map(len, cut_short), default=0) - 1:
            rest.add_column(**options | {"min_width": max(body, shared, len(name))})
    rule = [Rule(style="none")] * len(head)
    table.add_row(*map(Text, head))
    table.add_row(*rule)
    for number, row in enumerate(complete, 1):
        if total and number == len(complete) > 1:
            table.add_row(*rule)
        table.add_row(*map(Text, row))
    for row in cut_short:
        rest.add_row(*map(Text, row))
    out = io.StringIO()
    console = Console(file=out, width=_ANY_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    for part in (table, rest) if cut_short else (table,):
        console.print(part, width=columns, crop=False)
    return [line.rstrip() for line in out.getvalue().splitlines()]
