"""The strip of events above the charts over time, and the events that it shows."""

import json
from pathlib import Path

import pandas as pd
import pytest

from reporting import judge_run
from reporting.analyse.happenings import COLUMNS
from reporting.analyse.workers import LOST_EVENT
from reporting.render import chart_list, drawing, event_lanes, html_page
from reporting.render.event_lanes import MAX_MARKS
from tests.unit.reporting.slow_runs import SlowRun
from tests.unit.reporting.synthetic import Synthetic


def pauses(count: int, end_s: float) -> pd.DataFrame:
    """`count` pauses of 4 ms, and one of 2 s in the middle."""
    rows = [(end_s * i / count, end_s * i / count + 0.004, "gc-pause", f"zk{i % 3 + 1}", "young") for i in range(count)]
    rows.append((end_s / 2, end_s / 2 + 2.0, "gc-pause", "zk1", "full"))
    return pd.DataFrame(sorted(rows), columns=list(COLUMNS))


def test_each_kind_that_occurs_has_a_row() -> None:
    events = pd.DataFrame(
        [
            (3.0, 3.1, "gc-pause", "zk1", ""),
            (1.0, 2.0, "election", "zk1", "leader"),
            (4.0, 4.0, "worker-lost", "load1", ""),
        ],
        columns=list(COLUMNS),
    )
    found = event_lanes.lanes(events, [], 10.0)
    assert [(lane.words, lane.spans) for lane in found] == [
        ("election", True),
        ("GC pause", True),
        ("worker lost", False),
    ]
    assert len({(lane.colour, lane.shape) for lane in found}) == 3


def test_few_events_are_marks_of_their_own() -> None:
    (lane,) = event_lanes.lanes(pauses(MAX_MARKS - 1, 60.0), [], 60.0)
    assert len(lane.marks) == MAX_MARKS
    assert not lane.combined


def test_many_events_are_combined_and_the_longest_stays() -> None:
    (lane,) = event_lanes.lanes(pauses(20_000, 86_400.0), [], 86_400.0)
    assert len(lane.marks) <= 250
    assert lane.marks["n"].sum() == 20_001
    longest = lane.marks.sort_values("o").iloc[-1]
    assert (longest["s"], longest["e"], longest["l"]) == (43_200.0, 43_202.0, "2 s")
    assert longest["w"] == "zk1, zk2, zk3"
    assert len(lane.marks.to_json(orient="records")) < 40_000


def test_bars_end_with_the_axis_and_tell_when_they_really_began() -> None:
    rows = [(-5.0, 3.0, "election", "zk1", "leader"), (58.0, 75.0, "election", "zk2", "")]
    lanes = event_lanes.lanes(pd.DataFrame(rows, columns=list(COLUMNS)), [], 60.0)
    frame = drawing.Frame(60.0, 1.0, "s", pd.DataFrame(), pd.DataFrame(), lanes)
    bars = event_lanes.layers(lanes, frame.axis("s"), "e:Q", 1.0, "s", interactive=True)[1]
    assert bars.data[["s", "e"]].to_numpy().tolist() == [[0.0, 3.0], [58.0, 60.0]]
    told = bars.to_dict()["encoding"]["tooltip"]
    began = next(field["field"] for field in told if field["title"].startswith("from"))
    assert bars.data[began].tolist() == [-5.0, 58.0]
    assert bars.data["l"].tolist() == ["8 s", "17 s"]


def test_the_strip_is_on_every_chart_over_time_and_its_data_once_on_the_page(tmp_path: Path) -> None:
    run = SlowRun(synthetic=Synthetic(run_time_s=60, stall_at_s=None, operations={"get": 200.0}))
    run.stall(20.0, 0.3)
    for number in range(100):
        run.event("gc-pause", "zk1", 5 + number / 2, 0.004, detail="a pause to find again")
    judged = judge_run(run.write(tmp_path / "run"))
    specs = {figure.slug: figure.page_spec() for figure in chart_list.build(judged)}
    over_time = [slug for slug, spec in specs.items() if "time since the load" in json.dumps(spec)]
    assert len(over_time) >= 10
    for slug in over_time:
        text = json.dumps(specs[slug])
        assert text.count("GC pause") >= 2, slug
        assert "slow operations" in text, slug
    assert json.dumps(html_page.sharing(specs)).count("a pause to find again") == 100


def test_a_chart_for_print_has_the_strip(tmp_path: Path) -> None:
    run = SlowRun()
    run.event("election", "zk1", 20.0, 0.3)
    judged = judge_run(run.write(tmp_path / "run"))
    rate = next(figure for figure in chart_list.build(judged) if figure.slug == "rate")
    assert "election" in json.dumps(rate.file_spec(""))


def test_rows_lie_above_the_plot_in_order() -> None:
    lanes = event_lanes.lanes(pauses(3, 60.0), [], 60.0)
    frame = drawing.Frame(60.0, 1.0, "s", pd.DataFrame(), pd.DataFrame(), lanes)
    assert frame.room_above == event_lanes.height(lanes) > 0
    layers = event_lanes.layers(lanes, frame.axis("s"), "e:Q", 1.0, "s", interactive=True)
    bars = layers[1].to_dict()["encoding"]
    assert bars["y"]["value"] < bars["y2"]["value"] < 0
    assert bars["x"]["scale"]["domain"] == [0, 60.0]


def test_events_are_placed_by_the_clock_of_their_host(tmp_path: Path) -> None:
    run = SlowRun(synthetic=Synthetic(stall_at_s=None, clocks_ahead_s={"zk2": 2.0}))
    run.event("gc-pause", "zk2", 22.0, 0.3, clock="zk2")
    run.event("gc-pause", "zk1", 20.0, 0.3, clock="zk1")
    found = judge_run(run.write(tmp_path / "run")).why.events
    assert found["start_s"].tolist() == pytest.approx([20.0, 20.0], abs=0.001)
    assert (found["end_s"] - found["start_s"]).tolist() == pytest.approx([0.3, 0.3])


def test_an_older_file_of_events_is_read_and_a_silent_loss_is_an_event(tmp_path: Path) -> None:
    judged = judge_run(Synthetic(worker_lost_at_s=25, older=True).write(tmp_path / "older"))
    assert judged.why.events["kind"].tolist() == [LOST_EVENT]
    path = tmp_path / "older" / "events.csv"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if LOST_EVENT not in line))
    events = judge_run(tmp_path / "older").why.events
    assert events["detail"].tolist() == ["its figures stop here"]
