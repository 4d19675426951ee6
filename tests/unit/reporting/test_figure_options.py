"""Figure options: which chart an option is for, what it changes, and what is refused."""

from typing import Any

import pytest

from reporting import InputError
from reporting.render.chart import Figure
from reporting.render.figure_options import AS_IT_IS, CHARTS_OF_2019, Look, adjusted, parse_options


def test_an_exact_name_goes_before_a_pattern_and_a_longer_pattern_before_a_shorter_one() -> None:
    options = parse_options(
        [("latency-get.height", "4"), ("latencies.height", "3"), "latency-*.height=2", ("*.height", "1"), "*.shade off"]
    )
    assert [options.of(slug).height for slug in ("latency-get", "latency", "latency-set", "rate")] == [4, 3, 3, 1]
    assert options.of("rate") == Look(height=1, shade=False)
    assert parse_options([("*.height", "5"), ("*.height", "6")]).of("rate").height == 6
    assert parse_options([]).of("rate") == AS_IT_IS


@pytest.mark.parametrize("chart", [chart for chart in CHARTS_OF_2019 if chart not in ("errors", "client_count")])
def test_charts_of_2019_have_a_chart_of_today(chart: str, drawn: list[Figure]) -> None:
    option = parse_options([(f"{chart}.height", "5")])
    assert any(option.of(figure.slug).height == 5 for figure in drawn)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("latencies", "3", "--option [latencies]: this is not CHART.NAME; write e.g. latencies.height 10"),
        (".height", "3", "--option [.height]: this is not CHART.NAME"),
        ("latencies.heigth", "3", "--option latencies.heigth: there is no option heigth, did you mean height?; known:"),
        ("*.per_worker", "False", "--option *.per_worker: workers have charts of their own (worker-cpu, …); leave it"),
        ("rate.height", "tall", "--option rate.height [tall]: this is not a number of inches from 1 to 50; write e.g."),
        ("rate.width", "0", "--option rate.width [0]: this is not a number of inches from 1 to 50; write e.g. 10"),
        ("rate.height", "nan", "--option rate.height [nan]: this is not a number of inches"),
        ("rate.top", "", "--option rate.top []: this is not a number; write e.g. 10"),
        ("rate.top", "inf", "--option rate.top [inf]: this is not a number"),
        ("rate.shade", "maybe", "--option rate.shade [maybe]: this must be true or false"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(key: str, value: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_options([(key, value)])
    assert str(refused.value).startswith(said)


def test_an_option_that_would_change_nothing_is_refused() -> None:
    slugs = ["rate", "latency", "latency-get"]
    parse_options([("errors.height", "3"), ("latency-*.top", "3")]).check(slugs, in_files=False)
    with pytest.raises(
        InputError, match=r"--option latancy.top: this report has no such chart, did you mean latency\?"
    ):
        parse_options([("latancy.top", "3")]).check(slugs, in_files=False)
    with pytest.raises(InputError, match=r"--option nodes-\*.top: this report has no such chart"):
        parse_options([("nodes-*.top", "3")]).check(slugs, in_files=False)
    wide = parse_options([("*.width", "3")])
    wide.check(slugs, in_files=True)
    with pytest.raises(
        InputError, match=r"--option \*.width: charts of the page are as wide as their place; add --fig"
    ):
        wide.check(slugs, in_files=False)


def domains(spec: dict[str, Any]) -> set[tuple[float, float]]:
    axes = [layer["encoding"]["y"] for layer in spec["layer"] if "y" in layer.get("encoding", {})]
    return {tuple(axis["scale"]["domain"]) for axis in axes if "scale" in axis}


def test_a_look_changes_size_limits_and_bands(drawn: list[Figure], specs: dict[str, dict[str, Any]]) -> None:
    before = specs["rate"]
    figure = next(figure for figure in drawn if figure.slug == "rate")
    found = figure.page_spec(Look(height=5, width=9, top=7, bottom=-1))
    assert (found["height"], found["width"]) == (480, "container")
    assert figure.file_spec("", Look(height=5, width=9))["width"] == 864
    assert domains(found) == {(-1, 7)}
    lines = [
        layer["mark"] for layer in found["layer"] if "y" in layer["encoding"] and "scale" in layer["encoding"]["y"]
    ]
    assert lines
    assert all(mark["clip"] for mark in lines)
    assert before == specs["rate"] == adjusted(before, AS_IT_IS, "rate", in_file=False)


def test_a_logarithmic_axis_has_ticks_within_its_limits_and_no_0(specs: dict[str, dict[str, Any]]) -> None:
    before = specs["latency"]
    ((low, high),) = domains(before)
    found = adjusted(before, Look(bottom=0, top=10_000), "latency", in_file=False)
    assert domains(found) == {(low, 10_000)}
    axes = [layer["encoding"].get("y", {}) for layer in found["layer"]]
    values = {tuple(y["axis"]["values"]) for y in axes if "scale" in y}
    assert all(tick <= 10_000 for ticks in values for tick in ticks)
    assert max(max(ticks) for ticks in values) > high
    with pytest.raises(InputError, match=r"--option: the axis of latency would reach from bottom \[1e\+06\] to top"):
        adjusted(before, Look(bottom=1e6), "latency", in_file=False)


def test_without_shade_a_chart_has_no_bands() -> None:
    spec = {"height": 100, "layer": [{"mark": {"type": "area"}}, {"mark": "line"}]}
    assert adjusted(spec, Look(shade=False), "rate", in_file=False)["layer"] == [{"mark": "line"}]
    assert len(adjusted(spec, Look(shade=True), "rate", in_file=False)["layer"]) == 2


def test_marks_at_the_bottom_of_a_plot_stay_there_and_those_above_it_too() -> None:
    places = (96, 0, -12)
    spec = {"height": 100, "layer": [{"mark": "rule", "encoding": {"y": {"value": place}}} for place in places]}
    found = adjusted(spec, Look(height=2), "rate", in_file=False)
    assert [layer["encoding"]["y"]["value"] for layer in found["layer"]] == [188, 0, -12]
