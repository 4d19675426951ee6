"""The run folders that reports are measured on have all that a real run has."""

from pathlib import Path

import pytest

from benchmarks import long_run
from benchmarks.long_run import MEMBERS, Shape, write_run
from reporting import judge_run
from zk_locust.contract.events import ELECTION, GC_PAUSE, SLOW_FSYNC, WORKER_LATE
from zk_locust.contract.run_files import SLOW_OPERATIONS

SHORT = Shape(20, 0.5, ("get", "set"), 10)
LIMIT_BYTES = 400_000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_run, "LIMIT_BYTES", LIMIT_BYTES)
        return write_run(tmp_path_factory.mktemp("results") / "short", SHORT, SHORT.workers)


def test_slowest_operations_fill_their_file(run: Path) -> None:
    assert 0.95 * LIMIT_BYTES < (run / SLOW_OPERATIONS).stat().st_size < 1.05 * LIMIT_BYTES


def test_a_report_has_causes_by_members_own_clocks(run: Path) -> None:
    judged = judge_run(run)
    assert not judged.run.problems
    assert judged.why.slow.recorded
    assert len(judged.why.slow.rows) > 5
    assert judged.why.moments
    assert set(judged.why.events["kind"]) == {ELECTION, GC_PAUSE, SLOW_FSYNC, WORKER_LATE}
    assert set(judged.why.slow.rows["member"]) <= {f"{member}:2181" for member in MEMBERS} | set(MEMBERS)
    pauses = judged.why.events[judged.why.events["kind"] == GC_PAUSE]
    # The members' clocks are behind by different times, and drift by up to 3 ms.
    starts = pauses.groupby("subject")["start_s"].first()
    assert starts.to_numpy() == pytest.approx([0.3 + 0.1 * place for place in range(len(MEMBERS))], abs=0.005)
