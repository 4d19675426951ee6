"""Reads run folders and says what they mean: verdicts, tables, charts, reports.

The way in is the command `zk-locust-report` (`reporting.cli`). `run_folder` reads, `timeline`, `headline`, `workers`,
`rules` and `verdict` compute, `results` holds what came of it, and `tables`, `charts`, `page` and `markdown` show it.
"""
