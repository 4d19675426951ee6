"""What is loaded before the first task is not loaded again by the fork of each task."""

import os
import subprocess
import sys
from pathlib import Path

from lab.places import PROJECT

FILTER = """
import os
LOADED_BY = os.getpid()
class FilterModule:
    def filters(self):
        return {"loaded_by": lambda _: [LOADED_BY, os.getpid(), os.getppid()]}
"""
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - debug: {msg: "found {{ '' | loaded_by | join(' ') }}"}
"""


def test_a_task_uses_the_filters_that_its_parent_has_loaded(tmp_path: Path) -> None:
    (tmp_path / "filter_plugins").mkdir()
    (tmp_path / "filter_plugins" / "where.py").write_text(FILTER)
    (tmp_path / "play.yml").write_text(PLAY)
    play = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
    quiet = os.environ | {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_DISPLAY_OK_HOSTS": "true"}
    shown = subprocess.run(
        [*play, str(tmp_path / "play.yml")], cwd=PROJECT, env=quiet, capture_output=True, text=True, check=True
    )
    loaded_by, task, parent = shown.stdout.split("found ")[1].split()[:3]
    assert loaded_by == parent != task
