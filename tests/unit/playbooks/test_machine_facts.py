"""Cores and memory of a machine, as Ansible's own facts call them."""

import subprocess

import pytest

from fleet import machine_facts
from fleet.host_result import machine

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
    found = machine_facts.parse(f"{cpu_info}MemTotal:       24684032 kB\nMemFree: 1 kB\n7\n")
    assert found == {"ansible_processor": [model], "ansible_processor_vcpus": 2, "ansible_memtotal_mb": 24105}
    told = machine("worker", {}, {name.removeprefix("ansible_"): value for name, value in found.items()})
    assert told == {"cpu_model": model, "cores": 2, "memory_mb": 24105}


def test_what_is_not_said_is_left_out_and_there_is_one_core_at_least() -> None:
    assert machine_facts.parse("") == {"ansible_processor": [], "ansible_processor_vcpus": 1}
    assert machine_facts.parse("MemTotal: x kB\n4\n") == {"ansible_processor": [], "ansible_processor_vcpus": 4}


def test_this_machine_has_cores_and_memory() -> None:
    said = subprocess.run(["sh", "-c", machine_facts.COMMAND], capture_output=True, text=True, timeout=30, check=True)
    found = machine_facts.parse(said.stdout)
    assert found["ansible_processor_vcpus"] >= 1
    assert found["ansible_memtotal_mb"] > 100
