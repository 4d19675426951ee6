#!/usr/bin/python
"""The lease that a run has on a host: from provisioning until its figures are home nobody else may change the host."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: run_lease
short_description: Show, claim or release the lease that a run has on a host
description:
  - A file in each of the folders says which run holds the host, whose, since when and until when at the latest.
  - What loads the host beyond its lease is found by the lock that the run's supervisor holds.
options:
  action: {description: What to do., type: str, choices: [show, claim, release], default: show}
  folders: {description: Folders that the run changes., type: list, elements: path, required: true}
  lock: {description: 'The lock of the host''s supervisor, if it is a load host.', type: str, default: ''}
  run_id: {description: 'The run that asks; none releases whatever lease there is.', type: str, default: ''}
  owner: {description: Who asks., type: str, default: ''}
  controller: {description: 'The asking process: pid, start, host, machine.', type: dict, default: {}}
  seconds: {description: How long the lease lasts if nobody releases it., type: float, default: 0}
  replaces: {description: Run whose lease may be taken away., type: str, default: ''}
author: [zk-locust]
"""

EXAMPLES = """
- name: Claim the host
  run_lease:
    action: claim
    folders: [/var/lib/zk-locust]
    run_id: 20261124T031500Z-quick
    owner: ops@controller
    seconds: 600
"""

RETURN = """
holder: {description: 'Another lease: run_id, owner, since, until, controller, loading.', type: dict, returned: always}
"""

LEASE = "lease.json"
PATIENCE_S = 30.0
READ_LIMIT = 65536


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep everybody else from looking at or changing the folder's lease meanwhile. Raises OSError after a while."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OSError(f"another process has locked {folder} for {PATIENCE_S:g} s") from None
                time.sleep(0.01)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def opened(file: str | Path) -> Iterator[int]:
    """Open a regular file to read it. Opening a FIFO would wait for somebody who writes: raises OSError instead."""
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{file} is not a regular file; remove it")
        yield handle
    finally:
        os.close(handle)


def read(folder: Path) -> dict[str, Any] | None:
    """Return the folder's lease, or None where there is none that can be read."""
    try:
        with opened(folder / LEASE) as handle:
            content = json.loads(os.read(handle, READ_LIMIT))
        is_lease = isinstance(content, dict) and isinstance(content.get("run_id"), str)
        return content if is_lease and isinstance(content.get("until_s", 0), (int, float)) else None
    except (OSError, ValueError):
        return None


def damaged(folder: Path) -> str:
    """Return what is to be said of a lease that cannot be read; empty where there is none, or a good one."""
    if not os.path.lexists(folder / LEASE) or read(folder) is not None:
        return ""
    return f"{folder / LEASE} is empty or damaged, as after a power loss; it is taken for no lease"


def write(file: Path, text: str) -> None:
    """Replace a file at once, and have it on the disk. Callers hold the folder."""
    new = file.with_name(f"{file.name}.new")
    with new.open("w") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    new.replace(file)
    handle = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def supervised(lock: str) -> str:
    """Return what the supervisor that holds the lock says of its run; empty if none does."""
    try:
        if not lock:
            return ""
        with opened(lock) as handle:
            text = os.read(handle, 1000).decode("utf-8", "replace").strip()
            # An empty file is not tried: a run that starts at this very moment would be refused because of us.
            if not text:
                return ""
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return text
    except OSError:
        pass
    return ""


def other_holder(folder: Path, lock: str, run_id: str, now: float) -> dict[str, Any] | None:
    """Return the lease of another run, if it holds the folder or still loads the host."""
    lease = read(folder)
    running = supervised(lock)
    words = running.split()
    # The supervisor says: run <id> of <owner> since <time>
    running_id = words[1] if len(words) > 1 and words[0] == "run" else running
    if running and running_id != run_id:
        known = lease if lease is not None and lease["run_id"] == running_id else {}
        said = {"run_id": running_id, "owner": words[3] if len(words) > 3 else "", "since": words[-1], "until": ""}
        return said | known | {"loading": True}
    if lease is None or lease["run_id"] == run_id or now > lease.get("until_s", 0):
        return None
    return lease | {"loading": False}


def utc(seconds: float) -> str:
    """Return a time as ISO 8601 in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def claim(folder: Path, asked: dict[str, Any], now: float) -> dict[str, Any] | None:
    """Take or prolong the lease; return the other run's if that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        other = other_holder(folder, asked["lock"], asked["run_id"], now)
        if other is not None and (other["loading"] or other["run_id"] != asked["replaces"]):
            return other
        own = read(folder) or {}
        since = own["since"] if own.get("run_id") == asked["run_id"] else utc(now)
        lease = {
            "run_id": asked["run_id"],
            "owner": asked["owner"],
            "controller": asked["controller"],
            "since": since,
            "until": utc(now + asked["seconds"]),
            "until_s": now + asked["seconds"],
        }
        write(folder / LEASE, json.dumps(lease, indent=1) + "\n")
    return None


def release(folder: Path, run_id: str) -> None:
    """Give up the lease if it is the run's, or whatever lease there is without a run; leave no empty folder."""
    if not folder.is_dir():
        return
    with held(folder):
        lease = read(folder)
        if lease is not None and (not run_id or lease["run_id"] == run_id):
            (folder / LEASE).unlink()
            with contextlib.suppress(OSError):
                folder.rmdir()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "action": {"type": "str", "choices": ["show", "claim", "release"], "default": "show"},
            "folders": {"type": "list", "elements": "path", "required": True},
            "lock": {"type": "str", "default": ""},
            "run_id": {"type": "str", "default": ""},
            "owner": {"type": "str", "default": ""},
            "controller": {"type": "dict", "default": {}},
            "seconds": {"type": "float", "default": 0},
            "replaces": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    asked = module.params
    action = "show" if module.check_mode else asked["action"]
    holder, now = None, time.time()
    try:
        for folder in map(Path, asked["folders"]):
            problem = damaged(folder)
            if problem:
                module.warn(problem)
            if action == "claim":
                holder = holder or claim(folder, asked, now)
            elif action == "release":
                release(folder, asked["run_id"])
            else:
                holder = holder or other_holder(folder, asked["lock"], asked["run_id"], now)
    except OSError as error:
        module.fail_json(msg=f"the lease in {', '.join(asked['folders'])} cannot be kept: {error}")
    module.exit_json(changed=False, holder=holder)


if __name__ == "__main__":
    main()
