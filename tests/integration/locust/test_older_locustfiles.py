"""Locustfiles of 2019 and of the predecessor's last version: nothing is broken, and nothing vanishes."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.locust_processes import LOCUSTFILES
from lab.zookeeper_server import ZooKeeperServers
from tests import waiting
from tests.integration.locust.older import older_ways
from tests.integration.locust.older_errors import KILLED, PAUSED
from tests.integration.locust.ways import HEADLESS, AllWays, Running, Way
from tests.integration.test_starter_kit import OPERATIONS
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native.client import NativeClient

pytestmark = pytest.mark.integration

USERS = int(HEADLESS[HEADLESS.index("--users") + 1])
BY_THE_ENSEMBLE = ("async", "acls", "lock", "own", "ours")  # kazoo's own errors, the user's, and ours


@pytest.fixture(scope="module")
def done_ways(server: ZooKeeperServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllWays]:
    with AllWays(older_ways(str(LOCUSTFILES)), tmp_path_factory.mktemp("older"), server.hosts) as ways:
        yield ways


def assert_counted_once(requests: int, tried: int) -> None:
    """A user may be stopped between its own counting and the request's."""
    assert tried - USERS <= requests <= tried
    assert requests > 0


def test_any_error_of_kazoos_is_one_failure_of_its_timer(done_ways: AllWays) -> None:
    done = done_ways["vanishing"]
    counted = done.printed()
    assert done.process.returncode == 1, "Locust's own exit code where requests failed"
    entries = done.entries()
    assert set(entries) == {("older", name) for name in (*BY_THE_ENSEMBLE, "fine")}, done.log()
    for name in (*BY_THE_ENSEMBLE, "fine"):
        requests, failures = entries["older", name]
        assert failures == (requests if name in BY_THE_ENSEMBLE else 0)
        assert_counted_once(requests, counted[name])
    assert not any(name.startswith("raised") for name in counted)


def test_the_exception_behavior_holds_for_a_timer_of_the_users_own(done_ways: AllWays) -> None:
    suppressed = done_ways["vanishing-suppressed"]
    counted = suppressed.printed()
    assert set(suppressed.entries()) == {("older", "fine")}
    requests, failures = suppressed.entries()["older", "fine"]
    assert failures == 0
    assert_counted_once(requests, counted["fine"])
    assert not any(name.startswith("raised") for name in counted)
    raised = done_ways["vanishing-raised"]
    counted = raised.printed()
    for name in BY_THE_ENSEMBLE:
        requests, failures = raised.entries()["older", name]
        assert requests == failures
        assert_counted_once(requests, counted[name])
        assert counted[f"raised {name}"] == requests


def test_an_error_after_the_success_is_an_exception_of_locusts(done_ways: AllWays) -> None:
    done = done_ways["after-success"]
    requests, failures = done.entries()["older", "read"]
    assert requests > 0
    assert failures == 0
    # A user may be stopped in between.
    assert requests - USERS <= done.log().count("USER ERROR NoNodeError") <= requests


@pytest.mark.parametrize("way", ["new-root", "new-root-removed"])
def test_the_pseudo_root_is_there_before_the_first_task(way: str, done_ways: AllWays, server: ZooKeeperServers) -> None:
    done = done_ways[way]
    assert done.went_well(), done.log()
    assert set(done.entries()) == {("older", "create"), ("older", "by_own")}, done.log()
    assert not any(done.failures().values())
    client = NativeClient(ClientSettings(server.hosts))
    with contextlib.closing(client):
        client.start()
        assert set(client.get_children("/new")) >= {"of-the-client"}
        if way == "new-root":
            assert set(client.get_children("/new")) == {"of-the-class", "of-the-client", "of-the-flag"}
        else:
            assert client.exists("/removed") is None, "the load's own node was its pseudo root, and went with it"


def test_statistics_are_recorded_where_an_argument_names_their_file(done_ways: AllWays) -> None:
    done = done_ways["stats-by-arguments"]
    assert done.went_well(), done.log()
    assert len((done.folder / "stats.csv").read_text().splitlines()) > 3
    assert len((done.folder / "distrib.jsonl").read_text().splitlines()) > 3


def test_all_arguments_of_operations_and_task_sets_are_taken(done_ways: AllWays) -> None:
    done = done_ways["arguments"]
    assert done.went_well(), done.log()
    entries = done.entries()
    assert all(failures == 0 for _, failures in entries.values())
    operations = {
        "get", "set", "incr", "create", "delete", "count", "exists", "exists_watch", "many", "children", "children2",
        "watch",
    }  # fmt: skip
    assert set(entries) >= {(f"r_{name}", "ops") for name in operations} | {
        ("set", "set_512_B"), ("get", "mine"), ("incr_set", "mine"), ("create_ephemeral", "create_and_delete_64_B"),
        ("watch", "watch"), ("exists_positive", "exists"), ("exists_negative_watch_many", "exists_many"),
        ("get_children", "get_children"), ("get_children2", "get_children2"), ("no_label", "own"), ("timed", "ops"),
        ("timed_too", "by_place"),
    }, done.log()  # fmt: skip


def test_each_client_watches_a_node_of_its_own(done_ways: AllWays) -> None:
    done = done_ways["watch"]
    assert done.went_well(), done.log()
    counted = done.printed()
    entries = {name: entry for (_, name), entry in done.entries().items()}
    users = 4
    # The load may end between a write and its event; nobody else's write wakes a user.
    assert counted["written"] - users <= counted["woken"] <= counted["written"]
    assert counted["ready"] - users <= entries["ready"][0] <= counted["ready"]
    assert entries["ready"][0] > 10
    assert entries[""][0] == counted["woken"]
    assert entries[""][1] == entries["ready"][1] == 0


@pytest.mark.parametrize("client", ["kazoo", "native", "libzookeeper"])
def test_names_and_errors_of_2019(client: str, done_ways: AllWays) -> None:
    done = done_ways[f"names-{client}"]
    entries = done.entries()
    assert set(entries) == {("names", "create"), ("names", "delete"), ("names", "refused")}, done.log()
    assert entries["names", "create"][1] == entries["names", "delete"][1] == 0, done.log()
    assert entries["names", "refused"][0] == entries["names", "refused"][1] > 0, "what was registered counts"


def test_the_client_is_connected_in_init_and_without_our_on_start(done_ways: AllWays) -> None:
    done = done_ways["in-init"]
    assert done.went_well(), done.log()
    assert {name for _, name in done.entries()} == {"read", "own_start", "by_place"}
    assert not any(done.failures().values())


@pytest.mark.parametrize("way", ["report-dir", "report-dir-imported-first"])
def test_a_report_is_of_what_was_recorded_whoever_registers_it(way: str, done_ways: AllWays) -> None:
    done = done_ways[way]
    assert done.went_well(), done.log()
    folder = done.folder / "report"
    assert {"events.csv", "latency.hlog", "locust-distrib.jsonl", "locust-stats.csv", "zk-metrics.csv"} <= {
        file.name for file in folder.iterdir()
    }
    report = json.loads((folder / "report.json").read_text())
    assert report["total"]["operations"] == sum(requests for requests, _ in done.entries().values())
    assert report["verdict"]["verdict"] != "void"


def test_statistics_are_recorded_where_a_flag_names_their_file(done_ways: AllWays) -> None:
    done = done_ways["stats-csv"]
    assert done.went_well(), done.log()
    assert len((done.folder / "stats.csv").read_text().splitlines()) > 3


@pytest.mark.parametrize(("way", "answer"), [("config", 41), ("locust-conf", 42), ("pyproject", 43)])
def test_bench_parameters_come_from_configuration_files(way: str, answer: int, done_ways: AllWays) -> None:
    done = done_ways[f"bench-by-{way}"]
    assert done.went_well(), done.log()
    assert set(done.entries()) == {("bench", f"{answer}_{answer}")}


def test_a_tag_is_the_subclasss_own(done_ways: AllWays) -> None:
    done = done_ways["tags"]
    assert done.went_well(), done.log()
    assert {name for _, name in done.entries()} == {"set", "later"}


def test_the_users_context_reaches_listeners(done_ways: AllWays) -> None:
    done = done_ways["context"]
    assert done.went_well(), done.log()
    assert set(done.printed()) == {"mine blue", "op blue"}


def test_the_starter_kit_runs_as_a_folder(done_ways: AllWays) -> None:
    done = done_ways["folder"]
    assert done.went_well(), done.log()
    entries = {name for _, name in done.entries()}
    # One in two hundred; a busy machine may not come to it.
    assert entries >= set().union(*OPERATIONS.values()) - {"count_children", "incr_set"}
    assert any(name.startswith("set_8/") for name in entries), "the sequence runs beside the others"
    assert not any(done.failures().values())


def test_a_load_without_zookeeper_needs_no_hosts(done_ways: AllWays) -> None:
    done = done_ways["only-another"]
    assert done.went_well(), done.log()
    assert set(done.entries()) == {("other", "other")}


@pytest.mark.parametrize("handler", ["gevent", "gevent-fast"])
def test_a_time_limit_of_kazoos_own_is_a_failure_and_the_user_goes_on(handler: str, tmp_path: Path) -> None:
    arguments = (*HEADLESS, "--users", "1", "--run-time", "5s", "--stop-timeout", "1", "--kazoo-handler", handler)
    with ZooKeeperServers(1, tmp_path / "zookeeper") as servers:
        running = Running(Way(PAUSED, arguments), tmp_path / "paused", servers.hosts)
        try:
            waiting.until(lambda: "WRITTEN" in running.log(), limit_s=60)
            servers.pause(0)
            running.wait()
        finally:
            servers.resume(0)
            running.end()
    assert running.process.returncode == 1, running.log()
    assert running.entries()["set", "async"][1] > 1, "one user has failed more than once"


def test_a_killed_server_is_failures_unless_they_are_to_be_ignored(tmp_path: Path) -> None:
    arguments = (*HEADLESS, "--users", "4", "--run-time", "8s")
    with ZooKeeperServers(1, tmp_path / "zookeeper") as servers:
        ways = {
            "counted": Way(KILLED, arguments),
            "ignored": Way(KILLED, (*arguments, "--ignore-connection-down")),
        }
        running = {name: Running(way, tmp_path / name, servers.hosts) for name, way in ways.items()}
        try:
            for one in running.values():
                waiting.until(lambda one=one: "ALL WRITE" in one.log(), limit_s=60)  # type: ignore[misc]
            servers.kill(0)
            for one in running.values():
                one.wait()
        finally:
            for one in running.values():
                one.end()
    assert running["counted"].entries()["set", "async"][1] >= 1, running["counted"].log()
    assert running["ignored"].entries()["set", "async"][1] == 0, running["ignored"].log()
