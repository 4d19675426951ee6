"""Kernel limits shared by all hosts: raised for the first lab and restored after the last."""

import json
from collections.abc import Callable
from pathlib import Path

from lab.places import state_dir

# Each host's systemd, journal, udev and sshd hold inotify instances, which count for the same root.
_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_PER_HOST, _FOR_OTHERS = 32, 128


def raise_for(hosts: int, say: Callable[[str], None]) -> None:
    """Raise the limit of inotify instances if it is too low. The caller holds the machine's lock."""
    wanted, now = _FOR_OTHERS + _PER_HOST * hosts, int(_INSTANCES.read_text())
    if now >= wanted:
        return
    if not _kept().exists():
        state_dir().mkdir(parents=True, exist_ok=True)
        _kept().write_text(json.dumps({str(_INSTANCES): now}))
    try:
        _INSTANCES.write_text(str(wanted))
        say(f"Raised fs.inotify.max_user_instances from {now} to {wanted} until the last lab is removed.")
    except OSError as error:
        say(f"fs.inotify.max_user_instances [{now}] cannot be raised to {wanted}, so hosts may hang at boot: {error}")


def put_back() -> None:
    """Restore the limits from before the first lab. The caller holds the machine's lock."""
    if _kept().exists():
        for path, value in json.loads(_kept().read_text()).items():
            Path(path).write_text(str(value))
        _kept().unlink()


def _kept() -> Path:
    return state_dir() / "limits.json"
