"""Conducts experiments in unit tests, with the real files and inventories, and benchmarks that take no time."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from fleet.errors import InputError
from fleet.experiments.conduct import Wish, conduct
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.runner import Outcome, Request
from lab.places import PROJECT

COMPARE: Final[dict[str, Any]] = {
    "kind": "compare",
    "scenario": "quick",
    "variables": {"benchmark_run_time": "2s", "benchmark_warmup": "1s"},
    "arms": {"small": {"zookeeper_heap": "300m"}, "large": {"zookeeper_heap": "1g"}},
}


class Controller:
    """Conducts experiments whose benchmarks take no time, in a results folder of its own."""

    def __init__(self, folder: Path, **variables: Any) -> None:
        self.results = folder / "results"
        self.file = folder / "mine.yml"
        self.said: list[str] = []
        self.asked: list[Request] = []
        self.playbooks = Playbooks(
            PROJECT / "playbooks",
            (str(PROJECT / "inventory" / "local"),),
            (),
            {"benchmark_results_dir": str(self.results), **variables},
        )

    def benchmark(self, request: Request) -> Outcome:
        self.asked.append(request)
        return Outcome(f"run-{request.number}", "valid", 1.0)

    def conduct(self, content: dict[str, Any] | None = None, **wish: Any) -> list[str]:
        if content is not None:
            self.file.write_text(yaml.safe_dump(content, sort_keys=False))
            wish["experiment"] = str(self.file)
        return conduct(Wish(**wish), self.playbooks, self.said.append, self.benchmark)

    def refusal(self, content: dict[str, Any] | None = None, **wish: Any) -> str:
        with pytest.raises(InputError) as caught:
            self.conduct(content, **wish)
        assert self.asked == []
        assert not (self.results / "experiments").exists()
        return str(caught.value)
