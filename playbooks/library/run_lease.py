#!/usr/bin/python
"""The module `run_lease`: show, claim or release the lease that a run has on a host.

A file in each of the folders says which run holds the host, its owner, since when and until when at the latest. Where
`lock` is held, the host is loading.

Returns `holder`, the lease of another run: run_id, owner, since, until, controller, loading; None without one.
"""

from __future__ import annotations

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_lease import claim, damaged, other_holder, release


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "action": {"type": "str", "choices": ["show", "claim", "release"], "default": "show"},
            "folders": {"type": "list", "elements": "path", "required": True},  # that the run changes
            "lock": {"type": "str", "default": ""},  # of the supervisor, on a load host
            "run_id": {"type": "str", "default": ""},  # that asks; none releases any lease
            "owner": {"type": "str", "default": ""},
            "controller": {"type": "dict", "default": {}},  # the process that asks: pid, start, host, machine
            "seconds": {"type": "float", "default": 0},  # how long the lease lasts if it is not released
            "replaces": {"type": "str", "default": ""},  # the run whose lease may be taken away
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
