"""Writes files of one folder so that a reader never sees an incomplete one."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def write(folder: Path, texts: Mapping[str, str], more: Callable[[Path], Iterable[str]] = lambda _: ()) -> None:
    """Write texts by the names of their files, and put them in place when all are complete. Raises OSError.

    `more` may make other files in the folder that it is given, and returns their names.
    """
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as temporary:
        for name, content in texts.items():
            (Path(temporary) / name).write_text(content, encoding="utf-8")
        for name in (*texts, *more(Path(temporary))):
            (Path(temporary) / name).replace(folder / name)
