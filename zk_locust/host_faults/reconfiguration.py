"""Takes a member out of the ensemble's list or changes its role, by ZooKeeper's own reconfig, and undoes it.

The member's host asks any member that answers. A change that is there already is not made again, so each can be tried
again: a leader that is taken out of the list closes the connection before it answers.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.wire import AdminSession, RefusedError

Note = dict[str, Any]

_LIMIT_S = 60.0
_TRY_AGAIN_S = 0.3
_ROLES = ("participant", "observer")
# KeeperException.Code: what another try does not change.
_FINAL = {
    -8: "the list cannot become so (too few voters, or standalone servers)",
    -102: "the password zookeeper_super_password is not that of the ensemble",
    -115: "the password zookeeper_super_password is not that of the ensemble",
    -6: "this release knows no reconfig",
    -123: "reconfigEnabled is not true",
}


def begin(note: Note, secret: Path) -> None:
    """Make the change of the note. Raises FaultError."""
    _reach(note, secret, _changed(note))


def end(note: Note, secret: Path) -> None:
    """Bring the member back into the list, with its own role. Raises FaultError."""
    if note["error"] and not secret.exists():
        return  # so it could not be changed
    _reach(note, secret, str(note["role"]))


def _changed(note: Note) -> str:
    """Return the role that the member is to have; empty if it is to be in the list no more."""
    if note["change"] == "remove":
        return ""
    return _ROLES[1 - _ROLES.index(str(note["role"]))]


def _reach(note: Note, secret: Path, role: str) -> None:
    try:
        password = secret.read_text(encoding="utf-8").rstrip("\n")
    except OSError:
        raise FaultError("the password for reconfig is not on this host") from None
    number = int(note["server_id"])
    joining = f"server.{number}={note['between']}:{role};{note['listens']}" if role else ""
    deadline = time.monotonic() + _LIMIT_S
    problem = "no member answers"
    while time.monotonic() < deadline:
        for address, port in note["clients"]:
            try:
                session = AdminSession(str(address), int(port))
            except OSError:
                continue
            try:
                session.authenticate(f"super:{password}")
                if role_in(session.configuration(), number) == role:
                    return
                session.reconfigure(joining, "" if role else str(number))
            except RefusedError as error:
                if error.code in _FINAL:
                    raise FaultError(_FINAL[error.code]) from None
                problem = str(error)
            except OSError as error:
                problem = str(error)
            finally:
                session.close()
        time.sleep(_TRY_AGAIN_S)  # once all were asked, also to see the change
    raise FaultError(f"the list of members could not be changed within {_LIMIT_S:g} s: {problem}")


def role_in(configuration: str, number: int) -> str:
    """Return the role that a list of members gives to a server; empty if it is not in it."""
    found = re.search(rf"^server\.{number}=[^;\n]*:(participant|observer)(;|$)", configuration, re.MULTILINE)
    return found[1] if found else ""
