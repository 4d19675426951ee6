"""The page of the members' metrics in the web UI of a real Locust, with a real ZooKeeper server."""

import csv
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from lab.locust_processes import LOCUSTFILES, start_locust
from lab.zookeeper_server import Member, ZooKeeperServers, free_ports
from tests.integration.test_web_ui import Page, until
from tests.needs import require_zookeeper
from zk_metrics.settings import members_of
from zk_metrics.sources import AdminServer

pytestmark = pytest.mark.integration

LOGIN = """
from flask_login import UserMixin
from locust import events
from zk_locust.locustfiles.locust_set import *

@events.init.add_listener
def users(web_ui, **_):
    if web_ui:
        web_ui.app.secret_key = "a test"
        web_ui.login_manager.user_loader(lambda name: UserMixin())
"""
OF_2019 = """
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKSetTaskSet
from zk_metrics import register_zk_metrics, register_zk_metrics_page

register_zk_metrics(delay_ms=300)
register_zk_metrics_page("/members")

class Set(ZKLocust):
    task_set = ZKSetTaskSet
    min_wait = 5
"""
Start = Callable[..., Page]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.fixture
def member(server: ZooKeeperServers) -> Member:
    return server.members[0]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Locust with a page; whatever was started has shown no traceback at its end."""
    processes: list[Popen[bytes]] = []

    def begin(*arguments: str, locustfile: Path = LOCUSTFILES / "locust_set.py", workers: int = 0) -> Page:
        web_port, port = free_ports(2)
        common = ["-f", str(locustfile), "--stop-timeout", "1"]
        first = [*common, "--web-host", "127.0.0.1", "--web-port", str(web_port), *arguments]
        if workers:
            first += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
        processes.append(start_locust(tmp_path / "log", *first))
        for number in range(workers):
            worker = [*common, "--worker", "--master-host", "127.0.0.1", "--master-port", str(port)]
            processes.append(start_locust(tmp_path / f"worker-{number}.log", *worker))
        page = Page(web_port)
        until(lambda: answers(page))
        return page

    yield begin
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(60)
    for log in tmp_path.glob("*log"):
        assert "Traceback" not in log.read_text(), log.read_text()


def answers(page: Page) -> bool:
    try:
        page._session.get(page._base, timeout=60, allow_redirects=False)
    except requests.RequestException:
        return False
    return True


def told(page: Page, query: str = "") -> dict[str, Any]:
    answer = page._session.get(f"{page._base}/zk-metrics/data{query}", timeout=60)
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content


def metrics(page: Page) -> dict[str, Any]:
    (only,) = told(page)["members"]
    found: dict[str, Any] = (only["sample"] or {}).get("metrics", {})
    return found


def lasting(metrics: dict[str, Any]) -> set[str]:
    """Return the names that a member has from its start; it gets others with the first use of a namespace."""
    return {name for name in metrics if "_per_namespace" not in name}


def polls(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.parametrize("workers", [0, 1])
def test_the_page_polls_before_during_and_after_a_test(
    server: ZooKeeperServers, member: Member, start: Start, tmp_path: Path, workers: int
) -> None:
    file = tmp_path / "zk-metrics.csv"
    page = start(
        "--hosts", server.hosts, "--zk-admin-port", str(member.admin_port), "--zk-metrics-csv", str(file),
        workers=workers,
    )  # fmt: skip
    if workers:
        until(lambda: len(page.stats()["workers"]) == workers)
    assert "<h1>ZooKeeper metrics</h1>" in page.text("/zk-metrics")
    assert "./zk-metrics" in page.text("/"), "Locust's own page has the link"
    time.sleep(1.5)
    assert not file.exists(), "nobody polls while no page asks"

    before = until(lambda: metrics(page))
    assert before["server_state"] == "standalone"
    page.post("/swarm", user_count="2", spawn_rate="2", hosts=server.hosts)
    until(lambda: page.runs_with(2))
    until(lambda: metrics(page)["packets_received"] > before["packets_received"] + 50)
    assert metrics(page)["num_alive_connections"] >= 2
    page.post("/stop")
    until(lambda: page.stats()["user_count"] == 0)
    until(lambda: metrics(page)["num_alive_connections"] == 0)

    rows = polls(file)
    sent = [float(row["elapsed_s"]) - float(row["poll_ms"]) / 1000 for row in rows]
    assert {row["reachable"] for row in rows} == {"1"}
    assert float(rows[0]["elapsed_s"]) >= 0
    assert min(b - a for a, b in itertools.pairwise(sent)) >= 0.99


def test_a_member_that_goes_and_comes_is_told(server: ZooKeeperServers, member: Member, start: Start) -> None:
    page = start("--hosts", server.hosts, "--zk-admin-port", str(member.admin_port))
    until(lambda: metrics(page))
    server.stop(0)
    away = "no connection to the AdminServer; no connection to the client port (Connection refused)"
    until(lambda: told(page)["members"][0]["sample"]["detail"] == away)
    server.start(0)
    until(lambda: metrics(page))


def test_without_its_admin_server_a_member_tells_the_same_on_its_client_port(
    server: ZooKeeperServers, member: Member, start: Start
) -> None:
    (all_of_them,) = members_of(
        SimpleNamespace(hosts=server.hosts, zk_admin_port=member.admin_port, zk_admin_scheme="http")
    )
    mntr, srvr = all_of_them.further_sources()
    best = AdminServer(all_of_them.admin_url)
    by_admin, by_mntr, by_srvr = (source.metrics(source.answer(5)) for source in (best, mntr, srvr))
    assert by_mntr.keys() == by_admin.keys()
    assert len(by_mntr) > 300
    assert by_srvr.keys() < by_admin.keys()
    assert by_srvr["server_state"] == by_mntr["server_state"] == "standalone"

    page = start("--hosts", server.hosts, "--zk-admin-port", str(free_ports(1)[0]), "--zk-metrics-collect", "100ms")
    page.post("/swarm", user_count="1", spawn_rate="1")
    until(lambda: lasting(metrics(page)) == lasting(by_mntr))


def test_with_an_interval_it_shows_what_the_pollers_read(
    server: ZooKeeperServers, member: Member, start: Start
) -> None:
    page = start("--hosts", server.hosts, "--zk-admin-port", str(member.admin_port), "--zk-metrics-collect", "300ms")
    time.sleep(0.5)
    assert told(page)["members"] == [{"name": "127.0.0.1", "sample": None}]
    page.post("/swarm", user_count="1", spawn_rate="1")
    until(lambda: metrics(page).get("server_state") == "standalone")
    first = told(page)["members"][0]["sample"]["at_s"]
    until(lambda: told(page)["members"][0]["sample"]["at_s"] > first)
    page.post("/stop")
    until(lambda: not told(page)["polls"])
    assert metrics(page)["server_state"] == "standalone"


def test_nothing_that_is_sent_changes_the_admin_servers(server: ZooKeeperServers, member: Member, start: Start) -> None:
    page = start("--hosts", server.hosts, "--zk-admin-port", str(member.admin_port))
    assert "zk_admin" not in page.text("/")
    elsewhere = {"zk_admin_addresses": "evil=127.0.0.1:1", "zk_admin_port": "1", "zk_admin_scheme": "https"}
    told(page, "?zk_admin_addresses=evil%3D127.0.0.1:1&hosts=127.0.0.2:1")
    page.post("/swarm", user_count="1", spawn_rate="1", hosts="nonsense:x", **elsewhere)
    until(lambda: metrics(page).get("server_state") == "standalone")
    page.post("/swarm", user_count="1", spawn_rate="1", hosts=server.hosts, **elsewhere)
    until(lambda: page.stats()["user_count"] == 1)
    assert told(page)["members"][0]["name"] == "127.0.0.1"
    until(lambda: metrics(page).get("server_state") == "standalone")


def test_who_is_not_logged_in_sees_nothing_and_makes_nobody_poll(start: Start, tmp_path: Path) -> None:
    (tmp_path / "login.py").write_text(LOGIN)
    page = start("--hosts", "127.0.0.1:1", "--web-login", locustfile=tmp_path / "login.py")
    for path in ("/zk-metrics", "/zk-metrics/data"):
        answer = page._session.get(page._base + path, timeout=60, allow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/login")


def test_without_hosts_it_says_what_is_missing(start: Start) -> None:
    page = start("--web-base-path", "/load")
    page._base += "/load"
    assert told(page)["members"] == []
    assert "fetch(`${HERE}/data`" in page.text("/zk-metrics"), "it asks below its own address"


def test_a_locustfile_of_2019_says_where_the_page_is_and_how_often_members_are_read(
    server: ZooKeeperServers, member: Member, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "older.py").write_text(OF_2019)
    page = start("--hosts", server.hosts, "--zk-admin-port", str(member.admin_port), locustfile=tmp_path / "older.py")
    assert "<h1>ZooKeeper metrics</h1>" in page.text("/members")
    assert "<h1>ZooKeeper metrics</h1>" in page.text("/members/"), "as it was written then"
    page.post("/swarm", user_count="1", spawn_rate="1")
    told_there = page._session.get(f"{page._base}/members/data", timeout=60).json()
    assert (told_there["collection"], told_there["interval_s"]) == ("interval", 0.3)
