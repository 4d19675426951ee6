"""Real hosts for tests, made on this one machine: own systemd, own sshd, own network.

    with Lab.up(LabOptions(name="mine")) as lab:
        lab.hosts["zk1"].run("systemctl is-system-running")

A host is an overlay mount over a root file system that mmdebstrap has made, booted by systemd-nspawn. Needs root on
Debian. `python -m lab up|down|status|image` does the same from the command line.
"""

from lab.commands import LabError, LabUnavailableError
from lab.host import Host
from lab.lab import Lab
from lab.plan import HostPlan, LabOptions, Role

__all__ = ["Host", "HostPlan", "Lab", "LabError", "LabOptions", "LabUnavailableError", "Role"]
