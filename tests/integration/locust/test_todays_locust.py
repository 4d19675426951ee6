"""What Locust 2 can do, a ZKLocust can do: each way in which people use it, against a real server."""

import csv
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.zookeeper_server import ZooKeeperServers, free_ports
from tests import waiting
from tests.integration.locust.today import picker, todays_ways
from tests.integration.locust.ways import AllWays, Running
from tests.integration.test_web_ui import Page

pytestmark = pytest.mark.integration

OPERATIONS = {
    "often", "seldom", "paced", "throughput", "outer", "inner", "first", "second", "connect", "/page",
}  # fmt: skip


@pytest.fixture(scope="module")
def done_ways(server: ZooKeeperServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllWays]:
    with AllWays(todays_ways(free_ports(4)), tmp_path_factory.mktemp("today"), server.hosts) as ways:
        yield ways


def require_everything(done: Running) -> dict[str, int]:
    assert done.went_well(), done.log()
    requests = {name: requests for (_, name), (requests, _) in done.entries().items()}
    assert OPERATIONS | {"get"} <= set(requests) or OPERATIONS | {"set"} <= set(requests), done.log()
    assert not any(done.failures().values())
    return requests


@pytest.mark.parametrize("way", ["local", "master", "processes"])
def test_users_tasks_and_waits_of_every_kind(way: str, done_ways: AllWays) -> None:
    requests = require_everything(done_ways[way])
    # Two users that begin a task every 100 ms, and one that begins 20 a second: never more than that.
    assert requests["paced"] <= 2 * 51
    assert requests["throughput"] <= 101
    assert requests["first"] - 1 <= requests["second"] + 1
    assert requests["often"] > requests["seldom"]


def test_files_and_listeners_of_one_process(done_ways: AllWays) -> None:
    done = done_ways["local"]
    requests = require_everything(done)
    assert "often" in (done.folder / "page.html").read_text()
    with (done.folder / "own_stats.csv").open(newline="") as file:
        rows = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)}
    assert rows.pop("Aggregated") == sum(rows.values())
    assert set(rows) == set(requests)
    heard = done.printed()
    assert heard == {
        "init": 1, "test_start": 1, "spawning_complete": 1, "test_stop": 1, "request": sum(requests.values()),
    }  # fmt: skip


def test_files_and_listeners_of_a_master_and_its_workers(done_ways: AllWays) -> None:
    master, workers = done_ways["master"], [done_ways[name] for name in ("worker-1", "worker-2")]
    total = sum(require_everything(master).values())
    assert "often" in (master.folder / "page.html").read_text()
    assert (master.folder / "own_stats_history.csv").stat().st_size > 200
    once = {"init": 1, "test_start": 1, "spawning_complete": 1, "test_stop": 1}
    assert master.printed() == once | {"request": 0}
    heard = [worker.printed() for worker in workers]
    for one, worker in zip(heard, workers, strict=True):
        assert worker.went_well(), worker.log()
        assert one == once | {"request": one["request"]}
        assert one["request"] > 0, "each worker has users"
    # Its users end their operations when the measured stage is over; these are in no result.
    assert total <= sum(one["request"] for one in heard) <= total + 20


def test_json_on_standard_output(done_ways: AllWays) -> None:
    done = done_ways["json"]
    assert done.went_well(), done.log()
    text = done.log()
    found, _ = json.JSONDecoder().raw_decode(text[text.index("[\n") :])
    assert {entry["name"] for entry in found} == {"heavy", "light"}


def test_weights_and_equal_weights(done_ways: AllWays) -> None:
    weighted, equal = done_ways["environment"], done_ways["equal"]
    for done in (weighted, equal):
        assert done.went_well(), done.log()
    requests = {name: requests for (_, name), (requests, _) in weighted.entries().items()}
    assert 2 < requests["heavy"] / requests["light"] < 4.5
    assert "'Heavy': 4, 'Light': 4" in equal.log() or '"Heavy": 4, "Light": 4' in equal.log()


def test_a_shape(done_ways: AllWays) -> None:
    done = done_ways["shape"]
    assert done.went_well(), done.log()
    assert done.printed() == {"most": 6}
    assert set(done.entries()) == {("zookeeper", "heavy"), ("zookeeper", "light")}
    assert not any(done.failures().values())


def test_users_that_are_picked_on_the_command_line(done_ways: AllWays) -> None:
    done = done_ways["picked"]
    assert done.went_well(), done.log()
    assert set(done.entries()) == {("zookeeper", "light")}


def test_users_that_are_picked_on_the_page(server: ZooKeeperServers, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    page = Page(port)
    done = Running(picker(port), tmp_path / "picker", server.hosts)
    try:
        waiting.until(page.is_there, limit_s=60)
        assert server.hosts in page.text(), "the page's Host is the ensemble"
        answer = page.post("/swarm", user_count="2", spawn_rate="10", user_classes="Light", host=server.hosts)
        assert answer["success"]
        waiting.until(lambda: {entry["name"] for entry in page.stats()["stats"]} == {"light", "Aggregated"}, limit_s=30)
        done.process.send_signal(signal.SIGTERM)
        assert done.wait().process.returncode == 0, done.log()
        assert "Traceback" not in done.log()
    finally:
        done.end()


def test_a_page_that_starts_and_ends_by_itself(done_ways: AllWays) -> None:
    done = done_ways["page"]
    assert done.went_well(), done.log()
    assert "heavy" in done.log()


def test_a_single_user(done_ways: AllWays) -> None:
    done = done_ways["single"]
    assert done.went_well(), done.log()
    assert done.log().count("zookeeper\tread") == 5


@pytest.mark.parametrize("way", ["bare", "events", "fired", "parsed", "web"])
def test_as_a_library(way: str, done_ways: AllWays) -> None:
    done = done_ways[f"library-{way}"]
    assert done.went_well(), done.log()
    counted = done.printed()
    assert counted.pop("failures") == 0
    assert set(counted) == {"own", "set"}
    assert min(counted.values()) > 3
    if way in ("fired", "parsed", "web"):  # the others do not say that Locust is there
        assert len((done.folder / "stats.csv").read_text().splitlines()) > 1
