"""What a matrix says: which cell is best, which parameter matters, and what of that may be chance."""

import itertools
import json
import math
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import scipy.stats

from fleet.experiments.runner import Request
from reporting import write_experiment
from reporting.analyse import best_cells, experiment_answers, matrix_effects
from reporting.analyse.best_cells import Cell
from reporting.read import experiment_folder
from reporting.render import experiment_charts
from tests.unit.experiments.folders import experiment, noisy

SIZES = {"kind": "matrix", "grid": {"benchmark_parameters.val-size": [8, 512, 4096, 65536]}}
GRID = {"kind": "matrix", "grid": {"benchmark_users": [1, 2], "benchmark_parameters.val-size": [8, 64]}}


def grid(axes: Sequence[int], runs: int, choice: random.Random, spread: float = 0.03) -> list[Cell]:
    """A grid whose values are noise only."""
    return [
        Cell(str(place), tuple(map(str, place)), tuple(math.exp(choice.gauss(0, spread)) for _ in range(runs)))
        for place in itertools.product(*map(range, axes))
    ]


def one_axis(**values: Sequence[float]) -> list[Cell]:
    return [Cell(name, (name,), tuple(found)) for name, found in values.items()]


def test_the_effect_of_one_axis_is_that_of_an_analysis_of_variance() -> None:
    found = one_axis(a=(4116, 3825, 3403), b=(2853, 4580, 6579), c=(3587, 3455, 4280), d=(2326, 1807, 1664))
    effects = matrix_effects.effects(["size"], found)
    assert effects is not None
    expected = scipy.stats.f_oneway(*([math.log(value) for value in cell.values] for cell in found))
    assert effects.p_values == {"size": pytest.approx(float(expected.pvalue))}
    assert effects.of_axes["size"] == pytest.approx(0.7325, abs=1e-4)
    assert effects.together == pytest.approx(0.0)
    assert effects.p_together is None


def test_each_axis_and_their_joint_effect_are_tested_with_holms_correction() -> None:
    """Sums of squares of a balanced grid, by the formulas of the textbooks."""
    choice = random.Random(5)
    found = [
        Cell(
            f"{a}{b}",
            (str(a), str(b)),
            tuple(math.exp(0.05 * a + 0.03 * a * b + choice.gauss(0, 0.02)) for _ in range(4)),
        )
        for a in range(3)
        for b in range(2)
    ]
    logs = {cell.place: [math.log(value) for value in cell.values] for cell in found}

    def mean(**fixed: str) -> float:
        own = [value for (a, b), values in logs.items() for value in values
               if fixed.get("a", a) == a and fixed.get("b", b) == b]  # fmt: skip
        return sum(own) / len(own)

    of_a = sum(8 * (mean(a=str(a)) - mean()) ** 2 for a in range(3))
    of_b = sum(12 * (mean(b=str(b)) - mean()) ** 2 for b in range(2))
    cells = sum(4 * (mean(a=a, b=b) - mean()) ** 2 for a, b in logs)
    noise = sum((value - mean(a=a, b=b)) ** 2 for (a, b), values in logs.items() for value in values)
    p = {
        name: float(scipy.stats.f.sf(squares / degrees / (noise / 18), degrees, 18))
        for name, squares, degrees in (("a", of_a, 2), ("b", of_b, 1), ("both", cells - of_a - of_b, 2))
    }
    least, middle, most = sorted(p, key=lambda name: p[name])
    holm = {least: 3 * p[least]}
    holm[middle] = max(holm[least], min(1.0, 2 * p[middle]))
    holm[most] = max(holm[middle], p[most])

    effects = matrix_effects.effects(["a", "b"], found)
    assert effects is not None
    assert effects.p_values == pytest.approx({"a": holm["a"], "b": holm["b"]})
    assert effects.p_together == pytest.approx(holm["both"])
    assert effects.of_axes == pytest.approx({"a": of_a / (cells + noise), "b": of_b / (cells + noise)})


def test_shares_of_a_grid_with_missing_runs_add_up() -> None:
    found = grid((3, 2), 3, random.Random(3))
    unequal = [Cell(cell.name, cell.place, cell.values[: 1 + at % 3]) for at, cell in enumerate(found)]
    effects = matrix_effects.effects(["a", "b"], unequal)
    assert effects is not None
    assert sum(effects.of_axes.values()) + effects.together + effects.noise == pytest.approx(1.0)
    assert all(0 < p_value <= 1 for p_value in effects.p_values.values())


@pytest.mark.parametrize("axes", [(4,), (2, 2), (4, 2)])
def test_noise_is_seldom_taken_for_an_effect_or_a_best_cell(axes: tuple[int, ...]) -> None:
    choice, found, best = random.Random(2), 0, 0
    for _ in range(200):
        cells = grid(axes, 3, choice)
        effects = matrix_effects.effects([str(at) for at in range(len(axes))], cells)
        assert effects is not None
        found += min([*effects.p_values.values(), effects.p_together or 1.0]) < 0.05
        winner = best_cells.find("rate", cells)
        assert winner is not None
        best += not winner.not_told_apart
    assert found <= 16  # 5 % are expected
    assert best <= 4


@pytest.mark.parametrize(("axes", "runs"), [((8,), 3), ((4, 4), 3), ((2,), 5)])
def test_a_cell_as_good_as_all_others_is_seldom_told_apart_from_the_best(axes: tuple[int, ...], runs: int) -> None:
    """The best of many cells leads by chance: with 95 % for each interval, a fixed cell would be excluded often."""
    choice, excluded = random.Random(4), 0
    for _ in range(300):
        found = best_cells.find("rate", grid(axes, runs, choice))
        assert found is not None
        fixed = [each for each in found.rivals if set(each.cell.place) == {"0"}]
        excluded += any(each.is_told_apart for each in fixed)
    assert excluded <= 23  # the limit that 5 % would exceed once in a hundred times


def test_the_interval_of_the_best_cell_is_students_with_the_pooled_variance() -> None:
    found = best_cells.find("p99", one_axis(a=(10.0, 11.0), b=(20.0, 24.0), c=(15.0, 16.0)))
    assert found is not None
    assert [each.cell.name for each in found.rivals] == ["c", "b"]
    variance = sum(math.log(high / low) ** 2 / 2 for low, high in ((10, 11), (20, 24), (15, 16))) / 3
    half = math.exp(float(scipy.stats.t.ppf(1 - 0.05 / 2 / 2, 3)) * math.sqrt(variance))  # of two rivals
    ratio = math.sqrt(110 / 240)
    rival = found.rivals[0]
    assert (rival.ratio, rival.low, rival.high) == pytest.approx((ratio, ratio / half, ratio * half))
    assert found.not_told_apart == []


def by_size(seed: int, **factors: float) -> Callable[[Request], tuple[float, float]]:
    choice = random.Random(seed)

    def figures(request: Request) -> tuple[float, float]:
        factor = factors.get(f"of_{request.arm.place[0]}", 1.0) * math.exp(choice.gauss(0, 0.02))
        return 1000 * factor, 5000 * factor

    return figures


def test_a_best_cell_has_its_lead_with_an_interval(tmp_path: Path) -> None:
    folder = experiment(tmp_path, SIZES, by_size(1, of_512=1.2))
    answer = write_experiment(folder)[0]
    assert "The best cells: highest rate 1," in answer
    assert "/s with benchmark_parameters.val-size 512, +" in answer
    assert " % beside the next best (+" in answer
    assert "No single best cell: lowest p50 2." in answer
    best = json.loads((folder / "experiment.json").read_text())["best"]
    assert best["rate"]["place"] == ["512"]
    assert all(each["told_apart"] and each["low"] < 1.2 < each["high"] for each in best["rate"]["beside"])


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ({"of_512": 1.2}, "/s, told apart from all other cells."),
        ({"of_512": 1.2, "of_8": 1.2}, "/s, not told apart from 1 other cell."),
        ({"of_512": 1.2, "of_8": 1.2, "of_4096": 1.2}, "/s, not told apart from 2 other cells."),
    ],
)
def test_a_heat_map_says_how_many_cells_are_as_good(tmp_path: Path, factors: dict[str, float], said: str) -> None:
    folder = experiment(tmp_path, SIZES, by_size(1, **factors))
    figures = experiment_charts.build(experiment_answers.build(experiment_folder.load(folder)))
    assert said in next(figure.description for figure in figures if figure.slug == "cells-rate")


def test_a_cell_that_is_not_told_apart_from_others_is_not_called_the_best(tmp_path: Path) -> None:
    folder = experiment(tmp_path, SIZES, by_size(2, of_65536=0.5))
    answer = write_experiment(folder)[0]
    rate = answer.split("; ")[0]
    assert rate.startswith("Experiment matrix-1: The best cells: lowest p50")
    assert "No single best cell: highest rate " in answer
    named = answer.split("not told apart from ")[1].split(".")[0]
    assert set(named.split(" or ")) < {"8", "512", "4096"}


def test_cells_that_differ_in_one_setting_only_are_named_by_it(tmp_path: Path) -> None:
    choice = random.Random(3)

    def figures(request: Request) -> tuple[float, float]:
        factor = (2.0 if request.arm.place[0] == "1" else 1.0) * math.exp(choice.gauss(0, 0.02))
        return 1000 * factor, 1000 * factor

    content = GRID | {"grid": {"benchmark_users": [1, 2], "benchmark_parameters.val-size": [8, 64, 512]}}
    rate, latencies = write_experiment(experiment(tmp_path, content, figures))[0].split("; ")
    named = r"not told apart from benchmark_parameters.val-size \d+( or \d+)?\.?"
    assert re.search(rf"benchmark_users 1, benchmark_parameters.val-size \d+, {named}$", rate)
    assert re.search(rf"benchmark_users 2, benchmark_parameters.val-size \d+, {named}$", latencies)


def test_noise_has_no_best_cell_and_its_effects_may_be_chance(tmp_path: Path) -> None:
    folder = experiment(tmp_path, GRID, noisy(4))
    lines = write_experiment(folder)
    assert lines[0].startswith("Experiment matrix-1: No single best cell: highest rate ")
    assert lines[0].count("not told apart from") == 2, "the three latencies have the same noise here"
    assert re.search(r"lowest p50 \S+ ms, lowest p99 \S+ ms and lowest p99.9 \S+ ms with benchmark_users", lines[0])
    rate = next(line for line in lines if line.startswith("  - Rate: "))
    assert " may be chance; " in rate
    assert " explains " not in rate
    html = (folder / "experiment.html").read_text()
    assert "hollow star" in html
    assert "the star is the best cell" not in html


def test_what_matters_is_told_apart_from_chance(tmp_path: Path) -> None:
    choice = random.Random(1)

    def figures(request: Request) -> tuple[float, float]:
        return 1000 * int(request.arm.place[0]) * math.exp(choice.gauss(0, 0.01)), 5000 * math.exp(choice.gauss(0, 0.1))

    lines = write_experiment(experiment(tmp_path, GRID, figures))
    rate = next(line for line in lines if line.startswith("  - Rate: "))
    assert rate.startswith("  - Rate: benchmark_users explains 9")
    assert "of the variation (p < 0.001); benchmark_parameters.val-size (" in rate
    assert " and what they explain only together (" in rate
    assert rate.endswith(" is noise between runs of one cell.")


def test_without_a_second_run_of_any_cell_nothing_is_told_apart(tmp_path: Path) -> None:
    folder = experiment(tmp_path, GRID, noisy(4))
    content = json.loads((folder / "manifest.json").read_text())
    content.update(state="interrupted", runs=content["runs"][:4])
    (folder / "manifest.json").write_text(json.dumps(content))
    lines = write_experiment(folder)
    assert "not told apart from any of the 3 other cells" in lines[0]
    assert sum("Whether that is chance is not known, because no cell has two runs." in line for line in lines) == 4
    best = json.loads((folder / "experiment.json").read_text())["best"]["rate"]["beside"]
    assert {(each["low"], each["high"]) for each in best} == {(None, None)}


def test_a_star_marks_the_first_cell_and_hollow_ones_those_like_it(tmp_path: Path) -> None:
    folder = experiment(tmp_path, SIZES, by_size(2, of_65536=0.5))
    figures = experiment_charts.build(experiment_answers.build(experiment_folder.load(folder)))
    rate = next(figure for figure in figures if figure.slug == "cells-rate")
    rows = [row for rows in rate.page_spec()["datasets"].values() for row in rows]
    labels = {row["x"]: row["label"][0] for row in rows if "label" in row}
    assert sorted(labels.values())[1:] == ["★", "☆", "☆"]
    assert labels["65536"] in "45"
