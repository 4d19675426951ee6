"""The processors and the memory of a host, under the names that Ansible's facts have for them.

Ansible's own facts of the hardware ask for all disks and devices as well, which takes a second.
"""

import re
from typing import Any, Final

# The model is `model name` on x86; the others are what other architectures call it.
_MODELS: Final = "model name|Model|cpu model|cpu|vendor_id"
_LINES: Final = f"^((processor|{_MODELS})[[:blank:]]*|MemTotal):"
COMMAND: Final = f"grep -hE '{_LINES}' /proc/cpuinfo /proc/meminfo; getconf _NPROCESSORS_ONLN"


def parse(text: str) -> dict[str, Any]:
    """Return the facts from what `COMMAND` has printed on a host; what that does not say is left out."""
    named = re.findall(r"^model name\s*:\s*(.+?)\s*$", text, re.MULTILINE)
    models = named or re.findall(rf"^(?:{_MODELS})\s*:\s*(.+?)\s*$", text, re.MULTILINE)
    processors = len(re.findall(r"^processor\s*:", text, re.MULTILINE))
    counted = re.search(r"^(\d{1,6})\s*\Z", text, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d{1,18}) kB\s*$", text, re.MULTILINE | re.ASCII)
    found: dict[str, Any] = {
        "ansible_processor": list(dict.fromkeys(models)),
        "ansible_processor_vcpus": processors or max(1, int(counted[1]) if counted else 1),
    }
    return found | ({"ansible_memtotal_mb": int(memory[1]) // 1024} if memory else {})
