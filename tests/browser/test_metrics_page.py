"""What the page of the members' metrics shows, in Chromium: a real Locust process, and stand-ins for AdminServers.

With ZK_LOCUST_SCREENSHOTS set, pictures of the page go into that folder.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.contrast import WEAK_TEXT
from tests.browser.metrics_page import CHARTS, LONG_NAME, NASTY, RATE_PER_S, TABS, show

pytestmark = pytest.mark.browser

WIDTHS = (390, 1400)


@pytest.fixture(scope="module", params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser, url: str) -> Iterator[Page]:
    """The page with some history. An error on the console, or a request for other data than its own, is a failure."""
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    found = context.new_page()
    complaints: list[str] = []
    found.on("console", lambda message: complaints.append(message.text))
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(url) else None)
    found.goto(f"{url}#charts")
    # Its policy forbids wait_for_function.
    expect(found.locator(".chart path.line")).to_have_count(2 * len(CHARTS), timeout=20_000)
    found.wait_for_timeout(2000)
    yield found
    if folder := os.environ.get("ZK_LOCUST_SCREENSHOTS"):
        for tab in TABS:
            show(found, tab)
            for scheme in ("light", "dark"):
                found.emulate_media(color_scheme="light" if scheme == "light" else "dark")
                name = f"metrics-{tab.lower()}-{request.param}-{scheme}.png"
                found.screenshot(path=Path(folder) / name, full_page=True)
    context.close()
    assert complaints == []


@pytest.fixture
def statistics(page: Page) -> Page:
    show(page, "Statistics")
    return page


@pytest.fixture
def charts(page: Page) -> Page:
    show(page, "Charts")
    return page


@pytest.fixture
def metrics(page: Page) -> Page:
    show(page, "Metrics")
    return page


def row(page: Page, name: str) -> Any:
    return page.locator("#members tbody tr").filter(has=page.get_by_role("rowheader", name=name))


def test_members_are_rows_where_there_is_room_and_cards_where_there_is_not(statistics: Page) -> None:
    size = statistics.viewport_size
    assert size is not None
    # In a single call, because the page replaces its rows each second.
    assert statistics.evaluate("getComputedStyle(document.querySelector('#members thead')).position") == (
        "static" if size["width"] >= 1400 else "absolute"
    )


def test_the_table_has_every_member_and_its_figures(statistics: Page) -> None:
    expect(statistics.locator("#status")).to_contain_text(
        "2 of 3 members answer · read once a second while this page is open"
    )
    cells = row(statistics, LONG_NAME).locator("td").all_inner_texts()
    assert cells[1:10] == ["3.9.3", "1\u00a0d 2\u00a0h", "12", "3", "0.812", "48", "1,234,567", "40", "9"]
    # From two readings a second apart; on a busy machine an answer may be half a second old.
    received, sent = (int(cell) for cell in cells[10:12])
    assert received == pytest.approx(RATE_PER_S, rel=0.6)
    assert sent == pytest.approx(received, rel=0.05)
    assert cells[12:] == ["71 / 1,048,576", "300"]
    labels = row(statistics, LONG_NAME).locator("td").evaluate_all("cells => cells.map((cell) => cell.dataset.label)")
    assert labels[5:7] == ["Latency (avg, ms)", "Latency (max, ms)"]
    assert labels[-1] == "Heap used (MiB)"


def test_a_member_that_cannot_be_reached_says_why(statistics: Page) -> None:
    assert row(statistics, "zk3").locator("td").all_inner_texts() == ["not reachable: no connection to the AdminServer"]


def test_what_a_member_says_is_text(statistics: Page) -> None:
    assert NASTY in row(statistics, "zk2").locator("td").first.inner_text()
    assert statistics.locator("img").count() == 0
    assert statistics.title() == "ZooKeeper metrics"


def test_every_chart_is_drawn_and_fits(charts: Page) -> None:
    drawn = charts.evaluate(
        """[...document.querySelectorAll(".chart")].map((chart) => {
            const box = chart.querySelector(".plot").getBoundingClientRect();
            const paths = [...chart.querySelectorAll("path.line")];
            return [chart.querySelector("h3").textContent, box.width / chart.clientWidth, box.height, paths.length];
        })"""
    )
    assert tuple(title for title, *_ in drawn) == CHARTS
    for title, share, height, lines in drawn:
        assert 0.85 < share < 1, title
        assert height > 150, title
        assert lines == 2, f"{title}: one line for each member that answers"
    assert charts.locator("#legend li").all_inner_texts() == [LONG_NAME, "zk2", "zk3"]


def test_a_metric_can_be_drawn_in_several_ways(charts: Page) -> None:
    chart = charts.locator(".chart").filter(has_text="Packets received")
    assert chart.locator("option").all_inner_texts() == ["growth per second", "total"]
    chart.get_by_role("combobox").select_option("total")
    expect(chart.locator("h3")).to_have_text("Packets received")
    charts.wait_for_timeout(1500)
    assert chart.get_by_role("combobox").input_value() == "total", "it stays chosen"
    chart.get_by_role("combobox").select_option("growth per second")
    summary = charts.locator(".chart").filter(has_text="Read latency")
    assert summary.locator("option").all_inner_texts() == [
        "mean between two polls", "mean since start", "least", "greatest", "p50", "p95", "p99", "p99.9",
        "count per second",
    ]  # fmt: skip
    summary.locator(".plot").hover()
    assert "0.5\u00a0ms" in summary.locator(".tip").inner_text(), "half a millisecond for each read"
    charts.mouse.move(0, 0)
    assert not charts.locator(".chart").filter(has_text="Znodes").get_by_role("combobox").is_visible()


def test_every_metric_is_listed_with_its_kind(metrics: Page) -> None:
    listed = metrics.locator("#metrics tbody tr")
    names = [text.split("\n")[0].split("\t")[0] for text in listed.all_inner_texts()]
    assert names == sorted(names)
    assert {"latency", "stale_requests", 'jvm_memory_bytes_used{area="heap"}', "peer_state"} <= set(names)
    assert "avg_readlatency" not in names
    kinds = {
        "latency": "summary", "readlatency": "summary", "packets_sent": "counter", "commit_count": "counter",
        "znode_count": "gauge", "approximate_data_size": "gauge", "server_state": "text",
    }  # fmt: skip
    for name, kind in kinds.items():
        found = listed.filter(has=metrics.get_by_role("checkbox", name=f"{name} in Statistics", exact=True))
        assert found.locator(".kind").inner_text() == kind, name
    assert metrics.get_by_role("checkbox", name="server_state in Charts").count() == 0, "text has no chart"


def test_the_list_can_be_filtered(metrics: Page) -> None:
    box = metrics.get_by_role("searchbox", name="Filter metrics")
    visible = metrics.locator("#metrics tbody tr:visible")
    before = visible.count()
    box.fill("latency READ")
    assert visible.count() == 1
    assert f"1 of {before} metrics" == metrics.locator("#filtered").inner_text()
    metrics.wait_for_timeout(1500)
    assert visible.count() == 1, "it stays filtered"
    box.fill("(.*")
    assert visible.count() == 0
    expect(metrics.get_by_text("No metric has all of these words.")).to_be_visible()
    box.fill("counter")
    assert set(metrics.locator("#metrics tbody tr:visible .kind").all_inner_texts()) == {"counter"}
    box.fill("")
    assert visible.count() == before


def test_what_is_ticked_is_in_the_other_tabs(metrics: Page) -> None:
    in_charts = metrics.get_by_role("checkbox", name="approximate_data_size in Charts")
    in_statistics = metrics.get_by_role("checkbox", name="approximate_data_size in Statistics")
    in_charts.check()
    in_statistics.check()
    show(metrics, "Charts")
    chart = metrics.locator(".chart").last
    expect(chart.locator("h3")).to_have_text("approximate_data_size (bytes)")
    expect(chart.locator("path.line")).to_have_count(2)  # with all of its history
    show(metrics, "Statistics")
    body = metrics.locator("#statistics tbody").filter(has_text="approximate_data_size")
    assert body.locator("td").all_inner_texts() == ["value (bytes)", "98,765,432", "98,765,432", "\u2013"]
    show(metrics, "Metrics")
    in_charts.uncheck()
    in_statistics.uncheck()
    show(metrics, "Charts")
    expect(metrics.locator(".chart")).to_have_count(len(CHARTS))


def test_tabs_go_by_keyboard_and_stand_in_the_address(metrics: Page) -> None:
    metrics.get_by_role("tab", name="Metrics").press("ArrowRight")
    expect(metrics.get_by_role("tab", name="Statistics")).to_be_focused()
    assert metrics.url.endswith("#statistics")
    assert [metrics.get_by_role("tabpanel", name=tab).is_visible() for tab in TABS] == [False, True, False]
    metrics.keyboard.press("End")
    assert metrics.url.endswith("#charts")
    metrics.keyboard.press("ArrowRight")
    assert metrics.url.endswith("#metrics")


def test_pointing_at_a_chart_shows_its_values(charts: Page) -> None:
    chart = charts.locator(".chart").first
    chart.locator(".plot").scroll_into_view_if_needed()
    chart.locator(".plot").hover()
    expect(chart.locator(".tip")).to_be_visible()
    text = chart.locator(".tip").inner_text()
    assert "0.812\u00a0ms" in text
    assert re.search(r"at \d+\u00a0s", text)
    assert charts.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    charts.mouse.move(0, 0)
    expect(chart.locator(".tip")).to_be_hidden()


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("narrower_px", [0, 60, 150, 400])
def test_nothing_overflows_sideways(page: Page, narrower_px: int, tab: str, request: pytest.FixtureRequest) -> None:
    show(page, tab)
    size = page.viewport_size
    assert size is not None
    request.addfinalizer(lambda: page.set_viewport_size(size))
    page.set_viewport_size({"width": max(320, size["width"] - narrower_px), "height": size["height"]})
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    outside = page.evaluate(
        """[...document.querySelectorAll("body *")].filter((element) =>
            !element.closest("svg, thead") && element.getBoundingClientRect().right > window.innerWidth + 1
        ).map((element) => element.outerHTML.slice(0, 80))"""
    )
    assert outside == []


@pytest.mark.parametrize("tab", TABS)
def test_text_has_contrast_in_both_schemes(page: Page, tab: str) -> None:
    show(page, tab)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        assert page.evaluate(WEAK_TEXT) == [], scheme
