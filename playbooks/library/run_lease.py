#!/usr/bin/python
"""Show, claim or release the lease that a run has on a host."""

from __future__ import annotations

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_lease import claim, damaged, other_holder, release

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
