"""Events of a second test in one Locust process are not judged in the report of the first one."""

from pathlib import Path

from reporting import judge_run, load_run
from tests.unit.reporting.changed_runs import add_events, election
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_verdict import rules

SECOND = (
    {"at_s": 60.0, "event": "warm-up-ended", "subject": "limit-reached", "detail": "not stationary within 60 s"},
    {"at_s": 61.0, "event": "operations-unreported", "subject": "load2", "detail": "12 operations"},
    {"at_s": 62.0, "event": "worker-lost", "subject": "load2", "detail": "no heartbeat"},
    {"at_s": 63.0, "event": "write-failed", "subject": "locust-stats-2.csv", "detail": "No space left on device"},
    {"at_s": 64.0, "event": "stranger-refused", "subject": "192.0.2.66", "detail": "refused"},
    {"at_s": 65.0, "event": "control-failed", "subject": "control program", "detail": "exit code 1"},
    {"at_s": 66.0, "event": "users-changed", "subject": "load shape", "detail": "40"},
    election("zk2", 67.0),
)
COLLECTED = {"at_s": 90.0, "source": "controller", "event": "phase-start", "subject": "collect"}


def test_the_events_of_a_second_test_are_left_out(tmp_path: Path) -> None:
    run = Synthetic(stall_at_s=None).write(tmp_path / "run")
    add_events(run, *SECOND[1:], {"at_s": 50.0, "event": "run-start", "subject": "2"}, SECOND[0], COLLECTED)
    found = judge_run(run)
    assert (found.verdict.verdict, rules(found.verdict)) == ("valid", {})
    assert found.users.changed_by == ""
    told = set(found.run.events["event"])
    assert {"stage-start", "run-stopped", "phase-start", "run-start"} <= told
    assert not {event["event"] for event in SECOND} & told
    assert "collect" in set(found.run.events["subject"]), "what the controller did belongs to the folder"
    assert set(load_run(run).events["event"]) == told


def test_the_same_events_of_the_first_test_are_judged(tmp_path: Path) -> None:
    run = Synthetic(stall_at_s=None).write(tmp_path / "run")
    add_events(run, *SECOND, {"at_s": 70.0, "event": "run-start", "subject": "2"})
    found = set(rules(judge_run(run).verdict))
    assert {"warm-up-limit", "operations-unreported", "disk-full", "stranger-refused", "control-failed"} <= found
