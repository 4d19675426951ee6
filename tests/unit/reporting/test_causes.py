"""Which causes stand out among the slow operations, and which are left to chance."""

from pathlib import Path

import pytest

from reporting import judge_run
from reporting.analyse.causes import Coverage
from reporting.analyse.why import Why
from reporting.render import cause_tables
from tests.unit.reporting.slow_runs import SlowRun
from tests.unit.reporting.synthetic import Synthetic


@pytest.fixture
def run() -> SlowRun:
    return SlowRun()


def why(run: SlowRun, folder: Path) -> Why:
    return judge_run(run.write(folder / "run")).why


def found(reasons: Why, words: str) -> Coverage:
    return next(one for one in reasons.causes.coverages if one.cause.words == words)


def test_pauses_that_held_operations_up_stand_out(run: SlowRun, tmp_path: Path) -> None:
    for at_s in (20.0, 41.5):
        run.stall(at_s, 0.3, member="zk2:2182")
        run.event("gc-pause", "zk2", at_s, 0.3)
    run.scattered(10)
    reasons = why(run, tmp_path)
    pauses = found(reasons, "GC pause of zk2")
    assert pauses.stands_out
    assert pauses.share == pytest.approx(0.8, abs=0.05)
    assert pauses.chance < 0.03
    assert reasons.causes.explained == pauses.share
    assert "were under way during GC pauses of zk2" in cause_tables.sentence(reasons)
    assert f"{100 * (1 - pauses.share):.1f} % are unexplained" in cause_tables.sentence(reasons)


def test_pauses_at_other_times_do_not_stand_out(run: SlowRun, tmp_path: Path) -> None:
    run.scattered(40)
    for number in range(100):
        run.event("gc-pause", "zk1", 5 + 0.6 * number, 0.06)
    reasons = why(run, tmp_path)
    pauses = found(reasons, "GC pause of zk1")
    assert pauses.share == pytest.approx(pauses.chance, abs=0.15)
    assert not pauses.stands_out
    assert reasons.causes.explained == 0
    assert "They are unexplained." in cause_tables.sentence(reasons)


def test_one_stall_during_a_long_window_is_one_piece_of_evidence(run: SlowRun, tmp_path: Path) -> None:
    """Thirty operations met a window that covers a sixth of the time, but all of them at once."""
    run.stall(30.0, 0.3, count=30)
    run.event("jvm-pause", "zk1", 25.0, 10.0)
    pauses = found(why(run, tmp_path), "JVM pause of zk1")
    assert pauses.share == 1
    assert pauses.p > 0.1
    assert not pauses.stands_out


def test_a_short_pause_does_not_explain_a_long_operation(run: SlowRun, tmp_path: Path) -> None:
    run.stall(30.0, 0.3)
    run.event("gc-pause", "zk1", 30.1, 0.004)
    assert why(run, tmp_path).causes.coverages == ()


@pytest.mark.parametrize(
    ("operation", "concerned"),
    [
        (("zk3:2183", "get"), True),
        (("zk1:2181", "get"), False),
        (("zk1:2181", "set"), False),
        (("", "get"), True),
    ],
)
def test_a_pause_of_a_follower_concerns_its_sessions(
    run: SlowRun, tmp_path: Path, operation: tuple[str, str], concerned: bool
) -> None:
    run.stall(30.0, 0.3, member=operation[0], name=operation[1])
    run.event("gc-pause", "zk3", 30.0, 0.3)
    assert bool(why(run, tmp_path).causes.coverages) == concerned


@pytest.mark.parametrize(("sent_s", "concerned"), [(30.2, True), (30.05, False)])
def test_a_pause_concerns_what_waited_for_a_free_session(
    run: SlowRun, tmp_path: Path, sent_s: float, concerned: bool
) -> None:
    """Most sessions wait for the paused leader, and another one serves the operation at last."""
    for _ in range(20):
        run.operation(30.0, 0.3, due_s="30.0", sent_s=f"{sent_s}")
    run.event("gc-pause", "zk2", 30.0, 0.3)
    assert bool(why(run, tmp_path).causes.coverages) == concerned


@pytest.mark.parametrize(("name", "concerned"), [("set", True), ("create a lock", True), ("get", False)])
def test_a_pause_of_the_leader_concerns_writes_of_all_members(
    run: SlowRun, tmp_path: Path, name: str, concerned: bool
) -> None:
    run.stall(30.0, 0.3, name=name)
    run.event("gc-pause", "zk2", 30.0, 0.3)
    assert bool(why(run, tmp_path).causes.coverages) == concerned


def test_an_election_concerns_all_members_and_is_one_cause(run: SlowRun, tmp_path: Path) -> None:
    for member in (1, 2, 3):
        run.stall(30.0, 2.0, member=f"zk{member}:218{member}")
        run.event("election", f"zk{member}", 30.0 + 0.1 * member, 1.8 - 0.1 * member)
    election = found(why(run, tmp_path), "election")
    assert election.share == 1
    assert election.stands_out


def test_a_late_worker_concerns_its_own_operations(run: SlowRun, tmp_path: Path) -> None:
    run.stall(30.0, 0.5, worker="load2")
    run.stall(40.0, 0.5, worker="load1")
    run.event("worker-late", "load2", 30.0, 0.5)
    run.event("worker-late", "load2", 40.0, 0.5)
    assert found(why(run, tmp_path), "delay of load2").share == pytest.approx(0.5)


def test_a_machine_without_free_cores_is_a_cause(tmp_path: Path) -> None:
    def sample(host: str, process: str, at_s: float) -> dict[str, object]:
        return {"cpu_percent": 199.0} if (host, process) == ("zk1", "") and 20 < at_s <= 23 else {}

    run = SlowRun(synthetic=Synthetic(run_time_s=60, stall_at_s=None, host_sample=sample))
    for at_s in (20.0, 20.8, 21.5, 22.4):
        run.stall(at_s, 0.1)
    run.scattered(5)
    cpu = found(why(run, tmp_path), "full CPU of zk1")
    assert cpu.stands_out
    assert cpu.time_share == pytest.approx(0.05)


def test_operations_that_were_kept_stand_for_all_of_their_interval(run: SlowRun, tmp_path: Path) -> None:
    """The histograms of the synthetic run count more operations above p99.9 than the file keeps."""
    run.operation(30.2, 0.05)
    slow = why(run, tmp_path).slow
    assert slow.threshold_us is not None
    assert slow.total > 10
    assert len(slow.rows) == 1
    assert slow.rows["weight"].iloc[0] >= 1


def test_a_run_without_the_slowest_operations_says_so(tmp_path: Path) -> None:
    folder = Synthetic().write(tmp_path / "run")
    (folder / "slow-operations.csv").unlink()
    reasons = judge_run(folder).why
    assert cause_tables.sentence(reasons).startswith("Why operations were slow is not known")
    assert cause_tables.moments(reasons) is None
    assert any(sentence.startswith("Without logs of the members") for sentence in reasons.unknown)


def test_what_happened_in_a_moment_counts_by_the_time_that_operations_took(run: SlowRun, tmp_path: Path) -> None:
    """Ten operations waited for a pause of one member; at the same time thirty of another were a little slow."""
    run.stall(20.0, 0.3, count=10, member="zk2:2182")
    run.event("gc-pause", "zk2", 20.0, 0.3)
    for place in range(30):
        run.operation(20.01 + 0.005 * place, 0.02, member="zk1:2181")
    (worst, *_) = why(run, tmp_path).moments
    assert worst.happened[0].share == pytest.approx(0.83, abs=0.03)


def test_the_worst_moments_say_when_who_and_what(run: SlowRun, tmp_path: Path) -> None:
    run.stall(20.0, 0.3, member="zk2:2182")
    run.event("gc-pause", "zk2", 20.0, 0.3)
    run.operation(20.05, 0.2, member="zk2:2182", outcome="failed")
    run.event("member-restart", "zk3", 40.1)
    run.stall(40.0, 0.2, count=5, worker="load2")
    reasons = why(run, tmp_path)
    worst, second = reasons.moments
    assert worst.start_s == pytest.approx(20.0, abs=0.005)
    assert (worst.members, worst.sessions, worst.failed) == (("zk2",), 21, 1)
    assert worst.worst_us == pytest.approx(305_000, abs=10_000)
    assert cause_tables.happened(worst, reasons.events) == ["GC pause of zk2 (300 ms from 20.00)"]
    assert second.workers == ("load2",)
    assert cause_tables.happened(second, reasons.events) == ["member restart (zk3)"]
    table = cause_tables.moments(reasons)
    assert table is not None
    assert table.rows[0][:2] == ("20.00", "GC pause of zk2 (300 ms from 20.00)")


def test_a_moment_without_a_known_cause_says_so(run: SlowRun, tmp_path: Path) -> None:
    run.stall(30.0, 0.3)
    reasons = why(run, tmp_path)
    table = cause_tables.moments(reasons)
    assert table is not None
    assert table.rows[0][1] == "nothing known"
    assert "none was under way during a known cause" in cause_tables.sentence(reasons)


def test_the_data_for_programs_has_causes_and_moments(run: SlowRun, tmp_path: Path) -> None:
    run.stall(20.0, 0.3)
    run.event("gc-pause", "zk1", 20.0, 0.3)
    data = cause_tables.as_json(why(run, tmp_path))
    assert [(one["kind"], one["who"], one["stands_out"]) for one in data["causes"]] == [("gc-pause", "zk1", True)]
    assert data["worst_moments"][0]["happened"][0]["start_s"] == pytest.approx(20.0)


def test_a_cause_among_many_can_stand_out(run: SlowRun, tmp_path: Path) -> None:
    """With 60 causes each is judged at a level below 1 in 1,000."""
    for at_s in (20.0, 41.5):
        run.stall(at_s, 0.3, member="zk2:2182")
        run.event("gc-pause", "zk2", at_s, 0.3)
    for number in range(80):
        member = f"other{number % 20}:2181"
        run.operation(5.5 + 0.15 * number, 0.05, member=member)
        for kind in ("gc-pause", "jvm-pause", "slow-fsync"):
            run.event(kind, member, 5.5 + 0.15 * number, 0.05)
    reasons = why(run, tmp_path)
    assert len(reasons.causes.coverages) == 61
    assert found(reasons, "GC pause of zk2").stands_out


def test_causes_that_concern_few_operations_make_no_other_less_likely(run: SlowRun, tmp_path: Path) -> None:
    for at_s in (20.0, 41.5):
        run.stall(at_s, 0.3, member="zk2:2182")
        run.event("gc-pause", "zk2", at_s, 0.3)
    for number in range(200):
        run.operation(5.5 + 0.06 * number, 0.05, worker=f"load{number}")
        run.event("worker-late", f"load{number}", 5.5 + 0.06 * number, 0.05)
    reasons = why(run, tmp_path)
    assert len(reasons.causes.coverages) == 201
    assert [one.cause.words for one in reasons.causes.standing_out] == ["GC pause of zk2"]


def test_an_election_without_an_end_lasts_to_the_end_of_the_load(run: SlowRun, tmp_path: Path) -> None:
    run.stall(40.0, 20.0)
    run.event("election", "zk1", 39.0)
    run.event("election", "zk2", 39.5)
    reasons = why(run, tmp_path)
    assert found(reasons, "election").share == 1
    assert "election" in str(cause_tables.happened(reasons.moments[0], reasons.events))


def test_an_election_without_an_end_ends_where_its_member_starts_again(run: SlowRun, tmp_path: Path) -> None:
    run.event("election", "zk1", 20.0)
    run.event("member-restart", "zk1", 25.0)
    run.event("election", "zk1", 26.0)
    run.event("election", "zk2", 26.0, 1.0)
    events = why(run, tmp_path).events
    ends_s = events[events["kind"] == "election"].groupby("subject")["end_s"].agg(list).to_dict()
    assert ends_s["zk1"] == pytest.approx([25.0, 67.0])
    assert ends_s["zk2"] == pytest.approx([27.0])


def test_a_follower_that_looks_for_its_leader_concerns_its_own_sessions(run: SlowRun, tmp_path: Path) -> None:
    run.stall(30.0, 1.0, member="zk3:2183")
    run.stall(30.0, 1.0, member="zk1:2181")
    run.event("election", "zk3", 30.0, 1.0, detail="follower")
    assert found(why(run, tmp_path), "election of zk3").share == pytest.approx(0.5)


def test_an_election_of_a_leader_concerns_all_members(run: SlowRun, tmp_path: Path) -> None:
    run.stall(30.0, 1.0, member="zk1:2181")
    run.event("election", "zk2", 30.0, 0.5, detail="leader")
    run.event("election", "zk3", 30.1, 0.9, detail="follower")
    assert found(why(run, tmp_path), "election").share == 1


@pytest.mark.parametrize(("member", "concerned"), [("zk1:2181", True), ("zk3:2183", False)])
def test_a_member_that_answers_no_poll_is_a_cause_for_its_sessions(
    tmp_path: Path, member: str, concerned: bool
) -> None:
    """The first poll without an answer is at 30.5 s, the first with one again at 32.5 s."""
    run = SlowRun(synthetic=Synthetic(run_time_s=60, stall_at_s=None, member_down=(30.0, 32.0)))
    run.stall(29.8, 1.5, member=member)
    causes = why(run, tmp_path).causes
    assert [one.cause.words for one in causes.standing_out] == (["failed polls of zk1"] if concerned else [])
    for one in causes.coverages:
        assert one.cause.windows.tolist() == [pytest.approx([29.5, 32.5])]


def test_a_member_that_never_answers_polls_tells_nothing_of_a_moment(tmp_path: Path) -> None:
    run = SlowRun(synthetic=Synthetic(run_time_s=60, stall_at_s=None, member_down=(-10.0, 100.0)))
    run.stall(30.0, 1.0)
    assert why(run, tmp_path).causes.coverages == ()


def test_each_hosts_samples_have_the_length_of_their_own_interval(tmp_path: Path) -> None:
    """Three hosts are sampled each second, and zk1 every five."""

    def sample(host: str, process: str, at_s: float) -> dict[str, object] | None:
        if host != "zk1":
            return {}
        is_full: dict[str, dict[str, object]] = {"": {"cpu_percent": 199.0}, "zookeeper": {"cpu_wait_percent": 60.0}}
        return (is_full[process] if int(at_s) == 25 else {}) if int(at_s) % 5 == 0 else None

    run = SlowRun(synthetic=Synthetic(run_time_s=60, stall_at_s=None, host_sample=sample))
    run.stall(22.0, 0.3)
    reasons = why(run, tmp_path)
    for words in ("full CPU of zk1", "CPU wait of zk1"):
        (window,) = found(reasons, words).cause.windows
        assert window[1] - window[0] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("host", "error_ms", "is_said"), [("zk2", 12.0, True), ("zk2", 1.0, False), ("zk3", 12.0, False)]
)
def test_the_worst_moments_say_how_far_off_their_events_may_be(
    run: SlowRun, tmp_path: Path, host: str, error_ms: float, is_said: bool
) -> None:
    run.stall(30.0, 0.3, member="zk2:2182")
    run.event("gc-pause", "zk2", 30.0, 0.3, clock="zk2")
    known = {name: {"clock_offset_ms": 0.0, "clock_error_ms": 0.5} for name in ("load1", "zk2")}
    known[host] = {"clock_offset_ms": 0.0, "clock_error_ms": error_ms}
    run.synthetic.manifest = {"hosts": known}
    table = cause_tables.moments(why(run, tmp_path))
    assert table is not None
    assert ("known to \N{PLUS-MINUS SIGN}12.5 ms" in table.note) == is_said


def test_the_reasons_are_computed_once_and_only_when_asked_for(tmp_path: Path) -> None:
    judged = judge_run(SlowRun().write(tmp_path / "run"))
    assert "why" not in vars(judged)
    assert judged.why is judged.why


def test_a_text_of_slow_operations_is_held_once(run: SlowRun, tmp_path: Path) -> None:
    run.scattered(10)
    judged = judge_run(run.write(tmp_path / "run"))
    for frame, texts in (
        (judged.run.slow_operations, ("stage", "worker", "type", "name", "outcome", "session", "member")),
        (judged.why.slow.rows, ("name", "outcome", "session", "member", "worker", "host", "leader")),
    ):
        assert {str(frame[text].dtype) for text in texts} == {"category"}
