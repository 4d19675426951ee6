"""The page of several runs in Chromium, offline: charts are drawn, nothing overflows, the tooltip has every run."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from reporting import overlay_runs
from tests.browser.contrast import WEAK_TEXT
from tests.unit.reporting.synthetic import Synthetic

pytestmark = pytest.mark.browser

IDS = ("20261124T031500Z-quick", "20261124T041500Z-quick-a-label-that-is-not-short", "20261124T051500Z-quick")


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    load: dict[str, Any] = {"run_time_s": 20, "stall_at_s": None, "members": 1, "workers": 1}
    for number, run_id in enumerate(IDS):
        Synthetic(run_id, **load, seed=number, manifest={"versions": {"locust": str(number)}}).write(results / run_id)
    overlay_runs(results, IDS, ["3.8.4", "3.9.3 with a long name", "3.9.3 with a long name"])
    return results / "overlay.html"


@pytest.fixture(scope="module", params=[390, 1400])
def page(request: pytest.FixtureRequest, browser: Browser, overlay: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": request.param, "height": 900}, offline=True)
    found = context.new_page()
    complaints: list[str] = []
    url = overlay.as_uri()
    found.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("request", lambda request: complaints.append(request.url) if request.url != url else None)
    found.goto(url)
    found.wait_for_function("document.documentElement.dataset.drawn === 'all'", timeout=30_000)
    yield found
    if folder := os.environ.get("ZK_LOCUST_SCREENSHOTS"):
        found.screenshot(path=Path(folder) / f"overlay-{request.param}.png", full_page=True)
    context.close()
    assert complaints == []


def test_every_chart_has_a_line_for_each_run_and_fits(page: Page) -> None:
    sizes = page.evaluate(
        """[...document.querySelectorAll("[data-chart]")].map((place) => {
            const box = place.querySelector("svg").getBoundingClientRect();
            return [place.dataset.chart, place.querySelectorAll("svg .mark-line path[d]").length, box.width,
                place.clientWidth];
        })"""
    )
    assert len(sizes) == 8
    for slug, lines, width, room in sizes:
        assert lines == len(IDS), slug
        assert 0.9 * room <= width <= room + 1, f"{slug} is {width} px wide where there are {room}"


def test_nothing_overflows_and_text_has_contrast(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert page.evaluate(WEAK_TEXT) == [], scheme
    page.emulate_media(color_scheme="light")


def test_the_tooltip_has_the_value_of_every_run(page: Page) -> None:
    chart = page.locator("#chart-rate svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6)
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.6)
    tooltip = page.locator("#vg-tooltip-element tr")
    tooltip.first.wait_for()
    rows = [line.split("\t") for line in tooltip.all_inner_texts()]
    assert len(rows) == 1 + len(IDS)
    assert all(float(value.replace(",", "")) > 0 for _, value in rows)
