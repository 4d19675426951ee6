"""Tables for a terminal or a pipe: plain text by rich, in which figures are never cut."""

import io
import shutil
import sys
from collections.abc import Collection, Sequence
from typing import Any, Final

_ANY_WIDTH: Final = 10_000


def aligned(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[str], total: bool = False
) -> list[str]:
    """Lines of a table. Columns in `left` are aligned to the left, all others to the right.

    A row with fewer cells than the head ends with a text of any length; such rows come last. `total` draws a line above
    the last row. A table wider than the terminal folds texts, except the first column and figures. Without a terminal
    the width is not limited.
    """
    # Imported here, because it takes a tenth of a second.
    from rich.cells import cell_len
    from rich.console import Console
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _ANY_WIDTH
    complete = [row for row in rows if len(row) == len(head)]
    cut_short = [row for row in rows if len(row) < len(head)]
    shared = max((len(row) - 1 for row in cut_short), default=0)  # columns of both kinds of rows
    beside = [*complete, *(row[:-1] for row in cut_short)]
    bodies = [max((cell_len(row[at]) for row in beside if at < len(row)), default=0) for at in range(len(head))]
    widths = [max(cell_len(name), body) for name, body in zip(head, bodies, strict=True)]
    fits = sum(widths) + 2 * (len(head) - 1) <= columns
    table, rest = (
        Table(box=None, padding=(0, 2 if fits else 1, 0, 0), pad_edge=False, show_header=False) for _ in range(2)
    )
    for at, name in enumerate(head):
        width = widths[at] if fits or at == 0 else min(widths[at], max(len(name), columns // 7))
        options: dict[str, Any] = {"justify": "left" if name in left else "right", "overflow": "fold"}
        if at < shared:
            rest.add_column(**options, width=width)
            options["width"] = width
        elif name not in left or at == 0:
            options["min_width"] = bodies[at]
        table.add_column(**options)
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
