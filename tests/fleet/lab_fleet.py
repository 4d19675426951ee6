"""What tests do to a lab's hosts while playbooks run, and what they see of them from outside."""

import json
from functools import partial
from typing import Any

from lab.fleet import DrivenLab
from tests import waiting
from zk_locust.contract.member_answers import parse_srvr

LOAD_FOLDER = "/var/lib/zk-locust/load"
# Processes whose working directory is a run's folder: supervisors, masters and workers.
RUN_PROCESSES = (
    f"for p in /proc/[0-9]*; do case $(readlink $p/cwd) in {LOAD_FOLDER}/runs/*) "
    "echo ${p#/proc/} $(tr '\\0' ' ' <$p/cmdline);; esac; done"
)


# A load at full speed would take both cores from the tests beside it.
PACE = {"min-wait": "10ms", "max-wait": "20ms"}


class LabFleet(DrivenLab):
    """A driven lab whose hosts are broken, mended and looked into."""

    def set_scenario(self, **changes: Any) -> None:
        """Write the scenario, at a gentle pace unless `parameters` say otherwise."""
        super().set_scenario(**changes | {"parameters": PACE | changes.get("parameters", {})})

    def modes(self) -> dict[str, str]:
        """Return the mode of each member; empty if it does not answer."""
        return {name: self.mode(name) for name in self.members}

    def mode(self, name: str) -> str:
        """Return the mode of a member; empty if it does not answer."""
        connect = "import socket; c = socket.create_connection(('127.0.0.1', 2181)); "
        ask = f"{connect}c.send(b'srvr'); print(c.makefile().read())"
        return parse_srvr(self.lab.hosts[name].run(["python3", "-c", ask], check=False).stdout).mode

    def mend(self) -> bool:
        """Start what a test has stopped; return whether the fleet must be provisioned again."""
        for host in self.lab.hosts.values():
            if not host.running:
                host.start()
            host.heal_network()
            host.run("systemctl start ssh")
        launcher = [f"{LOAD_FOLDER}/host-run", "status", "--folder", "/nowhere"]
        launched = [self.lab.hosts[name].run(launcher, check=False).returncode for name in self.load_hosts]
        return any(launched) or not all(self.modes().values())

    def end_runs(self) -> None:
        """End the processes that a failed test has left on the hosts."""
        self.mend()
        for name in (*self.members, *self.load_hosts):
            for pid in self.run_processes(name):
                self.lab.hosts[name].run(["kill", "-KILL", str(pid)], check=False)
            self.lab.hosts[name].run("rm -f /var/lib/zk-locust/lease.json")

    def run_processes(self, name: str) -> dict[int, str]:
        """Return the processes of runs on a load host: id to command."""
        if not self.lab.hosts[name].running:
            return {}
        lines = self.lab.hosts[name].run(RUN_PROCESSES).stdout.splitlines()
        # The command of a process that is ending is empty.
        return {int(pid): command for pid, _, command in (line.partition(" ") for line in lines)}

    def status(self, name: str) -> dict[str, Any]:
        """Return the status of the newest run on a load host; empty if there is none."""
        text = self.lab.hosts[name].run(f"cat $(ls -td {LOAD_FOLDER}/runs/*/status.json | head -1)", check=False).stdout
        return json.loads(text) if text.strip() else {}

    def kill(self, name: str, process: str) -> None:
        """Kill one process of the newest run by its name in the run's status (`master`, `worker-1`)."""
        pid = self.status(name)["processes"][process]["pid"]
        self.lab.hosts[name].run(["kill", "-KILL", str(pid)])

    def leases(self) -> dict[str, str]:
        """Return the leases by host."""
        found = {}
        for name in (*self.members, *self.load_hosts):
            if self.lab.hosts[name].running:
                found[name] = self.lab.hosts[name].run("cat /var/lib/zk-locust/lease.json", check=False).stdout
        return {name: text for name, text in found.items() if text}

    def events(self) -> str:
        """Return the events of the only finished run."""
        return (self.the_run() / "events.csv").read_text()

    def wait_for_stage(self, process: Any, stage: str = "measured", limit_s: float = 120) -> None:
        """Return when the master says that this stage of the load is running."""

        def there() -> bool:
            assert process.poll() is None, self.screen()
            return f"  {stage} " in self.screen()

        until(there, limit_s=limit_s, explain=self.screen)


until = partial(waiting.until, limit_s=60, pause_s=0.2)
