"""Aligned tables for a terminal."""

from collections.abc import Sequence
from typing import Final

NOTHING: Final = "\N{EN DASH}"


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str]) -> list[str]:
    """Lines of a table: the columns of `left` are set to the left, the others to the right.

    A row with fewer cells than the head ends with text that takes the room of all columns that are left.
    """
    whole = [row for row in rows if len(row) == len(head)]
    spanned = [row[:-1] for row in rows if len(row) < len(head)]
    widths = [
        max(len(row[place]) for row in (head, *whole, *spanned) if len(row) > place) for place in range(len(head))
    ]

    def line(cells: Sequence[str]) -> str:
        last = len(cells) - 1 if len(cells) < len(head) else len(cells)
        set_out = [
            cell if place == last else cell.ljust(width) if head[place] in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=False))
        ]
        return "  ".join(set_out).rstrip()

    return [line(head), "  ".join("─" * width for width in widths), *(line(row) for row in rows)]


def whole(value: int | None) -> str:
    """A whole number with separators."""
    return NOTHING if value is None else f"{value:,}"


def gib(size: float | None) -> str:
    """Bytes as GiB, without the unit."""
    return NOTHING if size is None else f"{size / 2**30:.1f}"


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: `0:45`, `1:02:03`."""
    rounded = max(0, round(seconds))
    hours, minutes = divmod(rounded // 60, 60)
    return f"{hours}:{minutes:02}:{rounded % 60:02}" if hours else f"{minutes}:{rounded % 60:02}"
