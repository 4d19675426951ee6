"""Real hosts made on this machine: each has its own systemd, sshd and network address.

    with Lab.up(LabOptions(name="mine")) as lab:
        lab.hosts["zk1"].run("systemctl is-system-running")

A host is an overlay mount over a root file system made by mmdebstrap, booted by systemd-nspawn. The lab needs root on
Debian. `python -m lab up|down|status|image|wheels` is its command line; docs/lab.md describes it.

`lab.fleet` runs playbooks on a lab. `lab.zookeeper_server` and `lab.locust_processes` start real servers and Locust
processes on loopback; they need neither root nor a lab.
"""

from lab.commands import LabError, LabUnavailableError
from lab.host import Host
from lab.lab import Lab
from lab.plan import HostPlan, LabOptions, Role

__all__ = ["Host", "HostPlan", "Lab", "LabError", "LabOptions", "LabUnavailableError", "Role"]
