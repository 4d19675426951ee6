"""Caches texts that take long to make and never change, in `zk-locust` below `XDG_CACHE_HOME` or `~/.cache`."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def text(name: str, make: Callable[[], str]) -> str:
    """The cached text of this name; otherwise the one that `make` returns, which is cached if possible."""
    file = _folder() / name
    with contextlib.suppress(OSError, UnicodeDecodeError):
        # A power loss may leave an empty file; a file of another user is not trusted.
        if file.stat().st_uid == os.geteuid() and (found := file.read_text(encoding="utf-8")):
            return found
    made = make()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=file.parent) as temporary:
            new = Path(temporary) / name
            with new.open("w", encoding="utf-8") as target:
                target.write(made)
                target.flush()
                os.fsync(target.fileno())
            new.replace(file)
    return made


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zk-locust"
