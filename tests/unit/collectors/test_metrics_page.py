"""The page of the members' metrics: how often it makes us poll, what it is told, and what it lets nobody do."""

import csv
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import flask
import gevent
import pytest

from zk_locust.contract.parameters import BY_NAME, WEB, check
from zk_metrics import monitor, polling
from zk_metrics.columns import METRIC_COLUMNS
from zk_metrics.member import Member, Sample
from zk_metrics.monitor import Monitor
from zk_metrics.page import add_page, answer
from zk_metrics.polling import OnDemand
from zk_metrics.settings import Collection
from zk_metrics.untrusted import metrics_of

NASTY = "</script><img src=x onerror=alert(1)>"


class FakeMember(Member):
    """A member that counts how often it is asked, and takes its time."""

    def __init__(self, name: str = "zk1", url: str = "http://zk1:8080/commands/monitor", **_: Any) -> None:
        super().__init__(name, url)
        self.asked = 0
        self.takes_s = 0.0
        self.metrics: dict[str, Any] = {"avg_latency": 0.5, "server_state": "leader"}
        self.detail = ""

    def ask(self) -> Sample:
        self.asked += 1
        gevent.sleep(self.takes_s)
        metrics = {} if self.detail else metrics_of(json.dumps(self.metrics).encode())
        self.latest = Sample(datetime.now(UTC), 12.5, 1.5, metrics, self.detail)
        return self.latest


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time that passes when the test says so."""
    fake = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr("zk_metrics.polling.time.perf_counter", lambda: fake.now_s)
    return fake


def options(**given: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{
            "hosts": "zk1:2181", "zk_admin_addresses": None, "zk_admin_port": 8080, "zk_admin_scheme": "http",
            "zk_metrics_collect": WEB, "zk_metrics_csv": None, "web_base_path": "",
        } | given
    )  # fmt: skip


def a_monitor(monkeypatch: pytest.MonkeyPatch, has_page: bool = True, **given: Any) -> Any:
    monkeypatch.setattr(monitor, "Member", FakeMember)
    hooks = {name: SimpleNamespace(add_listener=Mock()) for name in ("test_start", "test_stop", "quit")}
    environment = SimpleNamespace(parsed_options=options(**given), events=SimpleNamespace(**hooks))
    return Monitor(environment, has_page=has_page)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web", Collection(on_demand=True)),
        ("", Collection(on_demand=True)),
        (WEB, Collection(on_demand=True)),
        (500.0, Collection(interval_s=0.5)),
        ("500", Collection(interval_s=0.5)),
        ("2s", Collection(interval_s=2.0)),
        ("0", Collection()),
        (0.0, Collection()),
    ],
)
def test_how_metrics_are_collected(text: str | float, expected: Collection) -> None:
    assert Collection.of(SimpleNamespace(zk_metrics_collect=text)) == expected


def test_the_parameter_says_what_it_takes() -> None:
    assert check({"zk-metrics-collect": "web"}) == ({"zk-metrics-collect": "web"}, [])
    assert check({"zk-metrics-collect": "1s"}) == ({"zk-metrics-collect": 1000.0}, [])
    _, (problem,) = check({"zk-metrics-collect": "wev"})
    assert "[wev]: is neither a duration nor web; write e.g. 500ms, 1s, 0 or web" in problem
    assert BY_NAME["zk-metrics-collect"].default == "web"


def test_no_more_than_one_poll_a_second_whoever_asks(clock: SimpleNamespace) -> None:
    member, polls = FakeMember(), OnDemand(Mock())
    for _ in range(20):
        assert polls.refresh([member]) == 1.0
    assert member.asked == 1
    clock.now_s += 0.99
    assert polls.refresh([member]) == pytest.approx(0.01)
    assert member.asked == 1
    clock.now_s += 0.01
    polls.refresh([member])
    assert member.asked == 2


def test_nobody_is_asked_twice_at_a_time_and_the_slow_delay_no_other(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_PATIENCE_S", 0.02)
    slow, quick = FakeMember("slow"), FakeMember("quick")
    slow.takes_s = 0.2
    polls = OnDemand(Mock())
    for _ in range(3):
        polls.refresh([slow, quick])
        clock.now_s += 1
    assert (slow.asked, slow.latest) == (1, None)
    assert quick.asked == 3
    gevent.sleep(0.25)
    assert slow.latest is not None
    polls.refresh([slow, quick])
    assert slow.asked == 2
    polls.stop()


def test_what_is_read_on_demand_is_recorded(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "zk-metrics.csv"
    found = a_monitor(monkeypatch, zk_metrics_csv=str(path))
    assert not path.exists(), "nobody has looked yet"
    found.refresh()
    found.members[0].detail = "no connection to the AdminServer"
    clock.now_s += 1
    found.refresh()
    found._on_quit()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0])[: len(METRIC_COLUMNS)] == METRIC_COLUMNS
    shown = ("member", "reachable", "poll_ms", "detail", "avg_latency", "server_state")
    assert [tuple(row[column] for column in shown) for row in rows] == [
        ("zk1", "1", "1.5", "", "0.5", "leader"),
        ("zk1", "0", "", "no connection to the AdminServer", "", ""),
    ]


def test_a_file_that_cannot_be_written_is_a_problem_that_the_page_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    found = a_monitor(monkeypatch, zk_metrics_csv=str(tmp_path / "file" / "zk-metrics.csv"))
    found.refresh()
    told = answer(found, 1.0)
    assert told["problem"].startswith("--zk-metrics-csv [")
    assert told["recording"] is False
    assert told["members"][0]["sample"]["metrics"]["avg_latency"] == 0.5


@pytest.mark.parametrize(("has_page", "collect"), [(False, WEB), (False, 500.0), (True, 0.0), (False, 0.0)])
def test_nothing_is_polled_where_it_was_not_before(
    monkeypatch: pytest.MonkeyPatch, has_page: bool, collect: str | float
) -> None:
    found = a_monitor(monkeypatch, has_page, zk_metrics_collect=collect)
    found._on_test_start()
    gevent.sleep(0.01)
    assert found.members[0].asked == 0
    assert found._pollers == []


def test_with_an_interval_the_page_shows_what_the_pollers_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_monitor(monkeypatch, zk_metrics_collect=60_000.0)
    found.refresh()
    assert found.members[0].asked == 0, "the page itself polls nobody"
    assert answer(found, 1.0)["polls"] is False
    found._on_test_start()
    gevent.sleep(0.01)
    assert found.members[0].asked == 1
    assert answer(found, 1.0)["polls"] is True
    found._on_test_stop()
    told = answer(found, 1.0)
    assert (told["collection"], told["interval_s"], told["polls"]) == ("interval", 60.0, False)
    assert told["members"][0]["sample"]["metrics"]["server_state"] == "leader", "the last reading stays"


def test_members_change_only_with_a_test_that_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_monitor(monkeypatch)
    first = found.members[0]
    found._options.hosts = "elsewhere:2181"
    found.refresh()
    assert found.members == [first]
    found._on_test_start()
    assert [(member.name, member.url) for member in found.members] == [
        ("elsewhere", "http://elsewhere:8080/commands/monitor")
    ]
    found._options.hosts = "zk 1:x"
    found._on_test_start()
    assert found.members == []
    assert "without a valid host name" in answer(found, 1.0)["problem"]


def test_the_answer_is_json_whatever_a_member_says(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_monitor(monkeypatch, hosts="zk1:2181,zk2:2181")
    assert answer(found, 1.0)["members"] == [{"name": "zk1", "sample": None}, {"name": "zk2", "sample": None}]
    found.members[0].metrics = {
        "nan": math.nan, "infinite": math.inf, "huge": 10**400, "text": NASTY, "long": "x" * 10_000, "list": [1, {}],
        "flag": True, "none": None, "number": 7,
    }  # fmt: skip
    found.members[1].detail = "no answer within 5 s"
    told = json.loads(json.dumps(answer(found, found.refresh()), allow_nan=False))
    good, bad = (member["sample"] for member in told["members"])
    assert set(told) == {"process", "collection", "interval_s", "polls", "recording", "problem", "next_s", "members"}
    assert set(good) == {"timestamp", "at_s", "age_s", "poll_ms", "metrics", "detail"}
    assert good["metrics"] == {
        "text": NASTY, "long": "x" * 300, "list": "[1, {}]", "flag": "true", "number": 7,
    }  # fmt: skip
    assert (bad["metrics"], bad["detail"]) == ({}, "no answer within 5 s")


class WebUI:
    """As much of Locust's web UI as the page needs."""

    def __init__(self) -> None:
        self.app = flask.Flask("locust")
        self.app.debug = True  # as Locust's is: what nobody handles would be thrown at the server
        self.template_args: dict[str, Any] = {}
        self.environment = SimpleNamespace(parsed_options=options())
        self.guarded: list[str] = []

    def auth_required_if_enabled(self, view: Any) -> Any:
        self.guarded.append(view.__name__)
        return view


@pytest.fixture
def web_ui() -> WebUI:
    return WebUI()


@pytest.fixture
def client(web_ui: WebUI, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    web_ui.monitor = a_monitor(monkeypatch)  # type: ignore[attr-defined]
    add_page(web_ui, web_ui.monitor)  # type: ignore[attr-defined]
    with web_ui.app.test_client() as client:
        yield client


def test_every_route_asks_for_the_login_and_the_page_is_linked(web_ui: WebUI, client: Any) -> None:
    routes = [rule for rule in web_ui.app.url_map.iter_rules() if rule.rule.startswith("/zk-metrics")]
    assert sorted(web_ui.guarded) == ["data", "page"]
    assert len(routes) == len(web_ui.guarded)
    assert all(rule.methods == {"GET", "HEAD", "OPTIONS"} for rule in routes)
    assert [link["href"] for link in web_ui.template_args["extended_csv_files"]] == ["./zk-metrics"]


def test_the_page_needs_nothing_but_itself(client: Any) -> None:
    found = client.get("/zk-metrics")
    policy = found.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'nonce-")
    assert "unsafe" not in policy
    assert "://" not in found.text.replace("http://www.w3.org/2000/svg", "")
    assert found.headers["Cache-Control"] == "no-store"
    assert client.get("/zk-metrics").headers["Content-Security-Policy"] != policy


def test_no_request_names_who_is_polled(web_ui: WebUI, client: Any) -> None:
    query = "hosts=evil:2181&zk_admin_addresses=evil:80&member=evil&url=http://evil/"
    told = client.get(f"/zk-metrics/data?{query}", json={"hosts": "evil:2181"}).json
    assert [member["name"] for member in told["members"]] == ["zk1"]
    assert client.post("/zk-metrics/data", data={"hosts": "evil:2181"}).status_code == 405


def test_an_error_is_one_sentence_and_no_traceback(web_ui: WebUI, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_ui.monitor, "refresh", Mock(side_effect=RuntimeError("secret")))  # type: ignore[attr-defined]
    found = client.get("/zk-metrics/data")
    assert found.status_code == 500
    assert found.json == {"error": "Locust could not answer; its log says why"}
