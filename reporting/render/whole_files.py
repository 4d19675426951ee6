"""Writes files of one folder so that a reader never sees an incomplete one."""

import tempfile
from collections.abc import Mapping
from pathlib import Path


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts by the names of their files, and put them in place when all are complete. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as temporary:
        for name, content in texts.items():
            (Path(temporary) / name).write_text(content, encoding="utf-8")
        for name in texts:
            (Path(temporary) / name).replace(folder / name)
