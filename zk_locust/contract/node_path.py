"""Paths of nodes, as ZooKeeper's PathUtils.validatePath accepts them. Standard library only."""

import re
from typing import Final

# Java's characters are UTF-16, so none beyond the basic plane.
_FORBIDDEN: Final = "\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff\U00010000-\U0010ffff"
_VALID: Final = re.compile(rf"/|(?:/(?!\.\.?(?:/|\Z))[^/{_FORBIDDEN}]+)+")


def is_node_path(path: str) -> bool:
    """Whether a node can have this path."""
    return _VALID.fullmatch(path) is not None
