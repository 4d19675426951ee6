#!/usr/bin/python
"""The module `zookeeper_admin`: ask the AdminServers of all members, at the same time.

An answer is bounded in time and length. Redirects are not followed, and proxies not used. Returns `answers` by member
and command; an empty dictionary where there is none.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Any

from ansible.module_utils.basic import AnsibleModule

_MOST_BYTES = 1_000_000


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Go nowhere: what a member answers must not choose whom this host asks."""


def ask(address: str, command: str, timeout_s: float) -> dict[str, Any]:
    """Return the answer to one command; empty where there is none, or one that is no object or too long."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(f"http://{address}/commands/{command}", timeout=timeout_s) as answer:
            text = answer.read(_MOST_BYTES + 1)
        found = json.loads(text) if len(text) <= _MOST_BYTES else {}
        # Half a character, which JSON can hold, can be written to no file.
        found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except Exception:  # whatever a broken member makes of HTTP or JSON
        return {}
    return found if isinstance(found, dict) else {}


def ask_all(members: dict[str, str], commands: list[str], timeout_s: float) -> dict[str, dict[str, Any]]:
    """Return the answers by member and command; a member that dribbles is not waited for."""
    answers: dict[str, dict[str, Any]] = {name: {command: {} for command in commands} for name in members}

    def ask_one(name: str) -> None:
        for command in commands:
            answers[name][command] = ask(members[name], command, timeout_s)

    threads = [threading.Thread(target=ask_one, args=(name,), daemon=True) for name in members]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {name: dict(found) for name, found in answers.items()}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "members": {"type": "dict", "required": True},  # host:port of the AdminServer, by name of the member
            "commands": {"type": "list", "elements": "str", "required": True},
            "timeout_s": {"type": "float", "default": 5.0},  # for all answers together
        },
        supports_check_mode=True,
    )
    answers = ask_all(module.params["members"], module.params["commands"], module.params["timeout_s"])
    module.exit_json(changed=False, answers=answers)


if __name__ == "__main__":
    main()
