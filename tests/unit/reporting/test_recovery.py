"""How the load recovered from planned faults: figures that were planted, and what they change of the verdict."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from locust_extra.columns import MOMENT_COLUMNS, SESSION_COLUMNS
from reporting import judge_run
from reporting.analyse.moments import placed_moments
from reporting.render import markdown, page, recovery_tables, report_data
from reporting.render.recovery_charts import of_faults, steps
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import RUN_ID, START, Synthetic
from zk_locust.contract.faults.planned import PlannedFault

STEP_S = 0.05
RATE = {"get": 400.0, "set": 200.0}  # a second
KILLED_S, PAUSED_S = 12.0, 22.0  # since the load started; the measured stage is from 5 to 35 s
PLAN = [PlannedFault(1, 7.0, "kill", ("leader",)), PlannedFault(2, 17.0, "pause", ("leader",), 3.0)]
Rate = Callable[[str, float], float]


def stamp(at_s: float) -> str:
    return (START + timedelta(seconds=at_s)).isoformat(timespec="microseconds")


def note(number: int, do: str, at_s: float, lasted_s: float | None, **more: Any) -> dict[str, Any]:
    ended = None if lasted_s is None else stamp(at_s + lasted_s)
    return {"number": number, "member": "zk1", "do": do, "state": "healed", "began": stamp(at_s), "ended": ended,
            "lasted_s": lasted_s, "error": "", **more}  # fmt: skip


def away(name: str, at_s: float) -> float:
    """The planted load: after the kill reads are back after 0.4 s, writes after 0.8 s; the pause stops all for 3 s."""
    gap_s = 0.4 if name == "get" else 0.8
    if KILLED_S <= at_s < KILLED_S + gap_s or PAUSED_S <= at_s < PAUSED_S + 3:
        return 0.0
    return 1.0


def write_moments(folder: Path, share: Rate, failed_at_s: tuple[float, ...] = ()) -> None:
    """Write what one worker tells in each 50 ms."""
    (folder / "logs" / "load1").mkdir()
    with (folder / "logs" / "load1" / "moments-worker-1.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(MOMENT_COLUMNS)
        for place in range(int(37 / STEP_S)):
            start_s, end_s = place * STEP_S, (place + 1) * STEP_S
            times = [f"{START.timestamp() + at:.6f}" for at in (start_s, end_s)]
            for name, rate in RATE.items():
                count = round(rate * STEP_S * share(name, start_s))
                failures = sum(start_s <= at < end_s for at in failed_at_s) if name == "set" else 0
                cut_off = 4 if name == "set" and start_s <= KILLED_S + 0.2 < end_s else 0
                if count or failures or cut_off:
                    above = 5 if name == "get" and start_s <= KILLED_S + 0.5 < end_s else 0
                    told = [count, failures, count * 500, 900 if count else "", "", cut_off, above]
                    writer.writerow([*times, "zookeeper", name, *told])
            if PAUSED_S < end_s <= PAUSED_S + 3 and place % 4 == 0:
                writer.writerow([*times, "", "", 0, 0, 0, "", round((end_s - PAUSED_S) * 1e6), 0, ""])


SESSIONS = [
    (KILLED_S - 6, KILLED_S - 5.8, "silent", "0x1", "zk2:2181", ""),  # before it
    (KILLED_S - 0.02, KILLED_S + 0.7, "silent", "0x1", "zk2:2181", ""),
    (KILLED_S + 0.1, KILLED_S + 0.9, "silent", "0x2", "zk2:2181", ""),
    (KILLED_S + 0.2, KILLED_S + 0.2, "moved", "0x1", "zk2:2181", "zk1:2181"),
    (KILLED_S + 0.4, KILLED_S + 0.4, "moved", "0x2", "zk3:2181", "zk1:2181"),
    (KILLED_S + 2, KILLED_S + 2, "moved", "0x2", "zk2:2181", "zk3:2181"),  # again
    (KILLED_S + 5, KILLED_S + 9, "silent", "0x2", "zk2:2181", ""),  # another's
    (PAUSED_S + 0.5, 38.0, "unanswered", "0x3", "zk1:2181", ""),
    (PAUSED_S + 2, PAUSED_S + 2, "replaced", "0x4", "zk1:2181", "0x1"),
]


def write_sessions(folder: Path) -> None:
    with (folder / "logs" / "load1" / "sessions-worker-1.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(SESSION_COLUMNS)
        for start_s, end_s, *rest in SESSIONS:
            writer.writerow([*(f"{START.timestamp() + at:.6f}" for at in (start_s, end_s)), *rest])


def faulty(folder: Path, share: Rate = away, **changes: Any) -> JudgedRun:
    """Return a run in which a leader was killed and another paused."""
    notes = [note(1, "kill", KILLED_S, 0.1), note(2, "pause", PAUSED_S, 3.0)]
    manifest = {"faults": {"zk1": notes}} | changes.pop("manifest", {})
    plan = changes.pop("plan", PLAN)
    failed_at_s = changes.pop("failed_at_s", (12.06, 12.1))
    more = changes.pop("events", [])
    stall_at_s = None if "rate_factor" in changes else PAUSED_S
    run = Synthetic(stall_at_s=stall_at_s, stall_s=3, **changes)
    written = run.write(folder / RUN_ID)
    content = json.loads((written / "manifest.json").read_text()) | manifest
    content["scenario"]["parameters"] = {"client": "native", "stats-objective": "20ms"}
    content["scenario"]["faults"] = [fault.as_dict() for fault in plan]
    (written / "manifest.json").write_text(json.dumps(content))
    write_moments(written, share, failed_at_s)
    write_sessions(written)
    with (written / "events.csv").open("a", newline="") as file:
        rows = [[stamp(KILLED_S + 0.05), "zk2", "election", "zk2", "leader", "0.500000", "zk2"],
                [stamp(KILLED_S + 0.05), "zk3", "election", "zk3", "follower", "0.600000", "zk3"],
                [stamp(PAUSED_S + 4), "zk2", "session-expired", "zk2", "1,012 sessions", "", "zk2"],
                [stamp(PAUSED_S + 6), "zk2", "session-expired", "zk2", "1 session", "", "zk2"]]  # fmt: skip
        csv.writer(file).writerows(rows + more)
    return judge_run(written)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    return faulty(tmp_path_factory.mktemp("results"))


def rules(judged: JudgedRun) -> dict[str, str]:
    return {reason.rule: reason.severity for reason in judged.verdict.reasons}


def test_planted_times_are_found_to_within_a_moment(judged: JudgedRun) -> None:
    killed, paused = judged.recoveries
    assert (killed.title, killed.members, paused.title) == ("kill leader", ("zk1",), "pause leader for 3 s")
    assert killed.start_s == pytest.approx(KILLED_S, abs=0.001)
    assert killed.end_s == pytest.approx(KILLED_S + 0.1, abs=0.001)
    assert killed.rate_before_per_s == pytest.approx(600, rel=0.01)
    assert killed.after_first_failure_s == pytest.approx(0.1, abs=STEP_S)
    assert killed.after_leader_s == pytest.approx(0.55, abs=0.001)
    assert killed.after_read_s == pytest.approx(0.4, abs=STEP_S + 0.001)
    assert killed.after_write_s == pytest.approx(0.8, abs=STEP_S + 0.001)
    assert killed.after_rate_s == pytest.approx(0.8, abs=2 * STEP_S)
    assert killed.failures == 2
    assert paused.after_read_s == paused.after_write_s == pytest.approx(3.0, abs=STEP_S + 0.001)
    assert paused.after_rate_s == pytest.approx(3.0, abs=0.25)
    assert paused.after_leader_s is None
    assert paused.after_first_failure_s is None
    assert paused.silence_s == pytest.approx(3.0, abs=0.21)
    assert (killed.expired, paused.expired) == (0, 1013)
    assert paused.recovered_s == max(3.0, paused.after_write_s or 0, paused.after_rate_s or 0)
    assert paused.after_p99_s is not None
    assert paused.after_p99_s >= 3.0


def test_planted_fates_of_sessions_are_found(judged: JudgedRun) -> None:
    killed, paused = judged.recoveries
    assert (killed.censored, killed.above) == (4, 5)
    assert killed.session_silence_s == pytest.approx(0.8, abs=0.001)
    assert (killed.session_answered, killed.moved, killed.lost) == (True, 2, 0)
    assert paused.session_silence_s == pytest.approx(paused.until_s - PAUSED_S - 0.5, abs=0.001)
    assert (paused.session_answered, paused.moved, paused.lost) == (False, 0, 1)


def test_a_run_of_an_older_version_knows_nothing_of_sessions(judged: JudgedRun, tmp_path: Path) -> None:
    copy = tmp_path / judged.run.path.name
    shutil.copytree(judged.run.path, copy)
    (copy / "logs" / "load1" / "sessions-worker-1.csv").unlink()
    moments = copy / "logs" / "load1" / "moments-worker-1.csv"
    moments.write_text("".join(f"{line.rsplit(',', 2)[0]}\n" for line in moments.read_text().splitlines()))
    older = judge_run(copy)
    killed = older.recoveries[0]
    assert killed.after_write_s == judged.recoveries[0].after_write_s
    assert (killed.censored, killed.above, killed.session_silence_s, killed.moved, killed.lost) == (None,) * 5
    assert older.run.problems == judged.run.problems
    assert "What the faults cost" in markdown.render(older, [])


def test_a_fault_that_nobody_felt_is_over_at_once(tmp_path: Path) -> None:
    felt = faulty(tmp_path, lambda _name, _at_s: 1.0, failed_at_s=())
    for each in felt.recoveries:
        assert (each.after_read_s, each.after_write_s, each.after_rate_s) == (0.0, 0.0, 0.0)
        assert each.after_first_failure_s is None
        assert each.failures == 0


def test_the_first_failure_is_the_first_beyond_the_usual_ones(tmp_path: Path) -> None:
    usual = (KILLED_S - 1.98, KILLED_S - 0.98, KILLED_S + 0.42)
    for folder, own, after_s in (("burst", (1.02,) * 4, 1.05), ("trickle", (1.02, 1.22, 1.42), None)):
        killed, _ = faulty(tmp_path / folder, failed_at_s=(*usual, *(KILLED_S + at for at in own))).recoveries
        assert killed.failures >= 2
        assert killed.after_first_failure_s == (None if after_s is None else pytest.approx(after_s, abs=STEP_S + 0.001))


def test_what_does_not_come_back_is_not_seen(tmp_path: Path) -> None:
    def lower(name: str, at_s: float) -> float:
        return 0.0 if at_s >= PAUSED_S and name == "set" else 0.5 if at_s >= KILLED_S else 1.0

    killed, paused = faulty(tmp_path, lower).recoveries
    assert killed.after_rate_s is None
    assert killed.after_write_s == 0.0
    assert paused.after_write_s is None
    assert paused.recovered_s is None


STOPS_S = {"zk1": KILLED_S - 4, "zk3": KILLED_S - 2, "zk2": KILLED_S}
ROLLING = [PlannedFault(1, 3.0, "rolling-restart", ("all",)), PlannedFault(2, 17.0, "pause", ("zk1",), 3.0)]


def rolled(folder: Path, *names: str) -> JudgedRun:
    """A rolling restart of these members, the last of which interrupts the load."""
    notes = {name: [note(1, "restart", STOPS_S[name], 0.1)] for name in names}
    notes["zk1"] += [note(2, "pause", PAUSED_S, 3.0)]
    left = [name for name in STOPS_S if name not in names]
    why = [
        f"fault 1 (rolling-restart): {name}: left out, because no answer came when asked for the role" for name in left
    ]
    return faulty(folder, plan=ROLLING, manifest={"faults": notes, "faults_not_done": why})


def row_of(judged: JudgedRun, number: int) -> dict[str, str]:
    table = recovery_tables.recoveries(judged)
    assert table is not None
    return dict(zip(table.head, table.rows[number - 1], strict=True))


def test_the_gap_of_a_rolling_restart_is_told_with_its_end_since_the_first_stop(tmp_path: Path) -> None:
    judged = rolled(tmp_path, *STOPS_S)
    restarted, paused = judged.recoveries
    assert (restarted.rolling, paused.rolling) == (True, False)
    assert restarted.write_gap_s == pytest.approx(0.8, abs=STEP_S + 0.001)
    assert restarted.read_gap_s == pytest.approx(0.4, abs=STEP_S + 0.001)
    assert restarted.after_write_s == pytest.approx(4.8, abs=STEP_S + 0.001)
    said = re.fullmatch(r"(\d+) ms, until (\d\.\d+) s", row_of(judged, 1)["Writes again"])
    assert said is not None
    assert int(said[1]) == pytest.approx(800, abs=51)
    assert float(said[2]) == pytest.approx(4.8, abs=0.06)
    assert "until" not in row_of(judged, 2)["Writes again"]
    assert "times are from the stop of the first member" in markdown.render(judged, [])


def test_a_member_that_a_rolling_restart_left_out_is_named(tmp_path: Path) -> None:
    judged = rolled(tmp_path, "zk1", "zk2")
    assert row_of(judged, 1)["Done to"] == "zk1, zk2, not zk3"
    assert row_of(judged, 2)["Done to"] == "zk1"
    (reason,) = [each for each in judged.verdict.reasons if each.rule == "faults-not-done"]
    assert "zk3: left out, because no answer came when asked for the role" in reason.text
    assert "Not done: fault 1 (rolling-restart): zk3: left out" in markdown.render(judged, [])


def test_a_planned_fault_is_no_defect_of_the_run(judged: JudgedRun) -> None:
    found = rules(judged)
    assert found["faults"] == "note"
    assert "stalls" not in found
    assert "not-stationary" not in found


@pytest.mark.parametrize(("paused_s", "stalls"), [(PAUSED_S, False), (29.0, True)])
def test_a_stall_is_held_against_a_run_unless_a_fault_caused_it(tmp_path: Path, paused_s: float, stalls: bool) -> None:
    def rate(at_s: float) -> float:
        return 0.0 if PAUSED_S <= at_s < PAUSED_S + 3 else 1.0

    notes = [note(1, "kill", KILLED_S, 0.1), note(2, "pause", paused_s, 3.0)]
    run = faulty(tmp_path, manifest={"faults": {"zk1": notes}}, rate_factor=rate)
    assert ("stalls" in rules(run)) is stalls
    assert rules(run)["faults"] == "note"


def looking(member: str, at_s: float) -> dict[str, object]:
    """A poll of a member, whose count of elections grows with the kill."""
    return {"looking_count": 2 if at_s > KILLED_S + 1 and member != "zk1" else 1}


def test_an_election_is_held_against_a_run_unless_a_fault_caused_it(tmp_path: Path) -> None:
    assert "leader-change" not in rules(faulty(tmp_path / "planned", poll=looking))
    notes = [note(1, "kill", 29.0, 0.1), note(2, "pause", PAUSED_S, 3.0)]
    other = faulty(tmp_path / "other", poll=looking, manifest={"faults": {"zk1": notes}})
    assert rules(other)["leader-change"] == "inconclusive"


@pytest.mark.parametrize(("member", "is_held"), [("zk1", False), ("zk2", True)])
def test_a_member_that_comes_back_late_is_not_held_against_a_run(tmp_path: Path, member: str, is_held: bool) -> None:
    late = [stamp(KILLED_S + 7), member, "election", member, "follower", "1.000000", member]
    run = faulty(tmp_path, poll=looking, events=[late])
    assert (rules(run).get("leader-change") == "inconclusive") is is_held


def test_lost_packets_are_not_held_against_a_run_that_lost_them_on_purpose(tmp_path: Path) -> None:
    def sample(_host: str, process: str, _at_s: float) -> dict[str, object]:
        return {} if process else {"tcp_retransmits_per_s": 40.0}

    def found(folder: Path, do: str) -> bool:
        notes = [note(1, do, KILLED_S, 0.1), note(2, "pause", PAUSED_S, 3.0)]
        run = faulty(folder, manifest={"faults": {"zk1": notes}}, host_sample=sample)
        return any(reason.rule == "retransmissions" for figure in run.figures for reason in figure.reasons)

    assert found(tmp_path / "kill", "kill")
    assert not found(tmp_path / "loss", "loss")


def test_failures_in_a_window_are_a_note_and_others_are_not(tmp_path: Path) -> None:
    within = tuple(PAUSED_S + 0.01 * place for place in range(290))
    planned = faulty(tmp_path / "planned", failures_in_stall=48, failed_at_s=within)
    assert planned.recoveries[1].failures == 290
    assert rules(planned)["failures"] == "note"
    elsewhere = faulty(tmp_path / "elsewhere", failures_in_stall=48, failed_at_s=())
    assert rules(elsewhere)["failures"] == "inconclusive"


def test_a_fault_of_a_load_host_makes_the_run_inconclusive(tmp_path: Path) -> None:
    assert "load-disturbed" not in rules(faulty(tmp_path / "members"))
    of_load = faulty(tmp_path / "load", manifest={"faults": {"load1": [note(1, "pause", KILLED_S, 3.0)]}})
    assert rules(of_load)["load-disturbed"] == "inconclusive"
    (reason,) = [reason for reason in of_load.verdict.reasons if reason.rule == "load-disturbed"]
    assert "(kill leader at 12 s)" in reason.text


def test_a_fault_that_was_not_done_makes_the_run_inconclusive(tmp_path: Path) -> None:
    manifest = {"faults": {"zk1": [note(1, "kill", KILLED_S, 0.1)]}, "faults_not_done": ["fault 2 (x): no leader"]}
    run = faulty(tmp_path, manifest=manifest)
    assert rules(run)["faults-not-done"] == "inconclusive"
    assert any("1 of 2 planned faults" in reason.text for reason in run.verdict.reasons)
    assert "Not done: fault 2 (x): no leader." in markdown.render(run, [])


def test_faults_of_a_dispatcher_are_recovered_from_and_judged_as_planned_ones(tmp_path: Path) -> None:
    asked = [note(1, "stop", KILLED_S, 0.1, asked_by="dispatcher"), note(2, "stop", PAUSED_S, 3, asked_by="dispatcher")]
    done = faulty(tmp_path / "done", plan=[], manifest={"faults": {"zk1": asked}})
    assert [each.title for each in done.recoveries] == ["stop zk1 by the dispatcher"] * 2
    assert done.recoveries[0].after_write_s == pytest.approx(0.8, abs=STEP_S + 0.001)
    texts = {reason.rule: reason.text for reason in done.verdict.reasons}
    assert texts["faults"].startswith(
        "2 faults were done (stop zk1 by the dispatcher, stop zk1 by the dispatcher): the"
    )
    assert "faults-not-done" not in texts
    assert "2: stop zk1 by the dispatcher" in markdown.render(done, [])

    refused = {"faults": {"zk1": asked}, "faults_not_done": ["dispatcher: disable zk2: 1 of the others serve"]}
    failed = [[stamp(KILLED_S), "master", "dispatch-failed", "zk2:2181", "disable: 1 of the others serve", "", ""]]
    run = faulty(tmp_path / "refused", plan=[], manifest=refused, events=failed)
    texts = {reason.rule: reason.text for reason in run.verdict.reasons}
    assert texts["faults-not-done"].startswith("Not all that was asked for was done: dispatcher: disable zk2: 1 of the")
    assert texts["dispatch-failed"].startswith(
        "The dispatcher has failed once: zk2:2181, disable: 1 of the others serve"
    )
    broken = {"zk1": [asked[0], asked[1] | {"error": "it does not stop"}]}
    run = faulty(tmp_path / "broken", plan=[], manifest={"faults": broken})
    texts = {reason.rule: reason.text for reason in run.verdict.reasons}
    assert texts["faults-not-done"].startswith("1 of 2 faults were not done, or not completely (fault 2)")


def test_a_fault_that_met_only_some_members_makes_the_run_inconclusive(tmp_path: Path) -> None:
    notes = [note(1, "kill", KILLED_S, 0.1), note(2, "pause", PAUSED_S, 3.0)]
    part = faulty(tmp_path / "part", manifest={"faults_not_done": ["fault 1 (kill majority): zk2: timed out"]})
    assert rules(part)["faults-not-done"] == "inconclusive"
    broken = {"zk1": notes, "zk2": [note(1, "kill", KILLED_S, 0.0, error="its process does not end")]}
    assert rules(faulty(tmp_path / "broken", manifest={"faults": broken}))["faults-not-done"] == "inconclusive"


def test_a_fault_that_met_nothing_makes_the_run_inconclusive(tmp_path: Path) -> None:
    def run(name: str, **met: int | None) -> JudgedRun:
        notes = {host: [note(1, "loss", KILLED_S, 0.1, met=count)] for host, count in met.items()}
        notes["zk1"] += [note(2, "pause", PAUSED_S, 3.0)]
        plan = [PlannedFault(1, 7.0, "loss", ("minority",), 2.0, percent=50.0), PLAN[1]]
        return faulty(tmp_path / name, manifest={"faults": notes}, plan=plan)

    nothing = run("nothing", zk1=0)
    assert rules(nothing)["fault-met-nothing"] == "inconclusive"
    (text,) = [reason.text for reason in nothing.verdict.reasons if reason.rule == "fault-met-nothing"]
    assert text.startswith("Fault 1 (loss 50% minority for 2 s) met no packets at zk1: nothing passed between")
    assert "fault-met-nothing" not in rules(run("some", zk1=0, zk2=1234))
    assert "zk1, zk2 (1,234 packets)" in markdown.render(run("told", zk1=0, zk2=1234), [])
    assert "fault-met-nothing" not in rules(run("unknown", zk1=None))


def test_an_upgrade_that_met_only_some_members_makes_the_run_inconclusive(tmp_path: Path) -> None:
    plan = [PlannedFault(1, 7.0, "rolling-upgrade", ("all",), to="3.9.3"), PLAN[1]]
    paused = note(2, "pause", PAUSED_S, 3.0)

    def upgraded(*names: str) -> JudgedRun:
        found = {name: [note(1, "rolling-upgrade", KILLED_S, 0.1)] for name in names}
        found["zk1"] = [*found["zk1"], paused]
        return faulty(tmp_path / str(len(names)), manifest={"faults": found}, plan=plan)

    assert rules(upgraded("zk1", "zk2"))["faults-not-done"] == "inconclusive"
    assert "faults-not-done" not in rules(upgraded("zk1", "zk2", "zk3"))


def test_failures_that_were_there_before_are_not_those_of_a_fault(tmp_path: Path) -> None:
    steadily = tuple(6 + 0.1 * place for place in range(290))
    killed, _ = faulty(tmp_path, lambda _name, _at_s: 1.0, failed_at_s=steadily).recoveries
    assert killed.failures <= 3
    assert killed.settled_s < KILLED_S + 8  # and not until the next fault


def test_reads_alone_recover(tmp_path: Path) -> None:
    killed, _ = faulty(
        tmp_path, lambda name, at_s: 0.0 if name == "set" else away(name, at_s), failed_at_s=()
    ).recoveries
    assert not killed.writes
    assert killed.recovered_s == killed.after_rate_s


def test_the_time_before_a_fault_is_not_that_of_another(tmp_path: Path) -> None:
    notes = [note(1, "kill", PAUSED_S - 1, 0.1), note(2, "pause", PAUSED_S, 3.0)]
    _, paused = faulty(tmp_path, manifest={"faults": {"zk1": notes}}).recoveries
    assert paused.rate_before_per_s is None


def test_a_fault_that_is_not_healed_is_said(tmp_path: Path) -> None:
    notes = [note(1, "kill", KILLED_S, 0.1), note(2, "pause", PAUSED_S, None, state="begun")]
    assert rules(faulty(tmp_path, manifest={"faults": {"zk1": notes}}))["fault-not-healed"] == "inconclusive"


@pytest.mark.parametrize(
    "faults", [3, {"zk1": 3}, {"zk1": [3]}, {"zk1": [{}]}, {"zk1": [note(1, "kill", 1, 1) | {"began": "x"}]}]
)
def test_faults_of_another_shape_are_a_problem_and_left_out(tmp_path: Path, faults: Any) -> None:
    run = faulty(tmp_path, manifest={"faults": faults})
    assert run.recoveries == ()


def test_the_report_has_a_table_a_chart_of_each_and_the_figures(judged: JudgedRun) -> None:
    figures = of_faults(judged)
    assert [figure.slug for figure in figures] == ["fault-1", "fault-2"]
    for figure in figures:
        assert figure.page_spec()["layer"]
        assert figure.file_spec("x")["layer"]
    text = markdown.render(judged, figures)
    assert "## Faults and recovery" in text
    assert "| 1: kill leader | zk1 | 12 s | 100 ms |" in text
    assert "### What the faults cost" in text
    assert "| 1: kill leader | 2 | 4 | 5 | 0.900 ms | 800 ms | 2 | 0 | 0 |" in text
    assert "Faults and recovery" in page.render(judged, figures)
    assert "Above 20 ms" in page.render(judged, figures)
    told = report_data.as_json(judged)["faults"]
    assert [fault["number"] for fault in told] == [1, 2]
    assert [(fault["client"], fault["objective"], fault["lost"]) for fault in told] == [
        ("native", "20 ms", 0),
        ("native", "20 ms", 1),
    ]
    assert json.loads(json.dumps(told)) == json.loads(json.dumps(told, allow_nan=False))


def test_a_chart_counts_each_operation_once(judged: JudgedRun) -> None:
    killed = judged.recoveries[0]
    found = steps(killed, placed_moments(judged.run, judged.timeline))
    succeeded = found[found["series"] == "succeeded"]
    assert succeeded["time_s"].min() == pytest.approx(-4.95)
    assert succeeded[succeeded["time_s"].between(-3, -1)]["per_s"].mean() == pytest.approx(600, rel=0.05)
    assert succeeded[succeeded["time_s"].between(0.1, 0.3)]["per_s"].max() == 0
    assert found[found["series"] == "failed"]["per_s"].sum() == pytest.approx(2 / 0.1)


def test_a_run_without_faults_has_none_of_this(sound: JudgedRun) -> None:
    assert sound.recoveries == ()
    assert of_faults(sound) == []
    assert "Faults and recovery" not in markdown.render(sound, [])
