#!/usr/bin/python
"""Ask a ZooKeeper member for its state with the four-letter word `srvr`."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: zookeeper_status
short_description: Ask a ZooKeeper member for its state
description:
  - Sends the four-letter word C(srvr), which every server since 3.4 answers without a white list.
  - A member that cannot be reached is no failure of the task; I(mode) is empty then.
  - With I(wait_s) the module itself waits, on the host and without a line on the screen for each attempt, until the
    member serves. It waits no longer than its process lives.
options:
  host: {description: Address of the member., type: str, required: true}
  port: {description: Its client port., type: int, required: true}
  wait_s: {description: How long to wait for a member that does not serve yet., type: float, default: 0.0}
  timeout_s: {description: Limit for connecting and the complete answer., type: float, default: 2.0}
  pid_file: {description: File with the process id and the start time of the member., type: path}
author: [zk-locust]
"""

EXAMPLES = """
- name: Wait until the member serves requests
  zookeeper_status:
    host: 127.0.0.1
    port: 2181
    pid_file: /var/lib/zk-locust/zookeeper/zk1/zookeeper.pid
    wait_s: 60
  register: __status
"""

RETURN = """
mode: {description: 'leader, follower, observer, standalone, read-only, or empty.', type: str, returned: always}
alive: {description: Whether the process of pid_file runs; true without pid_file., type: bool, returned: always}
error: {description: Why there is no mode; empty if there is one., type: str, returned: always}
version: {description: Release of the server., type: str, returned: when it answers}
zxid: {description: 'Last transaction id, hexadecimal.', type: str, returned: when it answers}
connections: {description: Open client connections., type: int, returned: when it answers}
outstanding: {description: Requests in the queue., type: int, returned: when it answers}
node_count: {description: Znodes., type: int, returned: when it answers}
latency_ms: {description: 'min, avg and max since the start or the last reset.', type: dict, returned: when it answers}
"""

_POLL_S = 0.1
# No answer to `srvr` comes near this, nor a line of it near the other.
_MOST_BYTES = 16 * 1024
_MOST_SHOWN = 200
_MODES = ("leader", "follower", "observer", "standalone", "read-only")
_INTEGERS = {"Connections": "connections", "Outstanding": "outstanding", "Node count": "node_count"}


class AnswerError(Exception):
    """What answers is no ZooKeeper member; the message says why."""


def plain(text: str) -> str:
    """Return one short line of text without what a terminal would obey."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return words if len(words) <= _MOST_SHOWN else f"{words[:_MOST_SHOWN]} …"


def parse_srvr(text: str) -> dict[str, Any]:
    """Turn the answer to `srvr` into the module's result; `mode` is empty and `error` set where there is none.

    Lines that are not as they should be are left out: whoever listens there may send anything.
    """
    status: dict[str, Any] = {"mode": "", "error": ""}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if name == "Zookeeper version":
            status["version"] = plain(re.split(r"[-,\s]", value)[0])
        elif name.startswith("Latency min/avg/max"):
            if re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?(/-?\d{1,18}(\.\d{1,18})?){2}", value, re.ASCII):
                numbers = [float(number) for number in value.split("/")]
                status["latency_ms"] = dict(zip(("min", "avg", "max"), numbers))  # noqa: B905 - Python 3.9
        elif name in _INTEGERS:
            if re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
                status[_INTEGERS[name]] = int(value)
        elif name == "Zxid":
            status["zxid"] = plain(value)
        elif name == "Mode" and value in _MODES:
            status["mode"] = value
    if not status["mode"]:
        # E.g. "This ZooKeeper instance is not currently serving requests".
        status["error"] = plain(text) or "the connection was closed without an answer"
    return status


def ask(host: str, port: int, timeout_s: float) -> str:
    """Return the complete answer to `srvr`. Raises OSError where there is none, AnswerError where it does not end."""
    deadline = time.monotonic() + timeout_s
    answer = b""
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(b"srvr")
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise AnswerError(f"its answer has not ended within {timeout_s:g} s" if answer else "timed out")
            connection.settimeout(left_s)
            try:
                chunk = connection.recv(4096)
            except socket.timeout:  # noqa: UP041 - Python 3.9
                continue
            if not chunk:
                return answer.decode("utf-8", "replace")
            answer += chunk
            if len(answer) > _MOST_BYTES:
                raise AnswerError(f"its answer is longer than {_MOST_BYTES} bytes: no ZooKeeper member listens there")


def is_alive(pid_file: Path, proc: Path = Path("/proc")) -> bool:
    """Whether the process that `pid_file` names by id and start time runs; a recycled id does not count."""
    try:
        pid, start_ticks = pid_file.read_text().split()[:2]
        # The command name before the last parenthesis may hold spaces; proc(5): state is field 3, starttime 22.
        fields = (proc / pid / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return False
    return fields[0] != "Z" and fields[19] == start_ticks


def observe(host: str, port: int, timeout_s: float, pid_file: Path | None) -> dict[str, Any]:
    """Return the module's result for this moment."""
    if pid_file is not None and not is_alive(pid_file):
        # Whatever answers on that port is not this member.
        return {"alive": False, "mode": "", "error": "its process has ended"}
    try:
        return {"alive": True, **parse_srvr(ask(host, port, timeout_s))}
    except (OSError, UnicodeError, AnswerError) as error:
        return {"alive": True, "mode": "", "error": str(error)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "wait_s": {"type": "float", "default": 0.0},
            "timeout_s": {"type": "float", "default": 2.0},
            "pid_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    host, port, timeout_s = (module.params[name] for name in ("host", "port", "timeout_s"))
    pid_file = Path(module.params["pid_file"]) if module.params["pid_file"] else None
    deadline = time.monotonic() + module.params["wait_s"]
    status = observe(host, port, timeout_s, pid_file)
    while status["alive"] and not status["mode"] and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        status = observe(host, port, timeout_s, pid_file)
    module.exit_json(changed=False, **status)


if __name__ == "__main__":
    main()
