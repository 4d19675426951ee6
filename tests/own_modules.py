"""Modules of ours as Ansible runs them: with the files of `playbooks/module_utils` beside those of Ansible itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import ansible.module_utils

from lab.places import PROJECT

UTILITIES = PROJECT / "playbooks" / "module_utils"
_RUN = """\
import runpy, sys, ansible.module_utils
utilities, module = sys.argv[1:]
ansible.module_utils.__path__.append(utilities)
del sys.argv[1:]
runpy.run_path(module, run_name="__main__")
"""


def make_importable() -> None:
    """Let tests import modules of ours."""
    if str(UTILITIES) not in ansible.module_utils.__path__:
        ansible.module_utils.__path__.append(str(UTILITIES))


def run(module: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a module in a process of its own; return its result."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(UTILITIES), str(module)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result
