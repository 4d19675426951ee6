"""Ends sessions that are connected to a member, so that their clients find them expired.

The member's AdminServer tells the sessions. Whoever has a session's id and password may resume and close it, and a
server derives the password from the id alone (`ZooKeeperServer.generatePasswd`, the same from 3.4 to 3.9). The server
closes the client's own connection as the session is resumed; when the client connects again, its session is gone.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from zk_locust.host_faults.connections import shared
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 10.0
_MOST_BYTES = 64 * 1024 * 1024
_AT_ONCE = 16
_TRIES = 20
_SECRET = 0xB3415C00
_TIMEOUT_MS = 30_000
_CLOSE = -11
_MASK = (1 << 48) - 1


def expire(note: dict[str, Any], settings: Mapping[str, str]) -> None:
    """End `percent` of the sessions that are connected to the member at `client_port`; note how many (`met`).

    `settings` are those of its zoo.cfg. Raises FaultError where the sessions are not told, or not all could be ended.
    """
    found = session_ids(_local(settings, "admin.serverAddress"), settings.get("admin.serverPort", "8080"))
    chosen = random.Random(note["id"]).sample(found, shared(len(found), note["percent"]))
    address, problems = _local(settings, "clientPortAddress"), []

    def ended(session_id: int) -> bool:
        try:
            return end(address, int(note["client_port"]), session_id)
        except OSError as error:
            problems.append(str(error))
            return False

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        note["met"] = sum(pool.map(ended, chosen))
    if problems:
        raise FaultError(f"{len(problems)} of {len(chosen)} sessions could not be ended: {problems[0]}")


def _local(settings: Mapping[str, str], key: str) -> str:
    """Return the address at which the member is reached on its own host."""
    address = settings.get(key, "")
    return "127.0.0.1" if address in ("", "0.0.0.0", "::") else address


def session_ids(address: str, port: str) -> list[int]:
    """Return the ids of the sessions that are connected to a member, as its AdminServer tells them.

    Raises FaultError where they are not told.
    """
    admin = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"http://{admin}/commands/connections", timeout=_LIMIT_S
        ) as answer:
            told = json.loads(answer.read(_MOST_BYTES))
        listed = [*(told.get("connections") or ()), *(told.get("secure_connections") or ())]
        found = {int(each["session_id"]) for each in listed}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FaultError(
            f"the AdminServer [{admin}] does not tell the sessions: {error}; it needs ZooKeeper 3.5 or later, and"
            " admin.enableServer"
        ) from None
    return sorted(found - {0})


def password_of(session_id: int) -> bytes:
    """Return the password of a session: 16 bytes of java.util.Random, with the id and a constant as its seed."""
    state = ((session_id ^ _SECRET) ^ 0x5DEECE66D) & _MASK
    words = b""
    for _ in range(4):
        state = (state * 0x5DEECE66D + 0xB) & _MASK
        words += struct.pack("<I", state >> 16)
    return words


def end(host: str, port: int, session_id: int) -> bool:
    """Resume a session and close it; return whether it was there. Raises OSError where that does not succeed.

    Its client, whose connection ends as the session is resumed, may resume it before it is closed: then once more.
    """
    was_there = False
    for _ in range(_TRIES):
        answer = _closed(host, port, session_id)
        if answer is None:
            return was_there
        if answer:
            return True
        was_there = True
    raise OSError(f"its client resumed it {_TRIES} times before it was closed")


def _closed(host: str, port: int, session_id: int) -> bool | None:
    """Resume a session and close it; return whether the member says that it has, None where there is no session."""
    connect = struct.pack(">iqiqi16s?", 0, 0, _TIMEOUT_MS, session_id, 16, password_of(session_id), False)
    with socket.create_connection((host, port), timeout=_LIMIT_S) as link:
        try:
            link.sendall(_frame(connect) + _frame(struct.pack(">ii", 1, _CLOSE)))
            answer = _read_frame(link)
            if len(answer) < 16:
                return False  # the connection ended before
            if struct.unpack(">iiq", answer[:16])[1:] < (1, 0):
                return None
            return bool(_read_frame(link))
        except (ConnectionResetError, BrokenPipeError):
            return False


def _frame(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def _read_frame(link: socket.socket) -> bytes:
    """Return the next frame; nothing where the connection has ended."""
    content = b""
    length = 4
    while len(content) < length:
        chunk = link.recv(length - len(content))
        if not chunk:
            return b""
        content += chunk
        if len(content) == length == 4:
            length += min(int.from_bytes(content, "big"), 64 * 1024)
    return content[4:]
