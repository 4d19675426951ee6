"""An experiment as data frames: the same figures as in its report, with the types that the documentation says."""

import json
from pathlib import Path

import pytest

from reporting import InputError, load_experiment, write_experiment
from tests.unit.experiments.folders import COMPARE, experiment, noisy, step

CAPACITY = {
    "kind": "capacity",
    "objectives": ["p99 < 20ms"],
    "rates": {"lowest": 50, "first": 100, "highest": 5000},
}


def test_a_comparison_has_runs_figures_and_comparisons(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))
    write_experiment(folder)
    found = load_experiment(folder)
    assert (found.kind, found.state, found.arms) == ("compare", "finished", ("old", "new"))
    assert found.runs["run"].tolist() == list(range(1, 11))
    assert found.runs.groupby("arm")["counts"].sum().to_dict() == {"old": 5, "new": 5}
    assert found.runs["rate_per_s"].isna().all()
    values = found.figures.query("figure == 'p99' and operation == 'all operations'").set_index("run")["value"]
    assert len(values) == 10
    report = json.loads((tmp_path / "run-compare-7" / "report.json").read_text())
    assert values[7] == report["total"]["p99_us"]
    (row,) = found.comparisons.query("figure == 'p99' and operation == 'all operations'").to_dict("records")
    written = json.loads((folder / "experiment.json").read_text())["figures"]
    same = next(each for each in written if (each["operation"], each["figure"]) == ("all operations", "p99"))
    assert {name: row[name] for name in ("answer", "ratio", "low", "high", "p_value", "pairs")} == {
        name: same[name] for name in ("answer", "ratio", "low", "high", "p_value", "pairs")
    }
    assert len(found.steps) == len(found.cells) == len(found.capacity) == 0


def test_a_search_has_steps_and_capacities(tmp_path: Path) -> None:
    folder = experiment(
        tmp_path,
        CAPACITY,
        lambda _: (1.0, 1.0),
        passed=lambda request: (request.rate_per_s or 0) <= 460,
        step=step,
    )
    found = load_experiment(folder)
    assert found.steps["rate_per_s"].is_monotonic_increasing
    assert set(found.steps["state"]) == {"met", "not met"}
    assert (found.steps["upper"] / found.steps["value"]).tolist() == pytest.approx([1.05] * len(found.steps))
    (capacity,) = found.capacity.to_dict("records")
    assert capacity["state"] == "confirmed"
    assert capacity["low_per_s"] <= 460 < capacity["high_per_s"]


def test_a_matrix_has_cells_with_a_column_for_each_axis(tmp_path: Path) -> None:
    grid = {"benchmark_users": [1, 2], "benchmark_parameters.val-size": [8, 64]}
    found = load_experiment(experiment(tmp_path, {"kind": "matrix", "grid": grid}, noisy(1)))
    rates = found.cells[found.cells["figure"] == "rate"].pivot(
        index="benchmark_users", columns="benchmark_parameters.val-size", values="mean"
    )
    assert rates.shape == (2, 2)
    assert rates.loc["1", "8"] == pytest.approx(1000, rel=0.03)


def test_types_do_not_depend_on_what_there_is(tmp_path: Path) -> None:
    compare = load_experiment(experiment(tmp_path, COMPARE, noisy(1)))
    capacity = load_experiment(
        experiment(tmp_path, CAPACITY, lambda _: (1.0, 1.0), passed=lambda request: request.number < 4, step=step)
    )
    for name in ("runs", "figures", "comparisons", "steps", "capacity", "cells"):
        assert getattr(compare, name).dtypes.to_dict() == getattr(capacity, name).dtypes.to_dict(), name
    assert str(compare.runs.dtypes["block"]) == "Int64"
    assert str(compare.comparisons.dtypes["ratio"]) == "float64"


def test_a_folder_without_an_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no manifest that can be read"):
        load_experiment(str(tmp_path))
