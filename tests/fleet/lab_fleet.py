"""The lab's hosts as an inventory that tests may change, and what can be seen of them from outside."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from lab import Lab
from tests import waiting
from tests.plays import Fleet

LOAD_FOLDER = "/var/lib/zk-locust/load"
SCENARIO = {"locustfile": "locust_set_and_get.py", "users": 4, "spawn_rate": 4, "warmup": "1s", "run_time": "4s"}
# Processes that have a run's folder for their own: supervisors, masters and workers, whatever they are called.
RUN_PROCESSES = (
    f"for p in /proc/[0-9]*; do case $(readlink $p/cwd) in {LOAD_FOLDER}/runs/*) "
    "echo ${p#/proc/} $(tr '\\0' ' ' <$p/cmdline);; esac; done"
)


class LabFleet(Fleet):
    """An inventory of a lab, with a results folder of its own."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        super().__init__(folder)
        self.lab = lab
        self.read_inventory()
        self.scenario = folder / "small.yml"
        self.set_scenario()
        self.vars |= {"benchmark_results_dir": str(self.results), "benchmark_scenario": str(self.scenario)}

    def read_inventory(self) -> None:
        """Take the hosts as they are in the lab now; keep the variables."""
        own = self.inventory.get("all", {}).get("vars", {})
        groups = yaml.safe_load((self.lab.inventory / "hosts.yml").read_text())
        given = yaml.safe_load((self.lab.inventory / "group_vars" / "all.yml").read_text())
        self.inventory = {**groups, "all": {"vars": given | own}}

    @property
    def vars(self) -> dict[str, Any]:
        """The variables of all hosts; may be changed."""
        return self.inventory["all"]["vars"]  # type: ignore[no-any-return]

    @vars.setter
    def vars(self, values: dict[str, Any]) -> None:
        self.inventory["all"]["vars"] = values

    @property
    def load_hosts(self) -> list[str]:
        """The names of the load hosts, the master's first."""
        return [*self.inventory["locust_master"]["hosts"], *self.inventory["locust_workers"]["hosts"]]

    @property
    def members(self) -> list[str]:
        """The names of the members."""
        return list(self.inventory["zookeeper"]["hosts"])

    def modes(self) -> dict[str, str]:
        """Return what each member says that it is; empty if it does not answer."""
        return {name: self.mode(name) for name in self.members}

    def mode(self, name: str) -> str:
        """Return what a member says that it is."""
        ask = "import socket; c = socket.create_connection(('127.0.0.1', 2181)); c.send(b'srvr'); print(c.recv(9999))"
        answer = self.lab.hosts[name].run(["python3", "-c", ask], check=False).stdout
        found = re.search(r"Mode: (\w+)", answer)
        return found[1] if found else ""

    def mend(self) -> bool:
        """Start what a test has stopped; return whether something is still not as provisioning leaves it."""
        for host in self.lab.hosts.values():
            if not host.running:
                host.start()
            host.heal_network()
            host.run("systemctl start ssh")
        launcher = [f"{LOAD_FOLDER}/host-run", "status", "--folder", "/nowhere"]
        launched = [self.lab.hosts[name].run(launcher, check=False).returncode for name in self.load_hosts]
        return any(launched) or not all(self.modes().values())

    def end_runs(self) -> None:
        """End whatever a failed test has left on the hosts."""
        self.mend()
        for name in (*self.members, *self.load_hosts):
            for pid in self.run_processes(name):
                self.lab.hosts[name].run(["kill", "-KILL", str(pid)], check=False)
            self.lab.hosts[name].run("rm -f /var/lib/zk-locust/lease.json")

    def set_scenario(self, **changes: Any) -> None:
        """Change the scenario that benchmarks of this fleet drive."""
        self.scenario.write_text(yaml.safe_dump(SCENARIO | changes))

    def run_processes(self, name: str) -> dict[int, str]:
        """Return the processes of runs on a load host: id to command."""
        if not self.lab.hosts[name].running:
            return {}
        lines = self.lab.hosts[name].run(RUN_PROCESSES).stdout.splitlines()
        return {int(pid): command for pid, command in (line.split(" ", 1) for line in lines)}

    def status(self, name: str) -> dict[str, Any]:
        """Return the status of the newest run on a load host; empty where there is none."""
        text = self.lab.hosts[name].run(f"cat $(ls -td {LOAD_FOLDER}/runs/*/status.json | head -1)", check=False).stdout
        return json.loads(text) if text.strip() else {}

    def kill(self, name: str, process: str) -> None:
        """Kill one process of the newest run by the name that the run's record gives it (`master`, `worker-1`)."""
        pid = self.status(name)["processes"][process]["pid"]
        self.lab.hosts[name].run(["kill", "-KILL", str(pid)])

    def leases(self) -> dict[str, str]:
        """Return the leases there are, by host."""
        found = {}
        for name in (*self.members, *self.load_hosts):
            if self.lab.hosts[name].running:
                found[name] = self.lab.hosts[name].run("cat /var/lib/zk-locust/lease.json", check=False).stdout
        return {name: text for name, text in found.items() if text}

    def the_run(self) -> Path:
        """Return the folder of the only finished run."""
        (run,) = self.runs()
        return self.results / run

    def manifest(self) -> dict[str, Any]:
        """Return the manifest of the only finished run."""
        content: dict[str, Any] = json.loads((self.the_run() / "manifest.json").read_text())
        return content

    def events(self) -> str:
        """Return the events of the only finished run."""
        return (self.the_run() / "events.csv").read_text()

    def wait_for_stage(self, process: Any, stage: str = "measured", limit_s: float = 120) -> None:
        """Return when the master says that this stage of the load is on its way."""

        def there() -> bool:
            assert process.poll() is None, self.screen()
            return f"  {stage} " in self.screen()

        until(there, limit_s=limit_s, explain=self.screen)


until = partial(waiting.until, limit_s=60, pause_s=0.2)
