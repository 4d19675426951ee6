"""A kernel that gives no arrival times of replies: the event `no-arrival-times`."""

from pathlib import Path

import pytest

from reporting import judge_run
from reporting.render import clock_tables
from tests.unit.reporting.changed_runs import add_events
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_verdict import rules, text

WHY = "setsockopt SO_TIMESTAMPNS: Operation not permitted"
BLAMED = "The client kazoo cannot tell when a reply reached the machine, so service time ends when the worker handles"


@pytest.mark.parametrize(
    ("workers", "client_delay_us", "noted", "said"),
    [
        ([], 40.0, "", ""),
        ([], None, "", BLAMED),
        (["load1"], 40.0, "to 1 of 2 workers (load1)", "On 1 of 2 workers (load1) the kernel gives no arrival times"),
        (["load2", "load1"], None, "to 2 of 2 workers (load1, load2)", "On 2 of 2 workers (load1, load2) the kernel"),
    ],
)
def test_a_kernel_without_arrival_times_is_a_note_and_no_defect_of_the_client(
    tmp_path: Path, workers: list[str], client_delay_us: float | None, noted: str, said: str
) -> None:
    run = Synthetic(stall_at_s=None, client_delay_us=client_delay_us).write(tmp_path / "run")
    detail = f"service time contains client delay there: {WHY}"
    add_events(
        run, *({"at_s": 0.5, "event": "no-arrival-times", "subject": name, "detail": detail} for name in workers)
    )
    found = judge_run(run)
    assert (found.verdict.verdict, rules(found.verdict)) == ("valid", {"no-arrival-times": "note"} if noted else {})
    if noted:
        told = text(found.verdict, "no-arrival-times")
        assert noted in told
        assert WHY in told
    loop = clock_tables.loop(found)
    assert said in loop
    assert ("The client" in loop) == (said == BLAMED)
