"""Pictures for print are drawn in several processes."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from reporting.render import pictures


def spec(value: float) -> dict[str, Any]:
    return {
        "data": {"values": [{"x": 0, "y": value}, {"x": 1, "y": value}]},
        "mark": "line",
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }


def test_every_chart_is_drawn_whatever_process_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    drawers: list[int] = []
    monkeypatch.setattr("vl_convert.vegalite_to_svg", lambda *_: drawers.append(os.getpid()))  # not in this process
    pictures.draw_all({f"chart-{number}": spec(number) for number in range(8)}, tmp_path, as_pdf=True)
    assert drawers == []
    svgs = [(tmp_path / f"chart-{number}.svg").read_text() for number in range(8)]
    assert all(svg.startswith("<svg") for svg in svgs)
    assert len(set(svgs)) == 8
    pngs = [(tmp_path / f"chart-{number}.png").read_bytes() for number in range(8)]
    assert all(png.startswith(b"\x89PNG") for png in pngs)
    pdfs = [(tmp_path / f"chart-{number}.pdf").read_bytes() for number in range(8)]
    assert all(pdf.startswith(b"%PDF") for pdf in pdfs)
    # An inch of the picture is an inch on paper: 96 pixels, 72 points.
    sizes = [re.search(r'width="([\d.]+)" height="([\d.]+)"', svg) for svg in svgs]
    boxes = [re.search(rb"/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+)", pdf) for pdf in pdfs]
    for size, box in zip(sizes, boxes, strict=True):
        assert size
        assert box
        assert [float(edge) for edge in box.groups()] == [pytest.approx(float(edge) * 0.75) for edge in size.groups()]


def test_a_chart_that_cannot_be_drawn_ends_the_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    specs = {f"chart-{number}": spec(number) for number in range(7)} | {"broken": {"mark": "no such mark"}}
    with pytest.raises(ValueError, match="Vega-Lite to SVG conversion failed"):
        pictures.draw_all(specs, tmp_path)
