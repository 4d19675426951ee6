"""What the module `write_files` is told."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any


def files_in(contents: Mapping[str, str], folder: str, mode: str = "0644") -> list[dict[str, str]]:
    """Return the files of `folder` as `write_files` takes them; `contents` maps their names to their text."""
    return [
        {"path": f"{folder}/{name}", "content": base64.b64encode(text.encode()).decode(), "mode": mode}
        for name, text in contents.items()
    ]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"files_in": files_in}
