"""Where the lab keeps its things on this machine, and the locks that keep two makers apart."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def cache_dir() -> Path:
    """Return the folder of the root file systems, which outlive the labs."""
    return Path(os.environ.get("ZK_LOCUST_LAB_CACHE") or "/var/cache/zk-locust-lab")


def state_dir() -> Path:
    """Return the folder that holds a folder for each lab."""
    return Path(os.environ.get("ZK_LOCUST_LAB_DIR") or "/var/lib/zk-locust-lab")


def lab_dir(name: str) -> Path:
    """Return the folder of one lab: its record, its keys, its hosts."""
    return state_dir() / name


def default_inventory(name: str) -> Path:
    """Return where the inventory of a lab is written unless somebody says otherwise."""
    return PROJECT / "inventory" / "lab" if name == "lab" else lab_dir(name) / "inventory"


@contextmanager
def locked(what: str) -> Iterator[None]:
    """Wait for the machine-wide lock of this name and hold it. It lies in the cache: a lab leaves no lock behind."""
    folder = cache_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / what).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
