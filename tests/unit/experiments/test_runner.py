"""Going through a plan: resumption, void runs, a search, and what the manifest keeps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import FleetError, InputError
from fleet.experiments import manifest, overview
from fleet.experiments.arms import Arm
from fleet.experiments.left import left_s, runs_left
from fleet.experiments.plan import blocks
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.runner import Outcome, Request, VoidRunsError, run
from fleet.experiments.specification import Specification

ARMS = [Arm("a", {"zookeeper_heap": "256m"}), Arm("b", {"zookeeper_heap": "1g"})]


def begin(results: Path, arms: list[Arm] = ARMS, **settings: Any) -> Path:
    spec = Specification(**({"name": "mine", "kind": "compare"} | settings))
    slots = [] if spec.kind == "capacity" else blocks([arm.name for arm in arms], spec.pairs, spec.seed)
    return manifest.create(results, "one", spec, arms, slots, run_s=40.0, most_runs=20)


class Scripted:
    """Runs benchmarks that take no time; `verdict` says what each is worth."""

    def __init__(self, verdict: Callable[[Request], str] = lambda _: "valid", **more: Any) -> None:
        self._verdict = verdict
        self._more = more
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Outcome:
        self.asked.append(request)
        return Outcome(f"run-{request.number}", self._verdict(request), 10.0, ("its reason",), **self._more)


def test_all_runs_of_the_plan_are_done_in_its_order(tmp_path: Path) -> None:
    said: list[str] = []
    folder, benchmarks = begin(tmp_path), Scripted()
    run(folder, ARMS, benchmarks, said.append)
    content = manifest.load(folder)
    assert content["state"] == "finished"
    assert [request.arm.name for request in benchmarks.asked] == [slot["arm"] for slot in content["plan"]]
    assert [entry["run_id"] for entry in content["runs"]] == [f"run-{number}" for number in range(1, 11)]
    assert len({request.label for request in benchmarks.asked}) == 10
    assert said[0] == f"experiment: run 1 of 10, block 1, {content['plan'][0]['arm']}; about 6 min 40 s left"
    assert said[1] == "experiment: valid, took 10 s"
    assert said[2].endswith("about 1 min 30 s left"), "by the time of the first run"


def test_an_interrupted_experiment_goes_on_where_it_stopped(tmp_path: Path) -> None:
    folder = begin(tmp_path)

    def third_is_interrupted(request: Request) -> str:
        if request.number == 3:
            raise KeyboardInterrupt
        return "valid"

    with pytest.raises(KeyboardInterrupt):
        run(folder, ARMS, Scripted(third_is_interrupted), print)
    content = manifest.load(folder)
    assert (content["state"], len(content["runs"]), runs_left(content)) == ("interrupted", 2, 8)
    rest = Scripted()
    run(folder, ARMS, rest, print)
    content = manifest.load(folder)
    assert [request.arm.name for request in rest.asked] == [slot["arm"] for slot in content["plan"][2:]]
    assert (content["state"], content["reason"], left_s(content)) == ("finished", "", 0)


def test_a_block_that_was_interrupted_is_run_again_from_its_start(tmp_path: Path) -> None:
    folder = begin(tmp_path)

    def fourth_is_interrupted(request: Request) -> str:
        if request.number == 4:
            raise KeyboardInterrupt
        return "valid"

    with pytest.raises(KeyboardInterrupt):
        run(folder, ARMS, Scripted(fourth_is_interrupted), print)
    rest = Scripted()
    run(folder, ARMS, rest, print)
    content = manifest.load(folder)
    assert [request.arm.name for request in rest.asked] == [slot["arm"] for slot in content["plan"][2:]]
    assert [(entry["slot"], entry["counts"]) for entry in content["runs"][:5]] == [
        (1, True), (2, True), (3, False), (3, True), (4, True),
    ]  # fmt: skip
    assert content["runs"][2]["reasons"] == ["its reason", "its block was interrupted, and is run again"]


def test_a_void_run_is_repeated_and_does_not_count(tmp_path: Path) -> None:
    said: list[str] = []
    folder = begin(tmp_path)
    run(folder, ARMS, Scripted(lambda request: "void" if request.number in (2, 3) else "valid"), said.append)
    runs = manifest.load(folder)["runs"]
    assert [(entry["slot"], entry["attempt"], entry["counts"]) for entry in runs[:5]] == [
        (1, 1, True), (2, 1, False), (2, 2, False), (2, 3, True), (3, 1, True),
    ]  # fmt: skip
    assert "experiment: run 2 is void (its reason), attempt 1 of 4" in said


def test_an_experiment_whose_run_stays_void_fails_and_can_go_on(tmp_path: Path) -> None:
    folder = begin(tmp_path, void_repeats=1)
    with pytest.raises(VoidRunsError, match=r"was void 2 times, the last time: its reason; .* experiment_resume=one"):
        run(folder, ARMS, Scripted(lambda _: "void"), print)
    assert manifest.load(folder)["state"] == "failed"
    run(folder, ARMS, Scripted(), print)
    assert manifest.load(folder)["state"] == "finished"


def test_a_run_that_no_attempt_can_better_fails_the_experiment_at_once(tmp_path: Path) -> None:
    folder, benchmarks = begin(tmp_path), Scripted(lambda _: "void", hopeless="objectives [x]: no such operation")
    with pytest.raises(VoidRunsError, match=r"^objectives \[x\]: no such operation$"):
        run(folder, ARMS, benchmarks, print)
    content = manifest.load(folder)
    assert (content["state"], content["reason"]) == ("failed", "objectives [x]: no such operation")
    assert [entry["run_id"] for entry in content["runs"]] == ["run-1"]


def capacity(
    passes: Callable[[float], bool], limited: Callable[[float], bool] = lambda _: False
) -> Callable[[Request], Outcome]:
    def run_one(request: Request) -> Outcome:
        rate = request.rate_per_s or 0
        # The load side carries a little more than half of what it cannot carry.
        return Outcome(
            "run", "valid", 1.0, (), passes(rate), limited(rate), {"load_hosts": 2, "rate_per_s": 0.6 * rate}
        )

    return run_one


def test_a_search_ends_with_an_interval_for_each_arm(tmp_path: Path) -> None:
    folder = begin(tmp_path, kind="capacity", rates=(10, 100, 10_000))
    run(folder, ARMS, capacity(lambda rate: rate <= 500), print)
    found = manifest.load(folder)["capacity"]
    assert list(found) == ["a", "b"]
    assert found["a"]["state"] == "confirmed"
    assert 475 <= found["a"]["low_per_s"] <= 500 < found["a"]["high_per_s"]


def test_a_search_that_was_interrupted_repeats_no_step(tmp_path: Path) -> None:
    rates: list[float] = []
    folder = begin(tmp_path, ARMS[:1], kind="capacity", rates=(10, 100, 10_000))

    def run_one(request: Request) -> Outcome:
        if request.number == 4 and len(rates) == 3:
            rates.append(0.0)
            raise KeyboardInterrupt
        rates.append(request.rate_per_s or 0)
        return capacity(lambda rate: rate <= 500)(request)

    with pytest.raises(KeyboardInterrupt):
        run(folder, ARMS[:1], run_one, print)
    run(folder, ARMS[:1], run_one, print)
    again = begin(tmp_path / "again", ARMS[:1], kind="capacity", rates=(10, 100, 10_000))
    run(again, ARMS[:1], capacity(lambda rate: rate <= 500), print)
    assert [rate for rate in rates if rate] == [entry["rate_per_s"] for entry in manifest.load(again)["runs"]]


def test_each_step_is_told_the_service_time_of_the_first_that_passed(tmp_path: Path) -> None:
    """One arm's lowest rate fails by chance: its service time may be that of an ensemble that is too busy."""
    told: dict[str, list[float | None]] = {"a": [], "b": []}

    def run_one(request: Request) -> Outcome:
        told[request.arm.name].append(request.idle_us)
        passed = (request.rate_per_s or 0) <= 500 and (request.arm.name, len(told["b"])) != ("b", 1)
        step = {"service_p50_us": 100.0 * request.number, "load_hosts": 1}
        return Outcome("run", "valid", 1.0, (), passed, False, step)

    run(begin(tmp_path, kind="capacity", rates=(10, 100, 10_000)), ARMS, run_one, print)
    first_of_b = 100.0 * (len(told["a"]) + 2)
    assert told["a"] == [None, *[100.0] * (len(told["a"]) - 1)]
    assert told["b"] == [None, None, *[first_of_b] * (len(told["b"]) - 2)]


def test_a_step_that_the_load_side_limits_is_no_capacity(tmp_path: Path) -> None:
    folder = begin(tmp_path, ARMS[:1], kind="capacity", rates=(100, 1000, 10_000))
    run(folder, ARMS[:1], capacity(lambda rate: rate <= 2000, lambda rate: rate > 2000), print)
    found = manifest.load(folder)["capacity"]["a"]
    assert found == {
        "state": "load side", "low_per_s": 1500, "high_per_s": None, "more_load_hosts": 1, "limited_at_per_s": 2250,
    }  # fmt: skip


def test_a_load_side_that_is_the_limit_by_chance_does_not_end_a_search(tmp_path: Path) -> None:
    folder = begin(tmp_path, ARMS[:1], kind="capacity", rates=(100, 1000, 10_000))
    busy = iter([True])
    run(folder, ARMS[:1], capacity(lambda rate: rate <= 2000, lambda rate: rate > 2000 and next(busy, False)), print)
    told = manifest.load(folder)
    assert told["capacity"]["a"]["state"] == "confirmed"
    assert [entry["rate_per_s"] for entry in told["runs"] if not entry["counts"]] == [2250]


def test_void_runs_do_not_use_up_the_attempts_of_a_step_that_the_load_side_limits(tmp_path: Path) -> None:
    folder = begin(tmp_path, ARMS[:1], kind="capacity", rates=(100, 1000, 10_000), void_repeats=1)
    # At 2,250/s: void, limited by the load side, and then as it should be.
    odd = iter([("void", False), ("valid", True)])

    def run_one(request: Request) -> Outcome:
        rate = request.rate_per_s or 0
        verdict, limited = next(odd, ("valid", False)) if rate == 2250 else ("valid", False)
        return Outcome("run", verdict, 1.0, (), rate <= 2000, limited, {"load_hosts": 2, "rate_per_s": 0.6 * rate})

    run(folder, ARMS[:1], run_one, print)
    told = manifest.load(folder)
    assert told["capacity"]["a"]["state"] == "confirmed"
    assert [(entry["attempt"], entry["counts"]) for entry in told["runs"] if entry["rate_per_s"] == 2250][:3] == [
        (1, False), (2, False), (3, True),
    ]  # fmt: skip


def test_a_step_that_loses_all_workers_is_the_load_sides_limit(tmp_path: Path) -> None:
    folder = begin(tmp_path, ARMS[:1], kind="capacity", rates=(100, 1000, 10_000))
    carries = capacity(lambda rate: rate <= 2000)

    def run_one(request: Request) -> Outcome:
        lost = Outcome("run", "void", 1.0, ("All 2 workers were lost",), load_limited=True)
        return lost if request.rate_per_s == 2250 else carries(request)

    run(folder, ARMS[:1], run_one, print)
    found = manifest.load(folder)["capacity"]["a"]
    assert (found["state"], found["low_per_s"], found["limited_at_per_s"]) == ("load side", 1500, 2250)
    assert found["more_load_hosts"] == 1, "two hosts carried 1,500/s"


def test_what_a_failed_step_offered_was_not_carried(tmp_path: Path) -> None:
    folder = begin(tmp_path, ARMS[:1], kind="capacity", rates=(100, 10_000, 10_000))
    run(folder, ARMS[:1], capacity(lambda rate: rate <= 2000, lambda rate: 2000 < rate < 9000), print)
    found = manifest.load(folder)["capacity"]["a"]
    assert found["limited_at_per_s"] == 6670
    assert found["more_load_hosts"] == 2, "two hosts carried 60 % of 6,670/s, and not the 10,000/s that failed"


def test_an_id_that_exists_is_refused(tmp_path: Path) -> None:
    begin(tmp_path)
    with pytest.raises(InputError, match=r"experiment_id \[one\]: .* exists; choose another id, or continue"):
        begin(tmp_path)


@pytest.mark.parametrize("wanted", ["../x", "a/b", ".hidden", "x" * 101])
def test_an_id_that_is_no_plain_name_is_refused(wanted: str) -> None:
    with pytest.raises(InputError, match=r"experiment_id \["):
        manifest.new_id("mine", wanted)


def test_one_controller_runs_an_experiment_at_a_time(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    with manifest.held(folder):
        assert manifest.is_held(folder)
        with pytest.raises(FleetError, match=r"experiment \[one\] is running already"), manifest.held(folder):
            pass
    assert not manifest.is_held(folder)


def test_a_manifest_of_another_schema_is_refused(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    manifest.save(folder, manifest.load(folder) | {"schema_version": 2})
    with pytest.raises(InputError, match="has schema 2, and this version of zk-locust knows 1"):
        manifest.load(folder)


@pytest.mark.parametrize("part", ["state", "runs", "plan"])
def test_a_damaged_manifest_is_refused_and_shown_as_damaged(tmp_path: Path, part: str) -> None:
    folder = begin(tmp_path)
    manifest.save(folder, {name: value for name, value in manifest.load(folder).items() if name != part})
    with pytest.raises(InputError, match=rf"experiment \[one\]: its manifest is damaged \({part}\); move the folder"):
        manifest.load(folder)
    playbooks = Playbooks(tmp_path / "playbooks", (), (), {})  # without any files
    assert any(f"its manifest is damaged ({part})" in line for line in overview.lines(playbooks, tmp_path))


def test_a_results_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(InputError, match=r"benchmark_results_dir \[.*/results\]: the experiment cannot be kept there"):
        begin(tmp_path / "results")


def test_the_manifest_has_no_secret(tmp_path: Path) -> None:
    folder = begin(tmp_path, [Arm("a", {"benchmark_parameters": {"kazoo-sasl-options": "s3cret"}})])
    assert "s3cret" not in (folder / "manifest.json").read_text()


def test_other_settings_have_another_digest_and_more_pairs_have_not() -> None:
    spec = Specification("mine", "compare")
    assert manifest.digest(spec, ARMS) == manifest.digest(Specification("mine", "compare", pairs=9), ARMS)
    assert manifest.digest(spec, ARMS) != manifest.digest(spec, ARMS[:1])


def test_a_secret_of_the_file_does_not_count_in_the_digest() -> None:
    def digest(secret: str, size: int = 8) -> str:
        variables = {"benchmark_parameters": {"kazoo-sasl-options": secret, "val-size": size}}
        spec = Specification("mine", "compare", variables=variables, arms={"a": {}, "b": variables})
        return manifest.digest(spec, [Arm("a", {}), Arm("b", variables)])

    assert digest("s3cret") == digest("an0ther")
    assert digest("s3cret") != digest("s3cret", size=64)
