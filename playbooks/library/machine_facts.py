#!/usr/bin/python
"""Learn the cores and the memory of a machine from /proc."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: machine_facts
short_description: Learn the cores and the memory of a machine
description:
  - Three of the facts of C(ansible.builtin.setup), under the same names. Its subset for hardware has them too, but asks
    for all disks and devices as well, which takes a second.
author: [zk-locust]
"""

EXAMPLES = """
- name: Learn what the machine has
  machine_facts:
"""

RETURN = """
ansible_facts: {description: 'processor (models), processor_vcpus, memtotal_mb.', type: dict, returned: always}
"""


def facts(cpu_info: str, memory_info: str) -> dict[str, Any]:
    """Return the facts from the texts of /proc/cpuinfo and /proc/meminfo; what they do not say is left out."""
    # On x86, and what other architectures call it.
    models = re.findall(r"^(?:model name|Model|cpu model|cpu|vendor_id)\s*:\s*(.+)$", cpu_info, re.MULTILINE)
    named = re.findall(r"^model name\s*:\s*(.+)$", cpu_info, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", memory_info, re.MULTILINE)
    found: dict[str, Any] = {
        "ansible_processor": list(dict.fromkeys(named or models)),
        "ansible_processor_vcpus": len(re.findall(r"^processor\s*:", cpu_info, re.MULTILINE)) or os.cpu_count() or 1,
    }
    return found | ({"ansible_memtotal_mb": int(memory[1]) // 1024} if memory else {})


def read(path: str) -> str:
    """Return the text of a file, empty where it cannot be read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, ansible_facts=facts(read("/proc/cpuinfo"), read("/proc/meminfo")))


if __name__ == "__main__":
    main()
