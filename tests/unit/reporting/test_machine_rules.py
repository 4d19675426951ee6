"""Each rule about the machines speaks when it should, and keeps silent when it should not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from reporting.analyse import sample_coverage
from reporting.verdict.judgement import Verdict
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_verdict import judged, rules, text

HOSTS = ("load1", "zk1", "zk2", "zk3")
TOGETHER = dict.fromkeys(("load1", "zk1", "zk2", "zk3"), "one")


def used(folder: Path, cpu: Mapping[str, float], **changes: Any) -> Verdict:
    """The verdict on a run in which machines and processes used this CPU, percent of one core.

    A key is a host (its machine), a process, or both: `zk1 zookeeper`. A machine has two cores.
    """

    def sample(host: str, process: str, at_s: float) -> dict[str, object]:
        percent = cpu.get(f"{host} {process}".strip(), cpu.get(process))
        return {} if percent is None else {"cpu_percent": percent}

    return judged(folder, host_sample=sample, **changes)


@pytest.mark.parametrize(
    ("steal", "cores", "expected"),
    [(3.9, 2, None), (4.1, 2, "note"), (19.9, 2, "note"), (20.1, 2, "inconclusive"), (19.9, 8, "note")],
)
def test_stolen_cpu(tmp_path: Path, steal: float, cores: int, expected: str | None) -> None:
    found = judged(
        tmp_path,
        host_sample=lambda host, process, _: (
            {"steal_percent": steal, "cores": cores} if host == "zk2" and not process else {}
        ),
    )
    assert rules(found) == ({"cpu-steal": expected} if expected else {})
    assert found.verdict == ("inconclusive" if expected == "inconclusive" else "valid")
    if expected:
        assert f"of 1 of 4 machines to other guests, of zk2 {steal / cores:.0f} % on average" in text(
            found, "cpu-steal"
        )


def test_cpu_that_was_stolen_before_the_measured_stage_is_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path, host_sample=lambda _, __, at_s: {"steal_percent": 90} if at_s < 5.5 else {})
    assert rules(found) == {}


@pytest.mark.parametrize(
    ("machine", "worker", "expected"),
    [
        (190, 40, {"load-host-busy": "note"}),  # 2 workers and the master: 85 of 190
        (190, 46, {}),  # 97 of 190: busy with the load itself
        (178, 10, {}),  # below the threshold
    ],
)
def test_a_load_host_that_others_keep_busy_is_a_note(
    tmp_path: Path, machine: float, worker: float, expected: dict[str, str]
) -> None:
    cpu = {"load1": machine, "worker-1": worker, "worker-2": worker, "master": 5}
    found = used(tmp_path, cpu)
    assert (found.verdict, rules(found)) == ("valid", expected)
    if expected:
        assert "load1 95 %, of which the run's own processes used 42." in text(found, "load-host-busy")


def test_what_is_not_known_to_be_others_is_not_called_so(tmp_path: Path) -> None:
    found = judged(tmp_path, host_sample=lambda _, process, __: None if process else {"cpu_percent": 190})
    assert "load-host-busy" not in rules(found)
    assert "how much of it ZooKeeper used is not known" in text(found, "member-busy")


@pytest.mark.parametrize(
    ("zookeeper", "says"),
    [
        (100, "zk1 95 %, of which ZooKeeper used 50: the members are at the limit"),
        (90, "zk1 95 %, of which ZooKeeper used 45: the members compete for CPU"),
    ],
)
def test_a_members_busy_machine_is_a_note_that_says_whose_doing_it_is(
    tmp_path: Path, zookeeper: float, says: str
) -> None:
    found = used(tmp_path, {"zk1": 190, "zk1 zookeeper": zookeeper})
    assert (found.verdict, rules(found)) == ("valid", {"member-busy": "note"})
    assert says in text(found, "member-busy")
    assert text(found, "member-busy").startswith("1 of 3 machines of members had at least 90 %")


def test_members_at_their_limit_are_told_apart_from_those_that_others_disturb(tmp_path: Path) -> None:
    found = used(tmp_path, {"zk1": 190, "zk1 zookeeper": 180, "zk2": 190, "zk2 zookeeper": 20})
    said = [reason.text for reason in found.reasons if reason.rule == "member-busy"]
    assert len(said) == 2
    assert "zk1 95 %, of which ZooKeeper used 90: the members are at the limit" in said[0]
    assert "zk2 95 %, of which ZooKeeper used 10: the members compete for CPU" in said[1]


def test_the_master_beside_a_member_is_not_zookeeper(tmp_path: Path) -> None:
    groups = {"zookeeper": ["zk1", "zk2", "zk3"], "locust_master": ["load1"], "locust_workers": ["load2"]}
    cpu = dict.fromkeys(("zk1", "load1"), 190.0) | {"master": 100, "zk1 zookeeper": 20}
    found = used(tmp_path, cpu, machines={"zk1": "one", "load1": "one"}, manifest={"inventory": {"groups": groups}})
    assert "load1, zk1 95 %, of which ZooKeeper used 10: the members compete for CPU" in text(found, "member-busy")


def test_a_busy_machine_of_load_and_members_is_told_by_other_rules(tmp_path: Path) -> None:
    """Preflight has said that they share it, and `cpu-wait` says whether it has hurt."""
    assert rules(used(tmp_path, dict.fromkeys(TOGETHER, 198.0), machines=TOGETHER)) == {}


def test_others_on_a_machine_of_load_and_members_are_told(tmp_path: Path) -> None:
    cpu = dict.fromkeys(TOGETHER, 198.0) | {"worker-1": 10, "worker-2": 10, "zookeeper": 20}
    found = used(tmp_path, cpu, machines=TOGETHER)
    assert (found.verdict, rules(found)) == ("valid", {"load-host-busy": "note"})
    assert "load1, zk1, zk2, zk3 99 %, of which the run's own processes used 42." in text(found, "load-host-busy")


@pytest.mark.parametrize(("grown_mib", "expected"), [(15, {}), (17, {"swapping": "note"})])
def test_swap_that_grew_in_the_measured_stage_is_a_note(
    tmp_path: Path, grown_mib: int, expected: dict[str, str]
) -> None:
    def sample(host: str, process: str, at_s: float) -> dict[str, object]:
        before, grown = (900, grown_mib) if host == "zk3" else (2000 if at_s < 5 else 0, 0)
        return {} if process else {"swap_bytes": (before + (grown if 20 < at_s < 25 else 0)) * 1024**2}

    found = judged(tmp_path, host_sample=sample)
    assert (found.verdict, rules(found)) == ("valid", expected)
    if expected:
        assert "1 of 4 machines swapped out at least 16 MiB in the measured stage, zk3 17 MiB." in text(
            found, "swapping"
        )


ONE_KERNEL = dict.fromkeys(HOSTS, "k")


def test_containers_of_one_kernel_are_not_called_busy(tmp_path: Path) -> None:
    """What else is busy there is the rest of the run: the kernel tells each of them what all use together."""
    cpu = dict.fromkeys(HOSTS, 190.0) | {"worker-1": 10, "worker-2": 10, "zookeeper": 30}
    alone = used(tmp_path / "alone", cpu)
    assert rules(alone) == {"load-host-busy": "note", "member-busy": "note"}
    assert rules(used(tmp_path / "containers", cpu, kernels=ONE_KERNEL)) == {}


def test_who_has_a_kernel_of_its_own_is_judged_as_ever(tmp_path: Path) -> None:
    cpu = dict.fromkeys(HOSTS, 190.0) | {"worker-1": 40, "worker-2": 60, "zookeeper": 30}
    found = used(tmp_path, cpu, kernels={"load1": "k", "zk1": "k", "zk2": "other"})  # zk3 does not tell
    assert rules(found) == {"member-busy": "note"}
    assert text(found, "member-busy").startswith("2 of 2 machines of members had at least 90 %")


def test_hosts_of_one_machine_are_no_containers(tmp_path: Path) -> None:
    cpu = dict.fromkeys(HOSTS, 190.0) | {"worker-1": 10, "worker-2": 10, "zookeeper": 10}
    assert rules(used(tmp_path, cpu, machines=TOGETHER, kernels=ONE_KERNEL)) == {"load-host-busy": "note"}


def test_a_kernel_is_counted_once(tmp_path: Path) -> None:
    def sample(host: str, process: str, at_s: float) -> dict[str, object]:
        grown = 20 * 1024**2 if at_s > 20 else 0
        return {} if process or host == "zk3" else {"steal_percent": 12, "swap_bytes": grown}

    found = judged(tmp_path, host_sample=sample, kernels=ONE_KERNEL | {"zk3": "other"})
    assert rules(found) == {"cpu-steal": "note", "swapping": "note"}
    assert "of the cores of 1 of 2 kernels to other guests, of load1 and 2 more on one kernel 6 % on average" in text(
        found, "cpu-steal"
    )
    assert text(found, "swapping").startswith(
        "1 of 2 kernels swapped out at least 16 MiB in the measured stage, load1 and 2 more on one kernel 20 MiB."
    )


def sampled(**times: tuple[float, float]) -> Any:
    """The samplers of these hosts ran only from the first to the second time, seconds since the load started."""

    def sample(host: str, process: str, at_s: float) -> dict[str, object] | None:
        if host not in times:
            return {}
        start_s, end_s = times[host]
        return {"elapsed_s": f"{at_s - start_s:.6f}"} if start_s + 0.5 <= at_s <= end_s else None

    return sample


@pytest.mark.parametrize(
    ("start_s", "end_s", "percent"),
    [
        (0.0, 20.0, 48),  # its sampler died: the last sample is that of 19.6 s, 14.6 of 30 s are covered
        (19.6, 99.0, 51),  # its first sample is that of 20.6 s
        (0.0, 4.9, 0),
        (35.6, 99.0, 0),
        (0.0, 31.7, 88),
        (0.0, 32.6, None),  # 27.6 of 30 s
        (7.6, 99.0, None),
        (4.5, 35.5, None),  # the samples at both edges belong to it in part
    ],
)
def test_samples_of_a_stage_only_are_told(tmp_path: Path, start_s: float, end_s: float, percent: int | None) -> None:
    found = judged(tmp_path, host_sample=sampled(zk2=(start_s, end_s)))
    assert (found.verdict, rules(found)) == ("valid", {} if percent is None else {"samples-incomplete": "note"})
    if percent is not None:
        said = text(found, "samples-incomplete")
        assert said.startswith(
            "The machine samples of 1 of 4 hosts cover less than 90 % of the measured stage (zk2), those of zk2 "
            f"{percent} %."
        )
        assert said.endswith("See the sampler's log in logs/<host>/.")


def test_of_many_hosts_some_are_named_and_the_worst_is(tmp_path: Path) -> None:
    away = {f"zk{i}": (0.0, 19.6) for i in range(1, 7)} | {"zk11": (0.0, 15.6)}
    said = text(judged(tmp_path, members=12, host_sample=sampled(**away)), "samples-incomplete")
    assert "of 7 of 13 hosts cover" in said
    assert "(zk1, zk2, zk3, zk4, zk5 and 2 more), those of zk11 35 %." in said


def test_a_sampler_that_paused_has_left_a_gap(tmp_path: Path) -> None:
    """Its next sample is of all the time between, but no chart and no mean counts it so often."""
    found = judged(tmp_path, host_sample=lambda host, _, at_s: None if host == "zk3" and 10 < at_s < 20 else {})
    assert "(zk3), those of zk3 70 %." in text(found, "samples-incomplete")


def test_one_late_sample_leaves_nothing_out(tmp_path: Path) -> None:
    found = judged(tmp_path, host_sample=lambda _, __, at_s: None if round(at_s + 0.4) % 4 == 0 else {})
    assert rules(found) == {}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"zk2": {}}, True),
        ({"zk2": {"zookeeper_managed": "yes"}}, True),
        ({"zk2": {"zookeeper_managed": "Y"}}, False),  # plays take it for false
        ({"zk2": {"zookeeper_managed": "n"}}, False),
        ({"zk2": {"zookeeper_managed": False}}, False),
        ({"zk2": {"zookeeper_managed": "false"}}, False),
        ({"zk2": {"benchmark_host_metrics_interval_s": 0}}, False),
        ({}, False),  # external, so not in the inventory
    ],
)
def test_a_host_without_any_sample_is_told_where_it_should_have_some(
    tmp_path: Path, variables: dict[str, Any], expected: bool
) -> None:
    inventory = {
        "groups": {"zookeeper": ["zk1", "zk2"], "locust_master": ["load1"], "locust_workers": ["load1"]},
        "hosts": {"load1": {}, "zk1": {}} | variables,
    }
    found = judged(
        tmp_path, members=2, host_sample=sampled(zk2=(99.0, 0.0)), plan=None, manifest={"inventory": inventory}
    )
    assert rules(found) == {"no-plan": "note"} | ({"samples-incomplete": "note"} if expected else {})
    if expected:
        assert "of 1 of 3 hosts cover less than 90 % of the measured stage (zk2), those of zk2 0 %" in text(
            found, "samples-incomplete"
        )


@pytest.mark.parametrize(("planned", "expected"), [(["zk1", "zk2", "load1"], True), (["zk1", "load1"], False)])
def test_the_plan_says_whose_samples_are_expected(tmp_path: Path, planned: list[str], expected: bool) -> None:
    found = judged(tmp_path, members=2, host_sample=sampled(zk2=(99.0, 0.0)), plan={"sampled_hosts": planned})
    assert rules(found) == ({"samples-incomplete": "note"} if expected else {})


def test_a_load_host_without_any_sample_is_told(tmp_path: Path) -> None:
    found = judged(tmp_path, host_sample=sampled(load1=(99.0, 0.0)))
    assert "(load1), those of load1 0 %" in text(found, "samples-incomplete")


def test_a_run_without_samples_is_told_as_a_file_that_is_missing(tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    (run / "host-metrics.csv").unlink()
    found = judge_run(run)
    assert rules(found.verdict) == {}
    assert sample_coverage.build(found.run, found.timeline) == []
    assert [problem.file for problem in found.run.problems] == ["host-metrics.csv"]


def test_what_two_samplers_of_a_host_cover_counts_once(tmp_path: Path) -> None:
    """A member that is a load host, too: one of its samplers died before the other began."""
    run = Synthetic(host_sample=sampled(zk1=(0.0, 12.6))).write(tmp_path / "run")
    lines = (run / "host-metrics.csv").read_text().splitlines()
    own = [line for line in lines if ",zk1,machine-of-zk1," in line]
    (run / "host-metrics.csv").write_text("\n".join([*lines, *own]) + "\n")
    said = text(judge_run(run).verdict, "samples-incomplete")
    assert "(zk1), those of zk1 25 %" in said  # 7.6 of 30 s, though there are twice so many samples


@pytest.mark.parametrize(
    ("run_time_s", "every_s", "end_s", "told"),
    [
        (6, 4, 5.0, False),  # shorter than two intervals
        (30, 8, 34.0, False),  # the sample that the end has cut off is missing
        (30, 8, 26.0, True),
    ],
)
def test_few_samples_need_not_fit(tmp_path: Path, run_time_s: int, every_s: int, end_s: float, told: bool) -> None:
    def sample(host: str, process: str, at_s: float) -> dict[str, object] | None:
        return {} if round(at_s + 2.4) % every_s == 0 and at_s <= end_s else None

    found = judged(tmp_path, run_time_s=run_time_s, host_sample=sample, operations={"get": 3000.0})
    assert ("samples-incomplete" in rules(found)) == told


def test_why_a_machine_was_not_sampled_is_told(tmp_path: Path) -> None:
    hosts = {
        "zk1": {"not_sampled": "python3 is older than 3.9."},
        "zk3": {"not_sampled": "its disk is full"},
        "zk2": {"not_sampled": "python3 is older than 3.9"},
        "load1": {"cores": 2},
    }
    found = judged(
        tmp_path, host_sample=sampled(**dict.fromkeys(("zk1", "zk2", "zk3"), (99.0, 0.0))), manifest={"hosts": hosts}
    )
    assert (found.verdict, rules(found)) == ("valid", {"not-sampled": "note"})
    assert [reason.text for reason in found.reasons] == [
        "The machines of zk1, zk2 were not sampled: python3 is older than 3.9.",
        "zk3's machine was not sampled: its disk is full.",
    ]
