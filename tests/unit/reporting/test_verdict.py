"""Each rule of the verdict speaks when it should, and keeps silent when it should not."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from reporting.text import percent
from reporting.verdict.judgement import Verdict
from tests.unit.reporting.synthetic import Synthetic
from zk_locust.contract.unreported import known, unknown


def judged(folder: Path, **changes: Any) -> Verdict:
    """The verdict on a synthetic run."""
    return judge_run(Synthetic(**changes).write(folder / "run")).verdict


def rules(found: Verdict) -> dict[str, str]:
    return {reason.rule: reason.severity for reason in found.reasons}


def text(found: Verdict, rule: str) -> str:
    return next(reason.text for reason in found.reasons if reason.rule == rule)


def write_manifest(run: Path, **values: Any) -> None:
    path = run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_sound_run_is_valid_without_reasons(tmp_path: Path) -> None:
    found = judged(tmp_path)
    assert found.as_dict() == {"verdict": "valid", "reasons": []}


def test_a_run_that_never_drove_load_is_void_and_says_where_it_stopped(tmp_path: Path) -> None:
    phases = [
        {"name": name, "start": "2026-11-24T03:00:00Z", "end": None} for name in ("preflight", "provision", "collect")
    ]
    manifest = {"state": "failed", "reason": "member zk2 did not start", "phases": phases}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    found = judge_run(tmp_path).verdict
    assert (found.verdict, rules(found)) == ("void", {"not-started": "void"})
    assert (
        "the phase provision. Correct what its message names, see logs/, and run it again. The run says: member zk2"
        in text(found, "not-started")
    )


def test_a_run_without_any_figure_of_its_load_is_void(tmp_path: Path) -> None:
    phases = [{"name": "run", "start": "2026-11-24T03:00:00Z", "end": None}]
    (tmp_path / "manifest.json").write_text(json.dumps({"phases": phases}))
    found = judge_run(tmp_path).verdict
    assert (found.verdict, rules(found)) == ("void", {"no-figures": "void"})


def test_a_run_that_ended_in_its_warm_up_is_void(tmp_path: Path) -> None:
    found = judged(tmp_path, run_time_s=0, cool_down_s=0)
    assert (found.verdict, rules(found)) == ("void", {"ended-before-measured": "void"})


def test_a_measured_stage_without_success_is_void(tmp_path: Path) -> None:
    found = judged(tmp_path, operations={"get": 0.0}, stall_at_s=0.0, stall_s=99.0, failures_in_stall=7)
    assert (found.verdict, rules(found)) == ("void", {"no-operation": "void"})
    assert "210 failed, most often with OperationTimeout" in text(found, "no-operation")


def test_a_run_that_lost_all_workers_is_void(tmp_path: Path) -> None:
    found = judged(tmp_path, workers=1, worker_lost_at_s=20)
    assert (found.verdict, rules(found)) == ("void", {"all-workers-lost": "void"})


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("complete", {"all-workers-lost": "void"}),
        ("interrupted", {"run-interrupted": "inconclusive", "cut-short": "inconclusive", "worker-lost": "note"}),
    ],
)
def test_a_load_that_ends_because_its_workers_are_lost_is_void(
    tmp_path: Path, state: str, expected: dict[str, str]
) -> None:
    plan = {"stages": [{"name": "warm-up", "planned_s": 5.0}, {"name": "measured", "planned_s": 60.0}]}
    ends_s = 5 + 30
    found = judged(
        tmp_path, workers=1, cool_down_s=0, stall_at_s=None, worker_lost_at_s=ends_s, plan=plan,
        manifest={"state": state},
    )  # fmt: skip
    assert rules(found) == expected


@pytest.mark.parametrize("state", ["failed", "interrupted"])
def test_a_run_that_did_not_end_as_planned_is_inconclusive(tmp_path: Path, state: str) -> None:
    found = judged(tmp_path, manifest={"state": state, "reason": "the controller went away."})
    assert (found.verdict, rules(found)) == ("inconclusive", {f"run-{state}": "inconclusive"})
    assert "the controller went away. Correct" in text(found, f"run-{state}")


@pytest.mark.parametrize(("measured_s", "expected"), [(28, "inconclusive"), (29, "valid")])
def test_a_measured_stage_that_was_cut_short_is_inconclusive(tmp_path: Path, measured_s: int, expected: str) -> None:
    stages = [{"name": "warm-up", "planned_s": 5.0}, {"name": "measured", "planned_s": 30.0}]
    found = judged(tmp_path / "planned", run_time_s=measured_s, plan={"stages": stages})
    assert found.verdict == expected
    assert rules(found) == ({"cut-short": "inconclusive"} if expected == "inconclusive" else {})
    scenario = {"name": "quick", "run_time_s": 30}
    older = judged(tmp_path / "older", run_time_s=measured_s, plan=None, manifest={"scenario": scenario})
    assert older.verdict == expected
    assert rules(older) == {"no-plan": "note"} | rules(found)


@pytest.mark.parametrize(("planned_s", "expected"), [(5.0, {}), (5.2, {}), (6.0, {"cut-short": "note"})])
def test_a_short_warm_up_is_a_note(tmp_path: Path, planned_s: float, expected: dict[str, str]) -> None:
    found = judged(tmp_path, plan={"stages": [{"name": "warm-up", "planned_s": planned_s}]})
    assert (found.verdict, rules(found)) == ("valid", expected)
    if expected:
        assert "The warm-up stage lasted 5.0 s of the 6 s planned" in text(found, "cut-short")


@pytest.mark.parametrize(("deadline_s", "expected"), [(46.0, {"deadline-reached": "note"}), (48.0, {})])
def test_a_load_that_its_deadline_has_ended_is_a_note(
    tmp_path: Path, deadline_s: float, expected: dict[str, str]
) -> None:
    assert rules(judged(tmp_path, plan={"deadline_s": deadline_s})) == expected


def test_a_slow_cool_down_is_not_taken_for_the_deadline(tmp_path: Path) -> None:
    """Users have 15 s to end (`fleet.host_spec`) and workers 10 s more (`zk_locust.load.stages`)."""
    assert rules(judged(tmp_path, cool_down_s=25.0)) == {}


def test_what_an_older_manifest_does_not_say_is_told_once_and_not_guessed(tmp_path: Path) -> None:
    inventory = {"groups": {"locust_workers": ["load1"]}, "hosts": {"load1": {}}}
    found = judged(tmp_path, plan=None, manifest={"inventory": inventory})
    assert (found.verdict, rules(found)) == ("valid", {"no-plan": "note"})
    assert text(found, "no-plan").endswith("not checked: the number of workers, the members, the deadline.")


@pytest.mark.parametrize(
    ("plan", "complaints"),
    [
        ("soon", ["manifest.json: plan is not an object"]),
        ({}, 7),
        ({"users": "many"}, ["manifest.json: plan.users cannot be read"]),
        ({"users": True, "members": "zk1"}, 2),
        ({"stages": ["measured"]}, ["manifest.json: plan.stages cannot be read"]),
        ({"workers": {"load1": None}}, ["manifest.json: plan.workers cannot be read"]),
    ],
)
def test_a_damaged_plan_is_a_problem_and_no_reason(tmp_path: Path, plan: Any, complaints: Any) -> None:
    run = Synthetic(plan=plan if plan and isinstance(plan, dict) else {}).write(tmp_path / "run")
    if not plan or isinstance(plan, str):
        write_manifest(run, plan=plan)
    found = judge_run(run)
    problems = [str(problem) for problem in found.run.problems]
    assert (problems if isinstance(complaints, list) else len(problems)) == complaints
    assert found.verdict.verdict == "valid"


@pytest.mark.parametrize(("failures", "expected"), [(10, "inconclusive"), (2, "valid")])
def test_failures_above_the_limit_are_inconclusive_below_it_a_note(
    tmp_path: Path, failures: int, expected: str
) -> None:
    found = judged(tmp_path, failures_in_stall=failures)
    assert found.verdict == expected
    assert rules(found) == {"failures": "inconclusive" if expected == "inconclusive" else "note"}
    assert f"{failures * 4} of " in text(found, "failures")


def test_one_operation_that_often_fails_is_inconclusive_though_few_of_all_do(tmp_path: Path) -> None:
    users: dict[str, Any] = {"users_at": lambda _at_s: 256, "plan": {"users": 256}}  # so many wait in its stall
    found = judged(tmp_path, operations={"get": 3000.0, "create": 2.0}, failures_in_stall=2, **users)
    assert rules(found) == {"failures": "note", "operation-failures": "inconclusive"}
    assert "operations create failed" in text(found, "operation-failures")


def test_a_lost_worker_is_inconclusive(tmp_path: Path) -> None:
    found = judged(tmp_path, worker_lost_at_s=25)
    assert (found.verdict, rules(found)) == ("inconclusive", {"worker-lost": "inconclusive"})
    assert "1 of 2 workers were lost (load2 at 25 s)" in text(found, "worker-lost")


def test_a_worker_that_falls_silent_without_an_event_is_lost_too(tmp_path: Path) -> None:
    run = Synthetic(worker_lost_at_s=25).write(tmp_path / "run")
    lines = (run / "events.csv").read_text().splitlines()
    (run / "events.csv").write_text("\n".join(line for line in lines if "worker-lost" not in line) + "\n")
    found = judge_run(run).verdict
    assert rules(found) == {"worker-lost": "inconclusive"}
    assert "load2 at 25 s" in text(found, "worker-lost")


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (
            (known(37), known(1200)),
            "Lost workers had sent 1,237 operations (w0, w1) and not reported them: they are in no figure.",
        ),
        ((unknown(63),), "Lost workers had sent an unknown number of operations (w0) and not reported them:"),
        (
            (known(37), unknown(63), "an unknown number: the worker ran on another machine than the master"),
            "Lost workers had sent 37 operations (w0) and an unknown number of operations (w1, w2) and not ",
        ),
    ],
)
def test_what_lost_workers_did_not_report_is_a_note(tmp_path: Path, details: tuple[str, ...], expected: str) -> None:
    run = Synthetic().write(tmp_path / "run")
    rows = [
        ["2026-01-01T00:00:00+00:00", "master", "operations-unreported", f"w{i}", d, "", ""]
        for i, d in enumerate(details)
    ]
    with (run / "events.csv").open("a", newline="") as file:
        csv.writer(file).writerows(rows)
    found = judge_run(run).verdict
    assert (found.verdict, rules(found)) == ("valid", {"operations-unreported": "note"})
    assert text(found, "operations-unreported").startswith(expected)


@pytest.mark.parametrize(
    ("event", "subject", "verdict", "severity"),
    [
        ("stranger-refused", "192.0.2.66", "valid", "note"),
        ("false-master-refused", "load2/worker-1", "inconclusive", "inconclusive"),
    ],
)
def test_what_is_not_of_the_run_is_a_reason(
    tmp_path: Path, event: str, subject: str, verdict: str, severity: str
) -> None:
    run = Synthetic().write(tmp_path / "run")
    with (run / "events.csv").open("a", newline="") as file:
        csv.writer(file).writerows([["2026-01-01T00:00:00+00:00", "master", event, subject, "refused", "", ""]] * 3)
    found = judge_run(run).verdict
    assert (found.verdict, rules(found)) == (verdict, {event: severity})
    assert text(found, event).count(subject) == 1


@pytest.mark.parametrize(("subject", "expected"), [("stationary", {}), ("limit-reached", {"warm-up-limit": "note"})])
def test_a_warm_up_that_reached_its_limit_is_a_note(tmp_path: Path, subject: str, expected: dict[str, str]) -> None:
    stages = [{"name": "warm-up", "planned_s": None, "limit_s": 60.0}, {"name": "measured", "planned_s": 30.0}]
    run = Synthetic(plan={"stages": stages}).write(tmp_path / "run")
    why = "not stationary within 60 s: the p99 changes by -40% over 10 windows"
    with (run / "events.csv").open("a", newline="") as file:
        csv.writer(file).writerow(["2026-01-01T00:00:00+00:00", "master", "warm-up-ended", subject, why, "", ""])
    found = judge_run(run).verdict
    assert (found.verdict, rules(found)) == ("valid", expected)
    if expected:
        assert why in text(found, "warm-up-limit")


def test_a_worker_lost_after_the_measured_stage_is_a_note(tmp_path: Path) -> None:
    found = judged(tmp_path, worker_lost_at_s=36)
    assert (found.verdict, rules(found)) == ("valid", {"worker-lost": "note"})


def test_a_worker_that_never_came_is_inconclusive(tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    inventory = {
        "groups": {"locust_workers": ["load1", "zk1"]},
        "hosts": {"load1": {"locust_processes": 2}, "zk1": {"locust_processes": 1}},
    }
    write_manifest(run, inventory=inventory, plan=None)
    found = judge_run(run).verdict
    assert found.verdict == "inconclusive"
    assert rules(found) == {"workers-missing": "inconclusive", "no-plan": "note"}
    assert text(found, "workers-missing").startswith("2 of 3 planned workers delivered figures, none of zk1, so")


@pytest.mark.parametrize(
    ("workers", "says"),
    [
        ({"load1": 1, "load2": 1, "load3": 2}, "2 of 4 planned workers delivered figures, none of load3, so the load"),
        ({"load1": 1, "load2": 2}, "2 of 3 planned workers delivered figures, so the load"),
        ({"other1": 4}, "2 of 4 planned workers delivered figures, so the load"),
    ],
)
def test_planned_workers_that_never_came_are_inconclusive(tmp_path: Path, workers: dict[str, int], says: str) -> None:
    """The inventories that are shipped leave `locust_processes` out: only the plan knows the cores of the hosts."""
    plan = {"workers": workers, "expected_workers": sum(workers.values())}
    found = judged(tmp_path, plan=plan)
    assert (found.verdict, rules(found)) == ("inconclusive", {"workers-missing": "inconclusive"})
    assert text(found, "workers-missing").startswith(says)


def test_a_lost_worker_is_not_missing_too(tmp_path: Path) -> None:
    assert rules(judged(tmp_path / "lost", worker_lost_at_s=25)) == {"worker-lost": "inconclusive"}
    both = judged(tmp_path / "both", worker_lost_at_s=25, plan={"expected_workers": 3})
    assert rules(both) == {"worker-lost": "inconclusive", "workers-missing": "inconclusive"}


def test_users_that_never_ran_are_inconclusive(tmp_path: Path) -> None:
    found = judged(tmp_path, plan={"users": 40})
    assert (found.verdict, rules(found)) == ("inconclusive", {"users-missing": "inconclusive"})
    assert text(found, "users-missing").startswith("At most 32 of 40 planned users were running in the measured stage.")


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (["zk1", "zk2", "zk3", "zk4"], "The metrics of 1 of 4 members were not recorded (zk4)."),
        # named by the connect string only: their metrics have the names of AdminServers
        (["a:2181", "b:2181", "c:2181", "d:2181"], "The metrics of 1 of 4 members were not recorded."),
        (["a:2181", "b:2181", "c:2181"], ""),
    ],
)
def test_members_without_metrics_are_a_note(tmp_path: Path, members: list[str], says: str) -> None:
    found = judged(tmp_path, plan={"members": members})
    assert (found.verdict, rules(found)) == ("valid", {"members-missing": "note"} if says else {})
    assert not says or text(found, "members-missing").startswith(says)


def set_cpu(run: Path, worker: str, stage: str, first: int, last: int, cpu: str, waiting: str) -> None:
    """Set a worker's CPU in intervals `first` to `last` of a stage."""
    with (run / "locust-stats.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["worker"] == worker and row["stage"] == stage and first <= int(row["interval"]) <= last:
            row["cpu_percent"], row["cpu_wait_percent"] = cpu, waiting
    with (run / "locust-stats.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("stage", "first", "last", "cpu", "waiting", "short"),
    [
        ("measured", 0, 2, "60", "31", True),  # 3 of 30 intervals, waiting counts
        ("measured", 0, 2, "60", "29", False),  # just below the threshold
        ("measured", 0, 1, "99", "0", False),  # 2 of 30 are too few
        ("measured", 0, 29, "91", "0", True),
        ("measured", 0, 0, "100", "0", False),  # one interval is a hiccup
        ("warm-up", 0, 4, "100", "0", False),  # only the measured stage counts
    ],
)
def test_a_worker_short_of_cpu_is_inconclusive(
    tmp_path: Path, stage: str, first: int, last: int, cpu: str, waiting: str, short: bool
) -> None:
    run = Synthetic().write(tmp_path / "run")
    set_cpu(run, "load2", stage, first, last, cpu, waiting)
    found = judge_run(run).verdict
    assert rules(found) == ({"cpu-short": "inconclusive"} if short else {})
    if short:
        assert "1 of 2 workers were short of CPU: load2 wanted" in text(found, "cpu-short")


def test_one_short_interval_is_a_hiccup_also_in_a_short_run(tmp_path: Path) -> None:
    run = Synthetic(operations={"get": 3000.0}, run_time_s=5).write(tmp_path / "run")
    set_cpu(run, "load2", "measured", 2, 2, "100", "0")
    assert judge_run(run).verdict.reasons == ()
    set_cpu(run, "load2", "measured", 2, 3, "100", "0")
    assert rules(judge_run(run).verdict) == {"cpu-short": "inconclusive"}


def test_waiting_for_a_core_is_a_note(tmp_path: Path) -> None:
    found = judged(tmp_path, cpu_wait_percent=14)
    assert (found.verdict, rules(found)) == ("valid", {"cpu-wait": "note"})


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ({"slip_us": 20.0, "client_delay_us": 20.0}, "Response times contain the waits before an operation was sent;"),
        ({"slip_us": 20.0, "client_delay_us": 20.0}, "service times contain only those that began as it was sent,"),
        ({"client_delay_us": 20.0}, "Service times contain none of these waits"),
        ({"client_delay_us": 20.0}, ", except those that began as an operation was sent,"),
        ({}, "The latencies contain these waits."),
    ],
    ids=["open", "open, service time", "closed", "closed, what is sent", "arrivals unknown"],
)
def test_latencies_contain_the_waits_that_their_clock_sees(tmp_path: Path, load: dict[str, Any], said: str) -> None:
    assert said in text(judged(tmp_path, cpu_wait_percent=14, **load), "cpu-wait")


def test_much_waiting_for_a_core_leaves_nothing_to_conclude(tmp_path: Path) -> None:
    found = judged(tmp_path, cpu_wait_percent=30)
    assert (found.verdict, rules(found)) == ("inconclusive", {"cpu-wait": "inconclusive"})


def test_a_stall_without_any_success_is_inconclusive(tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    stats, distributions = run / "locust-stats.csv", run / "locust-distrib.jsonl"
    lines = [json.loads(line) for line in distributions.read_text().splitlines()]
    still = [line for line in lines if line["stage"] == "measured" and line["interval"] == 13]
    distributions.write_text("".join(json.dumps(line) + "\n" for line in lines if line not in still))
    lost = sum(line["requests"] for line in still)
    with stats.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:  # the totals agree with the distributions: nothing was lost, nothing happened
        if (
            row["name"] == "Aggregated"
            and row["worker"] == "all"
            and row["stage"] == "measured"
            and int(row["interval"]) >= 13
        ):
            row["requests"] = str(int(row["requests"]) - lost)
    with stats.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = judge_run(run).verdict
    assert (found.verdict, rules(found)) == ("inconclusive", {"stalls": "inconclusive"})
    assert "1 of 30 measured intervals, the first at 18 s" in text(found, "stalls")


def test_unknown_cpu_is_a_note(tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    for worker in ("load1", "load2"):
        set_cpu(run, worker, "measured", 0, 29, "", "")
    found = judge_run(run).verdict
    assert (found.verdict, rules(found)) == ("valid", {"cpu-unknown": "note"})


def test_unreadable_figures_are_inconclusive(tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    content = (run / "locust-distrib.jsonl").read_bytes()
    (run / "locust-distrib.jsonl").write_bytes(content[:-5])
    found = judge_run(run).verdict
    assert (found.verdict, rules(found)) == ("inconclusive", {"figures-incomplete": "inconclusive"})
    assert "locust-distrib.jsonl:" in text(found, "figures-incomplete")


def test_a_missing_file_of_metrics_does_not_change_the_verdict(sound_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(sound_run, tmp_path / "run"))
    (run / "zk-metrics.csv").unlink()
    assert judge_run(run).verdict.verdict == "valid"


def test_counts_that_disagree_are_inconclusive(tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    lines = (run / "locust-distrib.jsonl").read_text().splitlines()
    measured = next(i for i, line in enumerate(lines) if json.loads(line)["stage"] == "measured")
    del lines[measured]
    (run / "locust-distrib.jsonl").write_text("\n".join(lines) + "\n")
    found = judge_run(run).verdict
    assert (found.verdict, rules(found)) == ("inconclusive", {"figures-disagree": "inconclusive"})


def test_overflows_are_inconclusive(tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    lines = [json.loads(line) for line in (run / "locust-distrib.jsonl").read_text().splitlines()]
    changed = next(line for line in lines if line["stage"] == "measured")
    first = next(iter(changed["histogram"]))
    changed["histogram"][first] -= 1
    changed["overflows"] = 1
    (run / "locust-distrib.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert rules(judge_run(run).verdict) == {"overflows": "inconclusive"}


@pytest.mark.parametrize(("down", "expected"), [((10.0, 20.0), {"member-unreachable": "note"}), ((0.0, 4.0), {})])
def test_a_member_that_did_not_answer_in_the_measured_stage_is_a_note(
    tmp_path: Path, down: tuple[float, float], expected: dict[str, str]
) -> None:
    found = judged(tmp_path, member_down=down)
    assert (found.verdict, rules(found)) == ("valid", expected)


def test_few_operations_are_a_note(tmp_path: Path) -> None:
    found = judged(tmp_path, operations={"get": 100.0})
    assert (found.verdict, rules(found)) == ("valid", {"few-operations": "note"})


def test_what_preflight_had_to_say_is_a_note(tmp_path: Path) -> None:
    found = judged(tmp_path, manifest={"warnings": ["zk1: its clock is 0.3 s ahead of the controller's"]})
    assert (found.verdict, rules(found)) == ("valid", {"preflight-warning": "note"})
    assert found.reasons[0].text == "Preflight warned: zk1: its clock is 0.3 s ahead of the controller's."


def test_what_did_not_come_home_is_a_note(tmp_path: Path) -> None:
    found = judged(tmp_path, manifest={"missing": ["load3: its files could not be fetched, it cannot be reached"]})
    assert (found.verdict, rules(found)) == ("valid", {"files-missing": "note"})


def test_warnings_that_are_no_list_are_a_problem(tmp_path: Path) -> None:
    run = Synthetic(manifest={"warnings": "none"}).write(tmp_path / "run")
    assert [str(problem) for problem in judge_run(run).run.problems] == ["manifest.json: warnings is not a list"]


def test_the_gravest_reasons_come_first_and_every_text_is_one_line(tmp_path: Path) -> None:
    found = judged(tmp_path, failures_in_stall=2, worker_lost_at_s=25, member_down=(10.0, 20.0))
    assert [reason.severity for reason in found.reasons] == ["inconclusive", "note", "note"]
    assert all("\n" not in reason.text and reason.text.endswith(".") for reason in found.reasons)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.001, "0.1 %"), (0.0, "0 %"), (0.00004, "0.004 %"), (0.0123, "1.2 %"), (1.0, "100.0 %")]
)
def test_a_share_above_nothing_never_reads_as_nothing(share: float, expected: str) -> None:
    assert percent(share) == expected
