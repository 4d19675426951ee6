"""Shows a run: charts, tables, pages and Markdown."""
