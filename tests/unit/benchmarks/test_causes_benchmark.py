"""The benchmark of causes counts what a report names, and what it blames falsely."""

import pytest

from benchmarks.causes import Injection, near, tell
from reporting import load_run
from reporting.analyse.why import Why
from tests.unit.reporting.slow_runs import SlowRun

PAUSE = Injection("garbage collected", "gc-pause", lambda _: 0.0)
STOP = Injection("worker stopped", "worker-late", lambda _: 0.0)


@pytest.fixture(scope="module")
def why(tmp_path_factory: pytest.TempPathFactory) -> Why:
    """A pause at 20 s, a stall that nothing explains at 30 s, and a pause between the two at 25 s."""
    run = SlowRun()
    for at_s in (20.0, 25.0, 30.0):
        run.stall(at_s, 0.3)
    for at_s in (20.0, 25.0):
        run.event("gc-pause", "zk1", at_s, 0.3)
    return load_run(run.write(tmp_path_factory.mktemp("results") / "run")).why


def test_a_moment_belongs_to_what_was_done_shortly_before(why: Why) -> None:
    found = near(why, 19.9)
    assert found is not None
    assert found.start_s == pytest.approx(20.0, abs=0.01)
    assert near(why, 18.0) is None


def test_right_names_errors_of_time_and_false_ones_are_counted(why: Why, capsys: pytest.CaptureFixture[str]) -> None:
    tell(why, [(PAUSE, 19.96), (STOP, 30.0)], every_s=10.0)
    lines = capsys.readouterr().out.splitlines()
    pause, stop = (next(x for x in lines if x.startswith(name)) for name in ("garbage collected  ", "worker stopped  "))
    assert pause.split()[2:5] == ["1", "of", "1"]
    assert 35 <= int(pause.split()[-1]) <= 45
    assert stop.split()[2:5] == ["0", "of", "1"]
    assert "clean windows blamed: 1 of 2" in lines
