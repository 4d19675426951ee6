"""What repeats of the same faults say: planted times of recovery, some of which have no end."""

import json
import math
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reporting import check_conditions, load_experiment, write_experiment
from reporting.analyse import experiment_answers
from reporting.analyse.censored_times import Time, compare_censored
from reporting.errors import InputError
from reporting.read import experiment_folder
from reporting.render import experiment_charts
from reporting.text import NOTHING
from tests.unit.experiments.folders import experiment, noisy

KILL, PAUSE = "kill leader", "pause leader for 3 s"
WINDOW_S = 12.0
RECOVERY: dict[str, Any] = {
    "kind": "recovery",
    "arms": {"old": {"zookeeper_version": "3.8.4"}, "new": {"zookeeper_version": "3.9.3"}},
    "repeats": 6,
}
Took = Callable[[str, int, str], float | None]
"""How long the first write took after a fault, by arm and repeat; None for never."""


def fault(number: int, title: str, write_s: float | None) -> dict[str, Any]:
    """A fault of a run's report. Reads are not interrupted, and an election is known only after a kill."""
    course = [0.0 if at > 50 and (write_s is None or at < 50 + 10 * write_s) else 600.0 for at in range(150)]
    start_s = 10.0 + (number - 1) * WINDOW_S
    return {
        "number": number, "title": title, "start_s": start_s, "until_s": start_s + WINDOW_S, "writes": True,
        "reads": True, "rate_before_per_s": 600.0, "p99_before_us": 900.0, "after_write_s": write_s,
        "after_read_s": 0.0, "after_rate_s": write_s and write_s + 0.1, "after_p99_s": write_s and write_s + 1,
        "after_leader_s": 0.3 if title == KILL else None, "session_silence_s": write_s or WINDOW_S,
        "session_answered": write_s is not None, "failures": 3, "censored": 0, "above": None, "moved": 4, "lost": 0,
        "expired": 1, "client": "native", "objective": None,
        "around": {"from_s": -5.0, "step_s": 0.1, "succeeded_per_s": course, "failed_per_s": [0.0] * len(course)},
    }  # fmt: skip


def recovered(
    results: Path,
    took: Took,
    content: dict[str, Any] = RECOVERY,
    verdict: str = "valid",
    titles: tuple[str, ...] = (KILL, PAUSE),
) -> Path:
    """Make an experiment whose runs recovered so."""
    folder = experiment(results, content, noisy(1))
    runs = json.loads((folder / "manifest.json").read_text())["runs"]
    for run in runs:
        file = results / run["run_id"] / "report.json"
        report = json.loads(file.read_text())
        report["faults"] = [
            fault(number, title, took(run["arm"], run["block"], title)) for number, title in enumerate(titles, 1)
        ]
        file.write_text(json.dumps(report))
    return folder


def steadily(kill: dict[str, float], noise: float = 0.05) -> Took:
    choice = random.Random(4)
    return lambda arm, _block, title: (kill[arm] if title == KILL else 4.0) * math.exp(choice.gauss(0, noise))


def with_gaps(arm: str, block: int, title: str) -> float | None:
    """With the new release, writes never come back after a kill; after a pause, in one of the repeats of the old."""
    if title == KILL:
        return None if arm == "new" else 0.5 + block / 50
    return None if arm == "old" and block == 2 else 4.0 + block / 50


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recovered(tmp_path_factory.mktemp("slower"), steadily({"old": 0.6, "new": 1.2}))


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recovered(tmp_path_factory.mktemp("never"), with_gaps)


def written(folder: Path) -> dict[str, Any]:
    write_experiment(folder)
    content: dict[str, Any] = json.loads((folder / "experiment.json").read_text())
    return content


def of(found: dict[str, Any], fault: str, figure: str) -> dict[str, Any]:
    (one,) = [each for each in found["figures"] if (each["fault"], each["figure"]) == (fault, figure)]
    return dict(one)


def test_a_planted_difference_is_found(slower: Path) -> None:
    found = written(slower)
    killed, paused = of(found, KILL, "write"), of(found, PAUSE, "write")
    assert killed["answer"] == "changed"
    assert killed["low"] < 2 < killed["high"]
    assert paused["answer"] == "equivalent"
    assert of(found, KILL, "read")["answer"] == "equivalent"  # at once in both
    assert found["answer"].startswith("Kill leader, first write: ")
    assert "with new (" in found["answer"]
    assert "by pairs, changed. Pause leader for 3 s, first write: " in found["answer"]


def test_a_rolling_operation_is_told_by_the_longest_silence(tmp_path: Path) -> None:
    titles = ("rolling-upgrade to 3.9.3", KILL)
    folder = recovered(tmp_path, steadily({"old": 0.6, "new": 1.2}), titles=titles)
    found = written(folder)
    assert found["answer"].startswith("Rolling-upgrade to 3.9.3, longest silence: ")
    assert ". Kill leader, first write: " in found["answer"]
    page = (folder / "experiment.md").read_text()
    assert "they count from the first stop: the longest silence tells the waiting" in page
    assert "longest silence, rolling-upgrade to 3.9.3" in page


def test_each_sample_has_all_its_repeats(slower: Path) -> None:
    samples = {(each["arm"], each["fault"], each["figure"]): each for each in written(slower)["recoveries"]}
    assert all(len(each["times"]) == 6 and each["never"] == 0 for each in samples.values())
    assert samples["new", KILL, "write"]["median_s"] == pytest.approx(1.2, rel=0.1)
    assert samples["old", KILL, "read"]["median_s"] == 0
    assert ("old", PAUSE, "leader") not in samples  # no election is no recovery


def test_what_never_recovers_counts_as_longer(never: Path) -> None:
    found = written(never)
    killed = of(found, KILL, "write")
    assert killed["answer"] == "changed"
    assert killed["low"] > 15
    assert killed["high"] is None
    samples = {(each["arm"], each["fault"], each["figure"]): each for each in found["recoveries"]}
    assert samples["new", KILL, "write"]["never"] == 6
    assert samples["new", KILL, "write"]["median_s"] is None
    assert {each["seconds"] for each in samples["new", KILL, "write"]["times"]} == {WINDOW_S}
    assert samples["old", PAUSE, "write"]["never"] == 1
    assert of(found, PAUSE, "write")["answer"] == "undecided"
    assert any(
        "in 1 of 6 repeats: first write, rate as before, longest silence. They count" in note for note in found["notes"]
    )
    assert "never with new (over 12.0 s), at least " in found["answer"]


def test_the_table_and_markdown_say_it(never: Path) -> None:
    write_experiment(never)
    text = (never / "experiment.md").read_text()
    assert "| kill leader | first write | new | valid | changed | never | over 12.0 s | 6 of 6 | ≥ " in text
    assert (
        f"| pause leader for 3 s | first write | old | valid | {NOTHING} | 4.09 s | 4.02 to over 12.0 s | 1 of 6 |"
        in text
    )
    assert "## What the faults cost" in text
    assert "| kill leader | old | 3 | 0 | 4 | 0 | 1 |" in text  # without an objective, no column for it
    assert "first write, kill leader" in text  # of each run


def test_every_chart_can_be_drawn(slower: Path, never: Path) -> None:
    for folder in (slower, never):
        figures = experiment_charts.build(experiment_answers.build(experiment_folder.load(folder)))
        assert [figure.slug for figure in figures] == [
            *("course-1", "recovery-1", "ratios-1-1"),
            *("course-2", "recovery-2", "ratios-2-1"),
        ]
        for figure in figures:
            assert figure.page_spec()["layer"]
            assert figure.file_spec("x")["layer"]
            assert "Infinity" not in json.dumps(figure.page_spec())
    assert "An arrow is a repeat" in figures[1].caption
    assert "Recovery after kill leader" in (never / "experiment.html").read_text()


def test_junit_fails_for_changes_and_for_what_does_not_recover(never: Path) -> None:
    write_experiment(never)
    cases = {
        case.get("name"): next(iter(case)).tag
        for case in ElementTree.parse(never / "experiment.junit.xml").getroot().iter("testcase")
    }
    assert cases["old: write of kill leader recovers"] == "system-out"
    assert cases["new: write of kill leader recovers"] == "failure"
    assert cases["new beside old: write of kill leader"] == "failure"
    assert cases["new beside old: read of kill leader"] == "system-out"
    assert cases["new beside old: write of pause leader for 3 s"] == "skipped"


def test_conditions_are_checked_for_each_fault(slower: Path, never: Path) -> None:
    lines, code = check_conditions(slower, ["write > +50%"])
    assert lines == [
        "new: fail if write of kill leader > +50%: fail",
        "new: fail if write of pause leader for 3 s > +50%: pass",
    ]
    assert code == 1
    assert check_conditions(slower, [f"write of {PAUSE} > +50%"])[1] == 0
    assert check_conditions(never, [f"write of {KILL} > +50%"])[1] == 1
    assert check_conditions(never, [f"write of {PAUSE} > +0%"])[1] == 3
    with pytest.raises(InputError, match="does not compare wirte of kill leader, did you mean write of kill leader"):
        check_conditions(slower, ["wirte of kill leader > +5%"])
    with pytest.raises(InputError, match="does not compare write of kill leadr"):
        check_conditions(slower, ["write of kill leadr > +5%"])


def test_one_arm_has_distributions_and_nothing_to_compare(tmp_path: Path) -> None:
    folder = recovered(tmp_path, steadily({"ensemble": 0.6}), {"kind": "recovery"})
    found = written(folder)
    assert found["figures"] == []
    assert found["answer"].startswith("Kill leader, first write: ")
    assert [arm["name"] for arm in found["arms"]] == ["ensemble"]
    assert len(found["runs"]) == 5
    with pytest.raises(InputError, match="has one arm"):
        check_conditions(folder, ["write > +5%"])


def test_frames_have_each_time(never: Path) -> None:
    found = load_experiment(never)
    times = found.recoveries.query("fault == @KILL and figure == 'write'")
    assert len(times) == 12
    assert times[times["arm"] == "new"]["ended"].sum() == 0
    assert set(found.comparisons["operation"]) == {KILL, PAUSE}


def test_runs_without_faults_say_nothing(tmp_path: Path) -> None:
    folder = experiment(tmp_path, RECOVERY, noisy(1))
    found = written(folder)
    assert found["answer"] == "There are too few runs for an answer."
    assert experiment_charts.build(experiment_answers.build(experiment_folder.load(folder))) == []


def ended(*seconds: float) -> list[Time]:
    return [Time(each) for each in seconds]


def test_censored_times_are_compared_by_what_is_certain() -> None:
    quick, slow = ended(0.6, 0.7, 0.65, 0.62, 0.8), [Time(15, ended=False)] * 5
    found = compare_censored(quick, slow)
    assert found.p_value == pytest.approx(2 / 252)  # Gehan's statistic is the most extreme of 252
    assert (round(found.low, 3), found.high) == (round(15 / 0.7, 3), math.inf)
    turned = compare_censored(slow, quick)
    assert turned.low == 0
    assert turned.high == pytest.approx(1 / found.low)
    unknown = compare_censored(slow, slow)
    assert (unknown.p_value, unknown.low, unknown.high) == (1.0, 0.0, math.inf)


def test_the_interval_of_censored_times_covers_the_true_ratio() -> None:
    choice = random.Random(7)

    def some(scale: float) -> list[Time]:
        drawn = [scale * math.exp(choice.gauss(0, 0.3)) for _ in range(5)]
        return [Time(min(each, 1.2), each <= 1.2) for each in drawn]

    covered = [(found := compare_censored(some(1), some(1.5))).low <= 1.5 <= found.high for _ in range(100)]
    assert sum(covered) >= 90
