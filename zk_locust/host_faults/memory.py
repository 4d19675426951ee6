"""Memory pressure: a process that takes memory until its own deadline, and is the first that a host kills."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zk_locust.contract.process_identity import Identity, identity_of, is_running
from zk_locust.host_faults import abilities
from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 20.0
_ITSELF_MIB = 64
GRACE_S = 5.0
"""So long after its deadline the process ends by itself."""
_TOUCH_S = 1.0
_CHUNK_MIB = 64
_PAGE = mmap.PAGESIZE


def prepare(fault: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the note needs besides: `mib`. Raises FaultError where the host does not have so much."""
    total = abilities.look([])["memory_mib"]
    mib = int(fault.get("mib") or total * fault["percent"] / 100)
    if mib > total:
        raise FaultError(f"mib [{mib}] is more than the host's memory, {total} MiB")
    return {"mib": mib}


def press(fault: Mapping[str, Any], launcher: Path, has_systemd: bool) -> dict[str, Any]:
    """Start the process; return what the note needs of it, `unit` or `holder`."""
    words = [str(launcher), "hold", fault["id"]]
    if not has_systemd:
        nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        child = os.posix_spawn(words[0], words, os.environ, file_actions=nothing, setsid=True)
        return {"holder": list(identity_of(child))}
    unit = f"zk-locust-memory-{hashlib.sha256(fault['id'].encode()).hexdigest()[:16]}.service"
    limits = [
        f"MemoryMax={fault['mib'] + _ITSELF_MIB}M",
        "OOMScoreAdjust=1000",
        f"RuntimeMaxSec={fault['for_s'] + GRACE_S:.3f}",
    ]
    properties = [f"--property={each}" for each in limits]
    run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", *properties, *words], _LIMIT_S)
    return {"unit": unit}


def hold(mib: int, for_s: float) -> None:
    """Take memory for so long, in this process: what the kernel lacks is taken from it first."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    until = time.monotonic() + for_s
    taken: list[mmap.mmap] = []
    while time.monotonic() < until:
        if len(taken) * _CHUNK_MIB < mib:
            size = min(_CHUNK_MIB, mib - len(taken) * _CHUNK_MIB) * 2**20
            taken.append(mmap.mmap(-1, size))
            _touch(taken[-1])
            continue
        for each in taken:  # what was swapped out comes back
            _touch(each)
        time.sleep(max(0.0, min(_TOUCH_S, until - time.monotonic())))


def _touch(memory: mmap.mmap) -> None:
    memory[::_PAGE] = os.urandom(len(range(0, len(memory), _PAGE)))


def release(fault: Mapping[str, Any]) -> str:
    """End the process; return what was wrong: it should have been there still."""
    was_there = True
    if fault.get("unit"):
        with contextlib.suppress(FaultError):
            was_there = (
                run(["systemctl", "show", "--property=ActiveState", "--value", fault["unit"]], _LIMIT_S).strip()
                == "active"
            )
            run(["systemctl", "stop", fault["unit"]], _LIMIT_S)
    elif fault.get("holder"):
        holder = Identity(*fault["holder"])
        was_there = is_running(holder)
        with contextlib.suppress(ProcessLookupError):
            if was_there:
                os.kill(holder.pid, 9)
    return "" if was_there else "its process had ended before: the host may have killed it, short of memory"
