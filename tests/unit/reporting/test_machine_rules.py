"""Each rule about the machines speaks when it should, and keeps silent when it should not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reporting.verdict import Verdict
from tests.unit.reporting.test_verdict import judged, rules, text

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
        assert f"of 1 of 4 machines for other guests, of zk2 {steal / cores:.0f} % on average" in text(
            found, "cpu-steal"
        )


def test_cpu_that_was_stolen_before_the_measured_part_is_nothing(tmp_path: Path) -> None:
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
        assert "load1 95 %, of which the run's own processes used 42;" in text(found, "load-host-busy")


def test_what_is_not_known_to_be_others_is_not_called_so(tmp_path: Path) -> None:
    found = judged(tmp_path, host_sample=lambda _, process, __: None if process else {"cpu_percent": 190})
    assert "load-host-busy" not in rules(found)
    assert "how much of it ZooKeeper used is not known" in text(found, "member-busy")


@pytest.mark.parametrize(
    ("zookeeper", "says"),
    [
        (100, "zk1 95 %, of which ZooKeeper used 50: that is the ensemble's limit"),
        (90, "zk1 95 %, of which ZooKeeper used 45: the members had to share"),
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
    assert "zk1 95 %, of which ZooKeeper used 90: that is the ensemble's limit" in said[0]
    assert "zk2 95 %, of which ZooKeeper used 10: the members had to share" in said[1]


def test_the_master_beside_a_member_is_not_zookeeper(tmp_path: Path) -> None:
    groups = {"zookeeper": ["zk1", "zk2", "zk3"], "locust_master": ["load1"], "locust_workers": ["load2"]}
    cpu = dict.fromkeys(("zk1", "load1"), 190.0) | {"master": 100, "zk1 zookeeper": 20}
    found = used(tmp_path, cpu, machines={"zk1": "one", "load1": "one"}, manifest={"inventory": {"groups": groups}})
    assert "load1, zk1 95 %, of which ZooKeeper used 10: the members had to share" in text(found, "member-busy")


def test_a_busy_machine_of_load_and_members_is_told_by_other_rules(tmp_path: Path) -> None:
    """Preflight has said that they share it, and `cpu-wait` says whether it has hurt."""
    assert rules(used(tmp_path, dict.fromkeys(TOGETHER, 198.0), machines=TOGETHER)) == {}


def test_others_on_a_machine_of_load_and_members_are_told(tmp_path: Path) -> None:
    cpu = dict.fromkeys(TOGETHER, 198.0) | {"worker-1": 10, "worker-2": 10, "zookeeper": 20}
    found = used(tmp_path, cpu, machines=TOGETHER)
    assert (found.verdict, rules(found)) == ("valid", {"load-host-busy": "note"})
    assert "load1, zk1, zk2, zk3 99 %, of which the run's own processes used 42;" in text(found, "load-host-busy")


@pytest.mark.parametrize(("grown_mib", "expected"), [(15, {}), (17, {"swapping": "note"})])
def test_swap_that_grew_in_the_measured_part_is_a_note(
    tmp_path: Path, grown_mib: int, expected: dict[str, str]
) -> None:
    def sample(host: str, process: str, at_s: float) -> dict[str, object]:
        before, grown = (900, grown_mib) if host == "zk3" else (2000 if at_s < 5 else 0, 0)
        return {} if process else {"swap_bytes": (before + (grown if 20 < at_s < 25 else 0)) * 1024**2}

    found = judged(tmp_path, host_sample=sample)
    assert (found.verdict, rules(found)) == ("valid", expected)
    if expected:
        assert "1 of 4 machines swapped out at least 16 MiB in the measured part, zk3 17 MiB:" in text(
            found, "swapping"
        )
