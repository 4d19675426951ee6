"""The lab's folders on this machine, and its locks."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def cache_dir() -> Path:
    """Return the folder of the root file systems, which stay when labs are removed."""
    return Path(os.environ.get("ZK_LOCUST_LAB_CACHE") or "/var/cache/zk-locust-lab")


def state_dir() -> Path:
    """Return the folder that holds a folder for each lab."""
    return Path(os.environ.get("ZK_LOCUST_LAB_DIR") or "/var/lib/zk-locust-lab")


def lab_dir(name: str) -> Path:
    """Return the folder of one lab: its record, its keys, its hosts."""
    return state_dir() / name


def default_inventory(name: str) -> Path:
    """Return the default folder of a lab's inventory."""
    return PROJECT / "inventory" / "lab" if name == "lab" else lab_dir(name) / "inventory"


@contextmanager
def locked(what: str) -> Iterator[None]:
    """Hold the machine-wide lock of this name. Its file is in the cache, so that a removed lab leaves no lock."""
    folder = cache_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / what).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
