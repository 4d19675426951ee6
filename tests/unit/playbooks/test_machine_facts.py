"""Cores and memory of a machine, as Ansible's own facts call them."""

from pathlib import Path

import pytest

from fleet.host_result import machine
from playbooks.library import machine_facts

X86 = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Processor
cpu MHz\t\t: 2000.0

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Processor
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 108.00
CPU part\t: 0xd08

processor\t: 1
BogoMIPS\t: 108.00

Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""


@pytest.mark.parametrize(
    ("cpu_info", "model"), [(X86, "Intel(R) Xeon(R) Processor"), (ARM, "Raspberry Pi 4 Model B Rev 1.4")]
)
def test_cores_model_and_memory_are_read(cpu_info: str, model: str) -> None:
    found = machine_facts.facts(cpu_info, "MemTotal:       24684032 kB\nMemFree: 1 kB\n")
    assert found == {"ansible_processor": [model], "ansible_processor_vcpus": 2, "ansible_memtotal_mb": 24105}
    told = machine("worker", {}, {name.removeprefix("ansible_"): value for name, value in found.items()})
    assert told == {"cpu_model": model, "cores": 2, "memory_mb": 24105}


def test_what_is_not_said_is_left_out_and_there_is_one_core_at_least() -> None:
    found = machine_facts.facts("", "")
    assert found.keys() == {"ansible_processor", "ansible_processor_vcpus"}
    assert found["ansible_processor_vcpus"] >= 1


def test_this_machine_has_cores_and_memory() -> None:
    found = machine_facts.facts(machine_facts.read("/proc/cpuinfo"), machine_facts.read("/proc/meminfo"))
    assert found["ansible_processor_vcpus"] >= 1
    assert found["ansible_memtotal_mb"] > 100
    assert machine_facts.read(str(Path("/proc/no/such/file"))) == ""
