"""Workloads against a real server, in real Locust processes: the tree, the mix, the populations, the locks, the end."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from lab.locust_processes import LOCUSTFILES, LocustMasterAndWorkers, start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.needs import require_zookeeper
from zk_locust.load.marked_trees import MARK
from zk_locust.workload.reading import workload_of
from zk_locust.workload.specification import size_of_all
from zk_locust.workload.steps import steps

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.fixture
def observer(servers: ZooKeeperServers) -> Iterator[Any]:
    client = KazooClient(servers.hosts)
    client.start(timeout=10)
    yield client
    client.stop()
    client.close()


def arguments(servers: ZooKeeperServers, root: str, workload: Mapping[str, object], **changes: str) -> list[str]:
    flags = {
        "hosts": servers.hosts,
        "pseudo-root": root,
        "workload": json.dumps(workload),
        "users": "8",
        "spawn-rate": "8",
        "run-time": "3s",
        "stop-timeout": "5",
        "min-wait": "1",
        "client": "native",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return [word for name, value in flags.items() for word in (f"--{name}", value)]


class Load:
    """A local Locust that runs a workload."""

    def __init__(self, folder: Path, flags: list[str], locustfile: Path = LOCUSTFILES / "locust_workload.py") -> None:
        self._summary = folder / "summary"
        self._log = folder / "locust.log"
        self.process = start_locust(
            self._log, "-f", str(locustfile), "--headless", "--only-summary", "--json-file", str(self._summary), *flags
        )

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.log():
            assert time.monotonic() < deadline, self.log()
            assert self.process.poll() is None, self.log()
            time.sleep(0.05)

    def end(self) -> dict[str, dict[str, Any]]:
        """Wait for the end of a load without failures; return Locust's summary by operation."""
        try:
            code = self.process.wait(40)
        except subprocess.TimeoutExpired:
            pytest.fail(self.log())
        assert code == 0, self.log()
        assert "Traceback" not in self.log()
        return entries(self._summary.with_suffix(".json"))


def entries(file: Path) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in json.loads(file.read_text())}


def population(observer: Any, path: str) -> int:
    """Return how many nodes there are at and below a path."""
    return 1 + sum(population(observer, f"{path}/{name}") for name in observer.get_children(path))


def ephemerals(observer: Any, tree: str) -> int:
    """Return how many nodes stand below the nodes of a flat tree, by their parents' stats."""
    stats = [observer.exists_async(f"{tree}/{name}") for name in observer.get_children(tree)]
    return sum(stat.get().numChildren for stat in stats)


def test_the_tree_is_the_stated_one_and_is_removed(servers: ZooKeeperServers, observer: Any, tmp_path: Path) -> None:
    workload = {"operations": {"get": 1}, "nodes": 250, "depth": 3, "fan_out": 3, "values": 33}
    observer.create("/tree/workload", MARK, makepath=True)  # as a load that was killed leaves it
    observer.create("/tree/workload/left-behind")
    with Load(tmp_path, arguments(servers, "/tree", workload)) as load:
        load.wait_for("All users spawned")
        tree = observer.get_children("/tree/workload/tree")
        assert sorted(tree) == ["f0", "f1", "f2"]
        leaves = [
            f"/tree/workload/tree/{outer}/{inner}/{name}"
            for outer in tree
            for inner in observer.get_children(f"/tree/workload/tree/{outer}")
            for name in observer.get_children(f"/tree/workload/tree/{outer}/{inner}")
        ]
        assert sorted(int(path.rpartition("/n")[2]) for path in leaves) == list(range(250))
        assert {len(observer.get(path)[0]) for path in leaves[::10]} == {33}
        users = len(observer.get_children("/tree/workload/users"))
        assert population(observer, "/tree/workload") == size_of_all(workload_of(json.dumps(workload))) + users
        assert users == 8
        summary = load.end()
    assert set(summary) == {"get"}
    assert summary["get"]["num_failures"] == 0
    assert observer.get_children("/tree") == []


def test_a_node_in_the_trees_place_that_no_load_has_made_stays_and_the_load_is_refused(
    servers: ZooKeeperServers, observer: Any, tmp_path: Path
) -> None:
    observer.create("/taken/workload/precious", makepath=True)
    with Load(tmp_path, arguments(servers, "/taken", {"operations": {"get": 1}, "nodes": 5})) as load:
        assert load.process.wait(40) == 1, load.log()
    assert "--pseudo-root [/taken]: /taken/workload is there already, and no load has made it; name" in load.log()
    assert observer.exists("/taken/workload/precious")


@pytest.mark.parametrize("locustfile", ["locust_workload.py", "locust_get_children.py"])
def test_what_a_stranger_makes_before_and_during_a_load_is_all_there_afterwards(
    locustfile: str, servers: ZooKeeperServers, observer: Any, tmp_path: Path
) -> None:
    root = f"/apps-{locustfile.removesuffix('.py')}"
    precious = [f"{root}/precious", f"{root}/precious/child"]
    for path in precious:
        observer.create(path, b"mine", makepath=True)
    at_first = set(observer.get_children("/"))
    flags = arguments(servers, root, {"operations": {"get": 1, "create": 1}, "nodes": 20}, run_time="2s")
    with LocustMasterAndWorkers(tmp_path, locustfile, 2, *flags, "--remove-nodes") as locust:
        made, own = 0, set()
        while locust.master.poll() is None:
            for place in ("", root, precious[0]):
                precious.append(observer.create(f"{place}/meanwhile-{root[1:]}-{made}", b"mine"))
            made += 1
            own |= {name for name in observer.get_children(root) if name.startswith("zk-locust-")}
            time.sleep(0.05)
        assert locust.master.wait(60) == 0, locust.log()
        summary = entries(locust.summary)
    assert sum(entry["num_requests"] for entry in summary.values()) > 100, locust.log()
    assert sum(entry["num_failures"] for entry in summary.values()) == 0, locust.log()
    assert made > 20
    assert [path for path in precious if observer.exists(path) is None or observer.get(path)[0] != b"mine"] == []
    assert len(own) == 1, "the load, its workers' too, was below a node of its own"
    left = {f"{root}/{name}" for name in observer.get_children(root)}
    assert left <= set(precious)
    assert {f"/{name}" for name in observer.get_children("/") if name not in at_first} <= set(precious)
    print(f"{len(precious)} nodes of a stranger, 0 missing")


def test_the_mix_follows_its_weights(servers: ZooKeeperServers, observer: Any, tmp_path: Path) -> None:
    weights = {"get": 40, "set": 20, "exists": 10, "get_children": 10, "create": 10, "delete": 10}
    workload = {"operations": weights, "nodes": 100, "values": {"distribution": "uniform", "least": 0, "most": 64}}
    with Load(tmp_path, arguments(servers, "/mix", workload, min_wait="0")) as load:
        summary = load.end()
    total = sum(entry["num_requests"] for entry in summary.values())
    assert total > 2000
    assert {name: entry["num_failures"] for name, entry in summary.items()} == dict.fromkeys(weights, 0)
    for name, weight in weights.items():
        share, expected = summary[name]["num_requests"] / total, weight / 100
        # Five standard deviations of a binomial share.
        assert abs(share - expected) < 5 * (expected * (1 - expected) / total) ** 0.5 + 0.003, name
    assert observer.exists("/mix/workload") is None


def test_churn_keeps_the_population(servers: ZooKeeperServers, observer: Any, tmp_path: Path) -> None:
    workload = {
        "operations": {"churn": 1}, "nodes": 10, "ephemerals": {"per_user": 5},
        "watches": {"per_node": 2, "on": "children"},
    }  # fmt: skip
    with Load(tmp_path, arguments(servers, "/churn", workload, min_wait="5ms")) as load:
        load.wait_for("All users spawned")
        time.sleep(0.5)
        counts: list[int] = []
        while load.process.poll() is None and len(counts) < 10:
            counts.append(ephemerals(observer, "/churn/workload/tree"))
            time.sleep(0.1)
        summary = load.end()
    # A user may be between a removal and a creation, and the observer meet a node that moves on twice.
    assert all(8 * 5 - 8 <= count <= 8 * 5 + 8 for count in counts), counts
    made, removed = summary["create_ephemeral"], summary["delete_ephemeral"]
    assert made["num_failures"] == removed["num_failures"] == 0
    assert removed["num_requests"] - 8 <= made["num_requests"] <= removed["num_requests"]
    assert made["num_requests"] > 100
    assert summary["watch_again"]["num_requests"] > 10


@pytest.mark.parametrize("client", ["kazoo", "native"])
def test_a_lock_never_has_two_holders(servers: ZooKeeperServers, tmp_path: Path, observer: Any, client: str) -> None:
    workload = {"operations": {"lock": 1}, "nodes": 2, "locks": {"count": 2, "hold": "1ms", "check": True}}
    flags = arguments(servers, "/locks", workload, client=client, run_time="3s")
    with LocustMasterAndWorkers(tmp_path, "locust_workload.py", 2, *flags) as locust:
        assert locust.master.wait(60) == 0, locust.log()
        summary = entries(locust.summary)
    assert set(summary) == {"lock_acquire", "lock_release"}, locust.log()
    assert summary["lock_acquire"]["num_failures"] == summary["lock_release"]["num_failures"] == 0, locust.log()
    acquired = summary["lock_acquire"]["num_requests"]
    assert acquired > 100
    assert abs(acquired - summary["lock_release"]["num_requests"]) <= 8
    assert observer.get_children("/locks") == []


def test_all_watchers_learn_of_every_change(servers: ZooKeeperServers, tmp_path: Path, observer: Any) -> None:
    workload = {"broadcast": {"nodes": 4, "every": "50ms"}, "values": 100}
    flags = arguments(servers, "/broadcast", workload, users="20", spawn_rate="20")
    with LocustMasterAndWorkers(tmp_path, "locust_workload.py", 2, *flags) as locust:
        assert locust.master.wait(60) == 0, locust.log()
        summary = entries(locust.summary)
    assert all(entry["num_failures"] == 0 for entry in summary.values()), locust.log()
    writes, told = summary["set"]["num_requests"], summary["watch_delivery"]["num_requests"]
    # Two writers and nine watchers beside each; a few changes come before the watches or after the end. The write that
    # a writer waits for when the load ends is no success, but watchers may have been told of it.
    assert writes >= 80
    assert 0.85 * writes * 9 <= told <= (writes + 2) * 9
    assert max(summary["watch_delivery"]["response_times"], default=0, key=float) != 0
    assert observer.get_children("/broadcast") == []


def test_every_node_has_its_watches_whoever_of_the_workers_holds_them(
    servers: ZooKeeperServers, tmp_path: Path
) -> None:
    workload = {"operations": {"exists": 1}, "nodes": 60, "watches": {"per_node": 2}}
    flags = arguments(servers, "/watched", workload, min_wait="20", run_time="6s")
    with LocustMasterAndWorkers(tmp_path, "locust_workload.py", 2, *flags) as locust:
        deadline = time.monotonic() + 20
        while (watches := standing_watches(servers)) < 120:
            assert time.monotonic() < deadline, (watches, locust.log())
            time.sleep(0.1)
        time.sleep(1)  # no more come
        assert standing_watches(servers) == 120
        assert locust.master.wait(60) == 0, locust.log()


def standing_watches(servers: ZooKeeperServers) -> int:
    (server,) = servers.members
    with urllib.request.urlopen(f"{server.admin_url}/commands/monitor", timeout=30) as answer:
        return int(json.load(answer)["watch_count"])


RECORDING = """\
import json, os
from zk_locust import ZKLocust
from zk_locust.workload.task_set import WorkloadTaskSet

class Recording(WorkloadTaskSet):
    def next_step(self):
        step = super().next_step()
        with open(f"{os.environ['STEPS']}-{self.number}", "a") as file:
            file.write(json.dumps([step.operation, step.key, step.value.hex()]) + "\\n")
        return step

class Workload(ZKLocust):
    tasks = [Recording]
"""


def test_a_seed_makes_every_user_repeat(
    servers: ZooKeeperServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locustfile = tmp_path / "recording.py"
    locustfile.write_text(RECORDING)
    workload = {
        "operations": {"get": 2, "set": 1}, "nodes": 1000, "keys": "zipf", "seed": 7,
        "values": {"distribution": "lognormal", "median": 20, "sigma": 1, "least": 1, "most": 100},
    }  # fmt: skip
    monkeypatch.setenv("STEPS", str(tmp_path / "steps"))
    with Load(tmp_path, arguments(servers, "/seed", workload, run_time="1s"), locustfile) as load:
        load.end()
    spec = workload_of(json.dumps(workload))
    files = list(tmp_path.glob("steps-*"))
    assert sorted(int(file.name.partition("-")[2]) for file in files) == list(range(8))
    for file in files:
        done = [json.loads(line) for line in file.read_text().splitlines()]
        planned = steps(spec, int(file.name.partition("-")[2]))
        assert len(done) > 20
        assert done == [[step.operation, step.key, step.value.hex()] for step, _ in zip(planned, done, strict=False)]


def test_a_tree_that_cannot_be_made_ends_the_load(servers: ZooKeeperServers, observer: Any, tmp_path: Path) -> None:
    observer.create("/refused", ephemeral=True)  # below which nothing can be made
    with Load(tmp_path, arguments(servers, "/refused", {"operations": {"get": 1}})) as load:
        assert load.process.wait(30) == 1, load.log()
        assert "The load is not started" in load.log()


def test_a_load_ended_while_its_tree_is_made_leaves_nothing(
    servers: ZooKeeperServers, observer: Any, tmp_path: Path
) -> None:
    workload = {"operations": {"get": 1}, "nodes": 500_000}
    with Load(tmp_path, arguments(servers, "/ended", workload)) as load:
        load.wait_for("Filling the tree")
        load.process.terminate()
        load.process.wait(30)
    assert observer.get_children("/ended") == [], load.log()


def test_a_master_ended_while_its_tree_is_made_leaves_nothing(
    servers: ZooKeeperServers, observer: Any, tmp_path: Path
) -> None:
    workload = {"operations": {"get": 1}, "nodes": 500_000}
    with LocustMasterAndWorkers(tmp_path, "locust_workload.py", 1, *arguments(servers, "/gone", workload)) as locust:
        deadline = time.monotonic() + 20
        while "Filling the tree" not in locust.log():
            assert time.monotonic() < deadline, locust.log()
            time.sleep(0.05)
        locust.master.terminate()
        locust.master.wait(30)
        assert observer.get_children("/gone") == [], locust.log()
