"""The lines that show how far the load is."""

import json
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from fleet.load_following import Follower, json_objects
from fleet.progress import clock, latency, progress_line

PROGRESS: dict[str, Any] = {
    "stage": "measured", "time_left_s": 17.6, "users": 32, "workers": 2, "rate_per_s": 6543.2, "p99_us": 4321,
    "requests": 100_000, "failures": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (-3, "0:00"), (45.4, "0:45"), (59.6, "1:00"), (3599.6, "1:00:00"), (3723, "1:02:03")],
)
def test_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(None, "-"), (0, "0 µs"), (999, "999 µs"), (1000, "1 ms"), (1234, "1.23 ms"), (123_456, "123 ms"),
     (999_400, "999 ms"), (999_600, "1 s"), (1_500_000, "1.5 s"), (61_000_000, "61 s"), (3_599_000_000, "3599 s")],
)  # fmt: skip
def test_a_latency_has_three_digits_and_a_unit(microseconds: float | None, text: str) -> None:
    assert latency(microseconds) == text


def test_a_line_has_stage_time_left_users_rate_latency_and_failures() -> None:
    line = progress_line(PROGRESS, {})
    assert line.split() == [
        "measured",
        "0:18",
        "left",
        "32",
        "users",
        "6,543",
        "op/s",
        "p99",
        "4.32",
        "ms",
        "0",
        "failures",
    ]
    assert progress_line(PROGRESS | {"failures": 1}, {}).endswith(" 1 failure")
    assert progress_line(PROGRESS | {"failures": 1234}, {}).endswith(" 1,234 failures")
    assert "left" not in progress_line(PROGRESS | {"time_left_s": None}, {})
    assert " - " in progress_line(PROGRESS | {"p99_us": None}, {})


def test_a_line_says_who_is_absent_and_that_the_disk_is_full() -> None:
    line = progress_line(PROGRESS | {"absent": ["1 of 4 workers lost", "no leader"]}, {})
    assert line == progress_line(PROGRESS, {}) + "   1 of 4 workers lost   no leader"
    assert progress_line(PROGRESS, {"disk_full": [{"since": "x", "until": "y"}]}) == progress_line(PROGRESS, {})
    full = progress_line(PROGRESS, {"disk_full": [{"since": "x", "until": "y"}, {"since": "z", "until": None}]})
    assert full == progress_line(PROGRESS, {}) + "   the master's disk is full"


@pytest.mark.parametrize("absent", ["text", 7, {"a": 1}, None])
def test_what_a_host_says_beside_the_point_is_not_shown(absent: Any) -> None:
    assert progress_line(PROGRESS | {"absent": absent}, {"disk_full": absent}) == progress_line(PROGRESS, {})
    assert progress_line(PROGRESS | {"absent": ["\x1b[2Jgone\n"]}, {}).endswith("   [2Jgone")


def test_the_columns_stand_below_one_another() -> None:
    lines = [
        progress_line(
            PROGRESS | {"stage": stage, "users": users, "time_left_s": left, "rate_per_s": rate, "p99_us": p99}, {}
        )
        for stage, users, left, rate, p99 in (
            ("warm-up", 8, 5, 12, 900),
            ("measured", 10_000, 3723, 1_234_567, 1_234_000),
            ("cool-down", 1, None, 0, None),
        )
    ]  # fmt: skip
    assert len({line.index("users") for line in lines}) == len({line.index("p99") for line in lines}) == 1


@pytest.mark.parametrize(("progress", "ready"), [({}, "0 ready"), ({"stage": "", "workers": 2}, "2 ready")])
def test_before_the_load_there_are_workers_to_wait_for(progress: dict[str, Any], ready: str) -> None:
    assert progress_line(progress, {}).endswith(ready)


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("", []),
        ('{"a": 1}\n\n{"b": 2}', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n{"b": ', [{"a": 1}]),
        ("cat: no such file", []),
        ('{"a": 1}  [1] {"b": 2}', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n', [{"a": 1}]),
    ],
)
def test_json_objects_one_after_the_other(text: str, objects: list[dict[str, Any]]) -> None:
    assert json_objects(text) == objects


class Host:
    """A load host that is a list of answers."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.commands: list[str] = []
        self.look = Follower(self.ask, "/run", "ask the supervisor").look

    def ask(self, command: str) -> dict[str, str]:
        self.commands.append(command)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"stdout": answer}


def files(state: str, progress: dict[str, Any] | None = None) -> str:
    return json.dumps({"state": state}) + "\n" + (json.dumps(progress) if progress is not None else "")


def test_status_and_progress_are_read_in_one_go() -> None:
    assert Host(files("running", PROGRESS)).look() == ({"state": "running"}, PROGRESS)
    assert Host(files("ended")).look() == ({"state": "ended"}, None)


def test_a_host_that_cannot_be_reached_is_one_that_did_not_answer() -> None:
    follower = Host(AnsibleConnectionFailure("no route"), files("running", PROGRESS))
    assert follower.look() == (None, None)
    assert follower.look() == ({"state": "running"}, PROGRESS)


@pytest.mark.parametrize("damaged", ["\n", "", "\n" + json.dumps(PROGRESS), '{"no": "state"}', "\0\0\n"])
def test_a_status_that_is_damaged_is_asked_for_and_no_dead_host(damaged: str) -> None:
    told = {"state": "absent", "problem": "/run/status.json is empty or damaged"}
    follower = Host(damaged, json.dumps(told))
    assert follower.look() == (told, None)
    assert follower.commands[1:] == ["ask the supervisor"]


@pytest.mark.parametrize("answer", ["", "{}", "sudo: a password is required", AnsibleConnectionFailure("no route")])
def test_a_host_that_says_no_state_at_all_did_not_answer(answer: str | Exception) -> None:
    assert Host("\n", answer).look() == (None, None)


def test_a_load_that_stands_still_is_asked_whether_its_supervisor_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("fleet.load_following.time.monotonic", lambda: now[0])
    standing = files("running", PROGRESS)
    follower = Host(standing, standing, standing, '{"state": "lost"}')
    for seconds, state in ((0.0, "running"), (4.0, "running"), (6.0, "lost")):
        now[0] = seconds
        status, _ = follower.look()
        assert status == {"state": state}
    assert follower.commands[-1] == "ask the supervisor"
    assert follower.commands.count("ask the supervisor") == 1
