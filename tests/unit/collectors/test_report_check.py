"""What is no report of a worker is left out, once by name, and the figures of the others go on."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust.env import Environment
from locust.event import Events
from locust.rpc import Message

from locust_extra import stats
from locust_extra.report_check import check_report
from tests.unit.collectors.clocks import FakeClock, recorder
from zk_locust.contract.clock_names import CENSORED
from zk_locust.load.stages import load_ended, stage_changed

ABSENT = object()


def good() -> dict[str, Any]:
    """A report as it comes over the wire, with a success, a failure and a censored operation."""
    clock = FakeClock()
    recording = recorder(clock)
    recording.begin_stage("measured", None)
    for error in (None, ValueError("x")):
        recording.recording.on_request(request_type="zookeeper", name="get", response_time=0.5, exception=error)
    recording.recording.operation("zookeeper", "get", clock.ns()).censor(1_000_000)
    clock.now_s += 0.5
    report = recording.report(users=4)
    ((_, _, ((_, _, message),)),) = report["records"]
    report |= {"lateness": copy.deepcopy(message["clocks"][CENSORED]), "gc_ns": 5, "late": [[10, 20]]}
    received: dict[str, Any] = Message.unserialize(Message("stats", report, "w").serialize()).data
    return received


def changed(*path: Any, to: Any) -> dict[str, Any]:
    report = good()
    found: Any = report
    for step in path[:-1]:
        found = found[step]
    if to is ABSENT:
        del found[path[-1]]
    else:
        found[path[-1]] = to
    return report


HISTOGRAM = "records", 0, 2, 0, 2
BAD = [
    ("text", "report"),
    *((changed(name, to=ABSENT), name) for name in good() if name not in ("slow", "lateness", "late")),
    *((changed(name, to="x"), name) for name in good() if name not in ("slow", "stage")),
    *((changed(name, to=-1), name) for name in ("interval", "users", "settled", "wall_ns", "cpu_ns", "gc_ns")),
    (changed("interval", to=10**9), "far"),
    (changed("interval", to=0.5), "half"),
    (changed("users", to=1 << 63), "many"),
    (changed("stage", to="no such stage"), "stage"),
    (changed("records", 0, 0, to="no such stage"), "record's stage"),
    (changed("records", 0, 1, to=10**9), "record far"),
    (changed("records", 0, to=[1]), "record"),
    (changed("records", 0, 2, 0, to=["a"]), "operation"),
    (changed("records", 0, 2, 0, 0, to="x" * 5000), "long type"),
    (changed("records", 0, 2, 0, 1, to="x" * 5000), "long name"),
    (changed(*HISTOGRAM, "errors", to={"x" * 5000: 1}), "long error"),
    (changed("late", to=[[1]]), "span"),
    (changed("late", to=[[1, 2]] * 2000), "spans"),
    *((changed(*HISTOGRAM, "counts", to=to), f"counts {to}") for to in ({"a": 1}, {1: "a"}, {1: 0}, {-1: 1}, [1])),
    (changed(*HISTOGRAM, "counts", to={10**12: 1}), "long"),
    (changed(*HISTOGRAM, "errors", to={"x": "y"}), "errors"),
    (changed(*HISTOGRAM, "requests", to=1.5), "requests"),
    (changed(*HISTOGRAM, "min_us", to="x"), "min_us"),
    (changed(*HISTOGRAM, "max_us", to=ABSENT), "max_us"),
    (changed(*HISTOGRAM, "clocks", CENSORED, "counts", to={"a": 1}), "clock"),
    (changed(*HISTOGRAM, "clocks", CENSORED, "clocks", to={"x": {}}), "clock in clock"),
]


def test_a_workers_report_is_one() -> None:
    check_report(good(), 1, latest=0)
    check_report(changed("stage", to=None), 1, latest=0)
    check_report(changed("run", to=2) | {"interval": 50}, 1, latest=0)


@pytest.mark.parametrize("report", [report for report, _ in BAD], ids=[name for _, name in BAD])
def test_anything_else_is_refused(report: Any) -> None:
    with pytest.raises(ValueError, match=r"it|histogram"):
        check_report(report, 1, latest=3)


@pytest.fixture
def leader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for hook in (stage_changed, load_ended):
        monkeypatch.setattr(hook, "_handlers", [])
    options = SimpleNamespace(stats_collect=1000.0, stats_csv=str(tmp_path / "locust-stats.csv"))
    environment = Environment(events=Events(), parsed_options=options)
    runner = environment.create_local_runner()
    stats.start(environment, runner)
    stage_changed.fire(environment=environment, stage="measured", planned_s=None, elapsed_s=0.0)
    yield next(each.__self__ for each in stage_changed._handlers if isinstance(each.__self__, stats.LoadStats))
    environment.events.quit.fire(exit_code=0)
    runner.quit()


def test_the_master_leaves_it_out_and_says_so_once(
    leader: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for report, _ in BAD:
        leader._on_worker_report("w", {"locust_extra": report, "locust_extra_worker": "host/worker-1"})
    leader._on_worker_report("v", {"locust_extra": good(), "locust_extra_worker": "host/worker-2"})
    load_ended.fire(environment=leader._environment)
    assert caplog.text.count("host/worker-1 reports is left out") == 1
    rows = (tmp_path / "locust-stats.csv").read_text()
    assert "host/worker-2" in rows
    assert "host/worker-1" not in rows
    assert "no such stage" not in rows


def test_an_error_ends_no_watching_and_is_logged_once(
    leader: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[None] = []

    def fail() -> None:
        looks.append(None)
        raise TypeError("planted")

    monkeypatch.setattr(leader, "_look_for_lost_workers", fail)
    monkeypatch.setattr(gevent, "sleep", lambda _: real_sleep(0.001))
    with gevent.Timeout(60):
        while len(looks) < 3:
            real_sleep(0.01)
    assert caplog.text.count("Figures of the load may be missing") == 1
    monkeypatch.undo()


real_sleep = gevent.sleep


def test_a_workers_name_is_one_short_line(leader: Any) -> None:
    leader._on_worker_report("w", {"locust_extra_worker": "host\n" + "x" * 100_000})
    leader._on_worker_report("v", {"locust_extra_worker": "\n"})
    assert leader._worker_names["w"].isprintable()
    assert len(leader._worker_names["w"]) == 500
    assert leader._worker_names["v"] == "v"
