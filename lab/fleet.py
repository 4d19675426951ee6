"""A lab's hosts as a fleet: an inventory that may be changed, a scenario, and the playbooks that run with them."""

import json
from pathlib import Path
from typing import Any

import yaml

from lab.lab import Lab
from lab.plays import Fleet

SCENARIO = {"locustfile": "locust_set_and_get.py", "users": 4, "spawn_rate": 4, "warmup": "1s", "run_time": "4s"}


class DrivenLab(Fleet):
    """A lab driven by playbooks, with a results folder of its own below `folder`."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        super().__init__(folder)
        self.lab = lab
        self.read_inventory()
        self.scenario = folder / "small.yml"
        self.set_scenario()
        self.vars |= {"benchmark_results_dir": str(self.results), "benchmark_scenario": str(self.scenario)}

    def read_inventory(self) -> None:
        """Read the lab's current hosts; keep the variables that were set here."""
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

    def set_scenario(self, **changes: Any) -> None:
        """Write the scenario of this fleet's benchmarks: `SCENARIO` with these changes."""
        self.scenario.write_text(yaml.safe_dump(SCENARIO | changes))

    def the_run(self) -> Path:
        """Return the folder of the only finished run."""
        (run,) = self.runs()
        return self.results / run

    def manifest(self) -> dict[str, Any]:
        """Return the manifest of the only finished run."""
        content: dict[str, Any] = json.loads((self.the_run() / "manifest.json").read_text())
        return content
