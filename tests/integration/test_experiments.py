"""An experiment as users call it, with a real member and a real load: interrupted, continued, and reported."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.integration.local_fleet import SMALL_SCENARIO, LocalFleet, local_fleet
from tests.needs import require_zookeeper
from zk_locust.contract.verdicts import VOID

pytestmark = pytest.mark.integration

# Three runs at the lowest rate are the shortest experiment there is: no operation takes less than a microsecond.
EXPERIMENT = {
    "kind": "capacity",
    "variables": {"benchmark_run_time": "1s", "benchmark_warmup": "0s"},
    "objectives": ["p99 < 1us"],
    "rates": {"lowest": 20},
}
ANSWERS = {
    "none": "Experiment one: ensemble does not meet p99 < 1us at 20/s, the lowest rate of this experiment.",
    "load side": "Experiment one: At 20/s, the load side was the limit, and not ensemble;",
}
DONE: dict[str, Any] = {
    "arm": "ensemble", "slot": None, "block": None, "attempt": 1, "rate_per_s": 20, "run_id": "", "verdict": "valid",
    "counts": True, "reasons": [], "took_s": 15.0, "passed": False, "load_limited": False, "step": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def fleet() -> Iterator[LocalFleet]:
    require_zookeeper()
    with local_fleet(SMALL_SCENARIO, members=("zk1",)) as fleet:
        (fleet.folder / "mine.yml").write_text(yaml.safe_dump(EXPERIMENT))
        yield fleet


def wait_for(condition: Callable[[], bool], seconds: float, screen: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, screen()
        time.sleep(0.1)


def test_an_interrupted_experiment_is_continued_to_its_answer(fleet: LocalFleet) -> None:
    folder = fleet.results / "experiments" / "one"
    log = folder / "logs" / "001.log"
    ansible = fleet.begin("experiment", experiment=str(fleet.folder / "mine.yml"), experiment_id="one")
    try:
        wait_for(lambda: log.exists() and "The ensemble serves" in log.read_text(), 120, fleet.screen)
        ansible.send_signal(signal.SIGINT)
        wait_for(lambda: ansible.poll() is not None, 120, lambda: fleet.screen() + log.read_text())
        assert ansible.returncode == 99
    finally:
        fleet.end_process(ansible)
    assert "experiment one: capacity, at most about" in fleet.screen()
    assert "experiment one was interrupted; continue it with -e experiment_resume=one" in fleet.screen()
    assert fleet.processes() == []
    told = json.loads((folder / "manifest.json").read_text())
    assert told["state"] == "interrupted"

    # As if two of the three runs had been done before: each takes a quarter of a minute.
    (folder / "manifest.json").write_text(json.dumps(told | {"runs": [DONE | {"number": number} for number in (1, 2)]}))
    play = fleet.play("experiment", experiment_resume="one")
    screen = play.screen
    state = json.loads((folder / "experiment.json").read_text())["capacity"]["ensemble"]["state"]
    # On a busy machine, workers wait for CPU: the experiment then says so, and has no answer about the ensemble.
    assert ANSWERS[state] in screen
    answered = state == "none"
    assert play.code != 0, "neither answer is a capacity"
    remedy = "lower rates.lowest or raise the limits" if answered else "add at least "
    assert f"so no capacity is known; {remedy}" in " ".join(screen.split())
    told = json.loads((folder / "manifest.json").read_text())
    assert told["state"] == "finished"
    # On a machine that stands still a run may be invalid. It does not count, and is made again.
    counted = [run for run in told["runs"] if run["counts"]]
    assert [(run["rate_per_s"], run["passed"]) for run in counted] == [(20, False)] * (3 if answered else 2)
    assert all(run["verdict"] == VOID or run["load_limited"] for run in told["runs"] if not run["counts"])
    assert (fleet.results / told["runs"][-1]["run_id"] / "report.html").exists()
    assert ElementTree.parse(folder / "experiment.junit.xml").getroot().get("failures") == ("1" if answered else "0")
    member = fleet.state / "zookeeper" / "zk1"
    assert [*member.rglob("version-2"), *member.rglob("*.log")] == [], "the members' data is removed after each run"
    assert (member / "conf" / "zoo.cfg").exists(), "their configuration stays, so that provisioning only starts them"
    assert fleet.processes() == []
