"""Reads run folders and says what they mean: verdicts, tables, charts, reports.

The way in is the command `zk-locust-report` (`reporting.cli`). `run_folder` reads, `timeline`, `headline`, `workers`,
`rules` and `verdict` compute, `results` holds what came of it, and `tables`, `charts`, `page` and `markdown` show it.
"""

from collections.abc import Collection, Sequence


def aligned(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[str], total: bool = False
) -> list[str]:
    """Return the lines of a table for a terminal, as `reporting.render.screen_table.aligned` describes them."""
    from reporting.render import screen_table

    return screen_table.aligned(head, rows, left=left, total=total)
