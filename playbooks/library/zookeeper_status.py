#!/usr/bin/python
"""The module `zookeeper_status`: ask a ZooKeeper member for its state with the four-letter word `srvr`.

With `wait_s` it waits on the host, without a line on the screen for each attempt, until the member serves; no longer
than the member's process lives. A member that cannot be reached is no failure of the task.

Returns what `Answer` holds; `alive`: whether the process of `pid_file` runs, true without one; and `serves`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.member_answers import Answer, AnswerError, ask, parse_srvr
from ansible.module_utils.process_identity import is_running, named_in_pid_file

_POLL_S = 0.1


def observe(host: str, port: int, timeout_s: float, pid_file: Path | None) -> dict[str, Any]:
    """Return the module's result for this moment."""
    if pid_file is not None and not is_running(named_in_pid_file(pid_file)):
        # Whatever answers on that port is not this member.
        return {"alive": False, "serves": False, **Answer(error="its process has ended")._asdict()}
    try:
        answer = parse_srvr(ask(host, port, timeout_s))
    except (OSError, UnicodeError, AnswerError) as error:
        answer = Answer(error=str(error))
    return {"alive": True, "serves": answer.serves, **answer._asdict()}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "wait_s": {"type": "float", "default": 0.0},
            "timeout_s": {"type": "float", "default": 2.0},  # for connecting and the complete answer
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
