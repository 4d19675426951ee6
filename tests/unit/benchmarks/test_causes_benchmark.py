"""The benchmark of causes counts what a report names, and what it blames falsely."""

from pathlib import Path

import pytest

from benchmarks.causes import Score, blamed, moments_of, near, tell, tell_clean, tell_scores
from benchmarks.injections import Injection
from reporting import judge_run
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.slow_runs import SlowRun

PAUSE = Injection("garbage collected", "gc-pause", lambda _: 0.0)
STOP = Injection("worker stopped", "worker-late", lambda _: 0.0)
PAUSES_S = [8.0 + 4.0 * place for place in range(12)]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """Twelve pauses, and a stall at 58 s that nothing explains: more moments than a report shows."""
    run = SlowRun()
    for at_s in (*PAUSES_S, 58.0):
        run.stall(at_s, 0.3)
    for at_s in PAUSES_S:
        run.event("gc-pause", "zk1", at_s, 0.3)
    return judge_run(run.write(tmp_path_factory.mktemp("results") / "run"))


def test_a_moment_belongs_to_what_was_done_shortly_before(judged: JudgedRun) -> None:
    moments = moments_of(judged)
    found = near(moments, 19.9)
    assert found is not None
    assert found.start_s == pytest.approx(20.0, abs=0.01)
    assert near(moments, 18.0) is None


def test_of_several_moments_the_worst_belongs_to_what_was_done(tmp_path: Path) -> None:
    run = SlowRun()
    run.stall(20.1, 0.3)
    run.operation(20.0, 0.02)
    found = near(moments_of(judge_run(run.write(tmp_path / "run"))), 19.99)
    assert found is not None
    assert found.start_s == pytest.approx(20.1, abs=0.01)


def test_a_moment_that_had_ended_belongs_to_nothing_that_was_done_later(judged: JudgedRun) -> None:
    """A stall of 0.3 s began at 20 s."""
    assert near(moments_of(judged), 20.2) is not None
    assert near(moments_of(judged), 20.4) is None


def test_each_injection_is_found_where_there_are_more_than_a_report_shows(
    judged: JudgedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(judged.why.moments) < len(PAUSES_S)
    scores: dict[str, Score] = {}
    tell(moments_of(judged), [(PAUSE, at_s) for at_s in PAUSES_S], scores)
    tell_scores(scores)
    assert capsys.readouterr().out.splitlines()[-1].split()[:4] == ["all", "12", "12", "12"]


def test_right_names_and_errors_of_time_are_counted(judged: JudgedRun, capsys: pytest.CaptureFixture[str]) -> None:
    scores: dict[str, Score] = {}
    tell(moments_of(judged), [(PAUSE, 20.04)], scores)
    tell(moments_of(judged), [(PAUSE, 23.92), (STOP, 58.0)], scores)
    tell_scores(scores)
    lines = capsys.readouterr().out.splitlines()
    pause, stop = (next(x for x in lines if x.startswith(name)) for name in ("garbage collected  ", "worker stopped  "))
    assert pause.split()[2:] == ["2", "2", "1", "60", "80"]
    assert stop.split()[2:5] == ["1", "0", "0"]


def test_windows_are_blamed_on_what_stands_out_in_them(judged: JudgedRun, capsys: pytest.CaptureFixture[str]) -> None:
    windows = list(blamed(judged, 6.0))
    assert [start_s for start_s, _ in windows] == pytest.approx([5.0 + 6.0 * place for place in range(10)], abs=0.01)
    assert windows[0][1] == ["GC pause of zk1"]
    assert windows[-1][1] == []
    tell_clean(windows)
    assert f"clean windows blamed: {sum(bool(words) for _, words in windows)} of 10" in capsys.readouterr().out
