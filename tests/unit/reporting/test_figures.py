"""Charts say what they show, in which unit, and not by colour alone."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import vl_convert

from reporting import judge_run
from reporting.render import chart_list, drawing, theme
from reporting.render.chart import Figure
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import Synthetic


@pytest.fixture(scope="module")
def file_specs(drawn: list[Figure]) -> dict[str, dict[str, Any]]:
    return {figure.slug: figure.file_spec("label, run") for figure in drawn}


def line_layer(spec: dict[str, Any]) -> dict[str, Any]:
    """The layer that draws the series."""
    found: dict[str, Any] = next(layer for layer in spec["layer"] if layer["mark"].get("type") == "line")
    return found


def test_every_chart_that_was_asked_for_is_there(drawn: list[Figure]) -> None:
    assert [figure.slug for figure in drawn] == [
        *("rate", "failures", "latency", "latency-get", "latency-set", "distribution"),
        *("worker-cpu", "worker-cpu-wait"),
        *("member-outstanding-requests", "member-average-latency", "member-connections", "member-znodes"),
        *("member-watches", "zookeeper-cpu"),
        *("machine-cpu", "machine-network", "machine-disk-writes", "machine-disk-busy"),
    ]


def test_every_chart_has_a_title_a_caption_a_description_and_units(drawn: list[Figure], specs: dict[str, Any]) -> None:
    units = ("(ms)", "a second", "percent", "requests", "connections", "znodes", "watches")
    for figure in drawn:
        assert figure.title
        assert figure.caption.endswith(".")
        assert "median" in figure.description or "p99.9" in figure.description
        encoding = line_layer(specs[figure.slug])["encoding"]
        assert any(unit in encoding["y"]["title"] for unit in units), figure.slug
        assert encoding["x"]["title"] in ("time since the load started (s)", "percentile of the successful operations")


def test_series_differ_in_dash_and_not_only_in_colour(drawn: list[Figure], specs: dict[str, Any]) -> None:
    for figure in drawn:
        encoding = line_layer(specs[figure.slug])["encoding"]
        colour, dash = encoding["color"]["scale"], encoding["strokeDash"]["scale"]
        assert colour["domain"] == dash["domain"]
        assert len({json.dumps(pattern) for pattern in dash["range"]}) == len(dash["domain"])
        assert set(colour["range"]) <= set(theme.PALETTE)


@pytest.mark.parametrize("count", [1, 6, 7, 20, 36])
def test_every_pair_of_colour_and_dash_is_unique(count: int) -> None:
    look = theme.Look([f"zk{i}" for i in range(count)])
    assert len({(c, tuple(d)) for c, d in zip(look.colours, look.dashes, strict=True)}) == count


def test_linear_axes_start_at_zero_and_logarithmic_ones_say_so(drawn: list[Figure], specs: dict[str, Any]) -> None:
    for figure in drawn:
        y = line_layer(specs[figure.slug])["encoding"]["y"]
        if y["scale"].get("type") == "log":
            assert figure.slug.startswith("latency") == ("log scale" in y["title"])
            assert y["scale"]["domain"][0] > 0
        else:
            assert y["scale"]["domain"][0] == 0


def test_charts_of_one_quantity_share_their_axis(drawn: list[Figure], specs: dict[str, Any]) -> None:
    found = [
        line_layer(specs[f.slug])["encoding"]["y"]["scale"]["domain"] for f in drawn if f.slug.startswith("latency")
    ]
    assert len(found) == 3
    assert all(domain == found[0] for domain in found)


def test_a_page_chart_fits_its_container_and_has_no_title_of_its_own(
    drawn: list[Figure], specs: dict[str, Any]
) -> None:
    for figure in drawn:
        spec = specs[figure.slug]
        assert spec["width"] == "container"
        assert "title" not in spec
        assert spec["description"] == figure.description


def test_a_file_has_title_and_run_on_it_and_no_selection(
    drawn: list[Figure], file_specs: dict[str, dict[str, Any]]
) -> None:
    for figure in drawn:
        spec = file_specs[figure.slug]
        assert spec["title"] == {"text": figure.title, "subtitle": ["label, run"]}
        assert "params" not in json.dumps(spec["layer"])
        assert spec["config"]["background"] == "white"


def test_every_chart_can_be_drawn_and_shows_stages_and_events(
    drawn: list[Figure], file_specs: dict[str, dict[str, Any]]
) -> None:
    for figure in drawn:
        svg = vl_convert.vegalite_to_svg(file_specs[figure.slug])
        assert figure.title in svg
        if figure.slug != "distribution":
            assert "warm-up" in svg
            assert "cool-down" in svg
            assert "load2 lost" in svg


def test_failures_have_a_chart_only_when_there_are_any(sound: JudgedRun) -> None:
    assert "failures" not in [figure.slug for figure in chart_list.build(sound)]


def test_one_operation_has_one_latency_chart(tmp_path: Path) -> None:
    found = chart_list.build(judge_run(Synthetic(operations={"set": 300.0}).write(tmp_path / "run")))
    assert [figure.title for figure in found if figure.slug.startswith("latency")] == ["Service time over time: set"]
    assert "legend" in line_layer(found[0].page_spec())["encoding"]["color"]
    assert line_layer(found[0].page_spec())["encoding"]["color"]["legend"] is None


@pytest.mark.parametrize("names", [["a.b", "c[0]", "it's", 'q"q', "x\\y", "a:Q", "€"], ["get", "Get", "€", "/"]])
def test_any_operation_name_can_be_drawn(tmp_path: Path, names: list[str]) -> None:
    run = Synthetic(operations=dict.fromkeys(names, 20.0), run_time_s=5).write(tmp_path / "run")
    found = chart_list.build(judge_run(run))
    slugs = [figure.slug for figure in found]
    assert len(set(slugs)) == len(slugs)
    for figure in found[:3]:
        vl_convert.vegalite_to_svg(figure.page_spec() | {"width": 300})


def test_many_members_and_workers_stay_readable(tmp_path: Path) -> None:
    run = Synthetic(members=12, workers=20, operations={"get": 200.0}, run_time_s=5).write(tmp_path / "run")
    found = {figure.slug: figure for figure in chart_list.build(judge_run(run))}
    names = line_layer(found["member-znodes"].page_spec())["encoding"]["color"]["scale"]["domain"]
    assert names == [f"zk{i}" for i in range(1, 13)]
    workers = line_layer(found["worker-cpu"].page_spec())["encoding"]["color"]["scale"]["domain"]
    assert workers == ["busiest worker", "median", "least busy"]
    machines = line_layer(found["machine-cpu"].page_spec())["encoding"]["color"]["scale"]["domain"]
    assert machines == ["busiest machine", "median", "least busy"]
    processes = line_layer(found["zookeeper-cpu"].page_spec())["encoding"]["color"]["scale"]["domain"]
    assert processes == names


def test_where_there_is_nothing_to_see_of_the_machines_there_is_no_chart(tmp_path: Path) -> None:
    still = {"net_receive_bytes_per_s": 99e3, "net_send_bytes_per_s": "", "disk_write_bytes_per_s": ""}
    run = Synthetic(host_sample=lambda _, process, __: {} if process else still | {"disk_busy_percent": 4.9})
    found = [figure.slug for figure in chart_list.build(judge_run(run.write(tmp_path / "run")))]
    assert [slug for slug in found if slug.startswith("machine-")] == ["machine-cpu"]


def test_the_name_of_a_machine_of_many_hosts_fits_a_legend(tmp_path: Path) -> None:
    together = dict.fromkeys(("load1", "zk1", "zk2", "zk3", "zk4", "zk5"), "one")
    run = Synthetic(members=6, machines=together).write(tmp_path / "run")
    found = {figure.slug: figure for figure in chart_list.build(judge_run(run))}
    machines = line_layer(found["machine-cpu"].page_spec())["encoding"]["color"]["scale"]["domain"]
    assert machines == ["load1, zk1, zk2, zk3 and 2 more", "zk6"]


def test_a_kernel_is_drawn_once_and_the_network_of_each_of_its_containers(tmp_path: Path) -> None:
    kernels = {"load1": "k", "zk1": "k", "zk3": "k", "zk2": "other"}  # zk4 does not tell
    run = Synthetic(
        members=4,
        kernels=kernels,
        # the sampler of one of them came late: another's samples are the kernel's
        host_sample=lambda host, _, at_s: None if host == "load1" and at_s < 3 else {"cpu_percent": 100},
    ).write(tmp_path / "run")
    found = {figure.slug: figure for figure in chart_list.build(judge_run(run))}
    for slug in ("machine-cpu", "machine-disk-writes", "machine-disk-busy"):
        layer = line_layer(found[slug].page_spec())
        assert layer["encoding"]["color"]["scale"]["domain"] == ["load1, zk1, zk3", "zk2", "zk4"]
        assert found[slug].caption.endswith(" Hosts that are containers of one kernel have one line together.")
    network = found["machine-network"]
    assert line_layer(network.page_spec())["encoding"]["color"]["scale"]["domain"] == [
        "load1",
        "zk1",
        "zk2",
        "zk3",
        "zk4",
    ]
    assert "kernel" not in network.caption
    points = next(rows for rows in found["machine-cpu"].page_spec()["datasets"].values() if "series" in rows[0])
    assert len([point for point in points if point["series"] == "load1, zk1, zk3"]) == 37
    assert min(point["time"] for point in points if point["series"] == "load1, zk1, zk3") < 1


def test_a_long_run_has_few_points_and_a_fitting_time_unit(tmp_path: Path) -> None:
    load = Synthetic(operations={"get": 2.0}, run_time_s=1200, stall_at_s=None, members=0, workers=1)
    load.host_sample = lambda *_: None
    rate = chart_list.build(judge_run(load.write(tmp_path / "run")))[0]
    spec = rate.page_spec()
    assert rate.caption == (
        "Each point is 5 s. The band is from the least to the greatest rate of its intervals of 1 s."
    )
    assert line_layer(spec)["encoding"]["x"]["title"] == "time since the load started (min)"
    assert max(len(rows) for rows in spec["datasets"].values()) <= 300


def test_a_run_without_figures_has_no_charts(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    assert chart_list.build(judge_run(tmp_path)) == []


def test_marks_close_to_each_other_are_labelled_once() -> None:
    frame = drawing.frame_of(
        results_timeline(), [(50.0, "a lost"), (51.0, "b lost"), (52.0, "c lost"), (90.0, "d lost")]
    )
    assert list(frame.marks["label"]) == ["a lost (+2)", "", "", "d lost"]
    assert list(frame.marks["time"]) == [50.0, 51.0, 52.0, 90.0]


def results_timeline() -> Any:
    from reporting.analyse.timeline import Span, Timeline

    return Timeline((), (Span("measured", 0.0, 100.0),), 0.0, 0.0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.5, 9.0, [0.5, 1, 2, 5]), (0.2, 2000.0, [1, 10, 100, 1000]), (1.0, 100.0, [1, 2, 5, 10, 20, 50, 100])],
)
def test_ticks_of_a_logarithmic_axis_are_round(low: float, high: float, expected: list[float]) -> None:
    assert drawing.log_ticks(low, high) == expected


def test_a_domain_without_values_exists() -> None:
    assert drawing.log_domain(pd.Series([], dtype=float)) == (0.1, 10.0)
