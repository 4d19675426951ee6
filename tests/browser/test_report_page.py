"""The report's page in Chromium, offline: charts are drawn, nothing overflows, nothing is fetched.

The runs are synthetic. With ZK_LOCUST_SCREENSHOTS set, pictures of the pages go into that folder.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from reporting import judge_run, write_report
from reporting.render.printing import find_browser, print_page
from tests.browser.contrast import WEAK_TEXT
from tests.unit.reporting.open_loop import Simulated
from tests.unit.reporting.synthetic import Synthetic

pytestmark = pytest.mark.browser

WIDTHS = (390, 768, 1400)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("results")
    together = {f"zk{i}": "one" for i in range(1, 8)}
    many = {f"operation_with_a_long_name_{i}": 60.0 for i in range(8)}
    runs: dict[str, Synthetic | Simulated] = {
        "sound": Synthetic(),
        "troubled": Synthetic(failures_in_stall=40, worker_lost_at_s=25, cpu_percent=95, member_down=(10, 20)),
        "wide": Synthetic(
            operations=many,
            members=9,
            workers=12,
            machines=together,
            manifest={"run_id": "x" * 120, "label": "long " * 30},
        ),
        "open": Simulated(stopped=(33.0, 40.0), missing=(10.0, 15.0), most_queued=500, suppressed=1),
    }
    pages = {name: write_report(judge_run(run.write(folder / name))) for name, run in runs.items()}
    (folder / "void").mkdir()
    (folder / "void" / "manifest.json").write_text('{"state": "failed", "reason": "member zk2 did not start"}')
    return pages | {"void": write_report(judge_run(folder / "void"))}


@pytest.fixture(scope="module", params=["sound", "troubled", "wide", "open", "void"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=WIDTHS)
def opened(request: pytest.FixtureRequest, browser: Browser, reports: dict[str, Path], name: str) -> Iterator[Page]:
    """The page, offline, opened once. An error on the console, or a request for another file, is a failure."""
    context = browser.new_context(viewport={"width": request.param, "height": 900}, offline=True)
    found = context.new_page()
    complaints: list[str] = []
    url = reports[name].as_uri()
    found.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("request", lambda request: complaints.append(request.url) if request.url != url else None)
    found.goto(url)
    if name != "void":
        found.wait_for_function("document.documentElement.dataset.drawn === 'all'", timeout=30_000)
    yield found
    if folder := os.environ.get("ZK_LOCUST_SCREENSHOTS"):
        found.screenshot(path=Path(folder) / f"{name}-{request.param}.png", full_page=True)
    context.close()
    assert complaints == []


@pytest.fixture
def page(opened: Page) -> Page:
    """The page as a reader sees it first."""
    opened.emulate_media(media="screen", color_scheme="light")
    opened.mouse.move(0, 0)
    opened.evaluate("scrollTo(0, 0)")
    return opened


def test_every_chart_is_drawn_and_fits(page: Page, name: str) -> None:
    sizes = page.evaluate(
        """[...document.querySelectorAll("[data-chart]")].map((place) => {
            const svg = place.querySelector("svg");
            const counts = ["heat-map", "censored"].includes(place.dataset.chart);
            const marks = place.querySelectorAll(`svg .mark-${counts ? "rect" : "line"} path[d]`).length;
            const box = svg ? svg.getBoundingClientRect() : {width: 0, height: 0};
            return [place.dataset.chart, box.width, box.height, place.clientWidth, marks];
        })"""
    )
    assert len(sizes) >= (0 if name == "void" else 10)
    for slug, width, height, room, marks in sizes:
        assert marks > 0, f"{slug} has no marks"
        assert height > 150, f"{slug} is flat"
        assert 0.9 * room <= width <= room + 1, f"{slug} is {width} px wide where there are {room}"


def test_nothing_overflows_sideways(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    outside = page.evaluate(
        """[...document.querySelectorAll("body *")].filter((element) =>
            !element.closest(".scroll, svg, .unseen") && element.getBoundingClientRect().right > window.innerWidth + 1
        ).map((element) => element.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_settings_stand_beside_their_names(page: Page) -> None:
    """A value is read without scrolling, and not one letter below the other."""
    cells = page.evaluate(
        """[...document.querySelectorAll(".beside tbody tr")].map((row) => {
            const value = row.querySelector("td"), box = value.getBoundingClientRect();
            const shown = value.closest(".scroll").getBoundingClientRect().right;
            return [row.innerText, box.width, box.right - shown];
        })"""
    )
    hidden = [text for text, width, beyond in cells if width < 60 or beyond > 1]
    assert hidden == []


def test_the_verdict_is_seen_first(page: Page, name: str) -> None:
    verdict = page.locator("#verdict")
    expected = {"sound": "valid", "troubled": "inconclusive", "wide": "valid", "open": "inconclusive", "void": "void"}[
        name
    ]
    assert verdict.inner_text() == f"Verdict: {expected}"
    box = verdict.bounding_box()
    assert box is not None
    assert box["y"] < 700


def test_text_has_contrast_in_both_schemes(page: Page) -> None:
    """WCAG AA: 4.5 to 1 for text, against the nearest background that is not transparent."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        weak = page.evaluate(WEAK_TEXT)
        assert weak == [], scheme


def test_the_heat_map_has_a_cell_for_each_count(page: Page, name: str) -> None:
    """Only a run whose files tell clocks has a heat map; as many rectangles as its data has cells, in all colours."""
    drawn = page.evaluate(
        """() => {
            const place = document.querySelector('[data-chart="heat-map"]');
            if (!place) return null;
            const { charts, data: shared } = JSON.parse(document.getElementById("specs").textContent);
            const data = charts["heat-map"].datasets.map((name) => shared[name]).find((rows) => "k" in rows[0]);
            const rectangles = [...place.querySelectorAll(".mark-rect path[fill^='#']")];
            const fills = rectangles.map((cell) => cell.getAttribute("fill"));
            const classes = charts["heat-map"].layer.find((layer) => layer.encoding.color).encoding.color.scale.range;
            const cells = fills.filter((fill) => classes.includes(fill));
            return [cells.length, data.length, new Set(cells).size, classes.length];
        }"""
    )
    if name == "void":
        assert drawn is None
        return
    cells, counts, colours, classes = drawn
    assert cells == counts > 200
    assert colours == classes > 2


def test_a_verdict_stands_beside_each_figure_and_leads_to_its_reason(page: Page, name: str) -> None:
    if name != "open":
        return
    badges = page.evaluate(
        """[...document.querySelectorAll(".badge")].map((badge) => {
            const box = badge.getBoundingClientRect(), cell = badge.parentElement.getBoundingClientRect();
            const target = badge.hash && document.getElementById(badge.hash.slice(1));
            return [badge.innerText, box.left >= cell.left && box.right <= cell.right, target ? target.innerText : ""];
        })"""
    )
    assert len(badges) == 3 + 3 * 4  # tiles, and rate and three percentiles of two operations and of all
    for words, within, reason in badges:
        assert words.split(maxsplit=1)[1] in ("valid", "valid, note", "inconclusive", "void")
        assert within, f"{words} leaves its cell"
        assert len(reason) > 40 or words.endswith(" valid")
    page.locator("table .badge.inconclusive").last.click()
    target = page.locator("li:target")
    assert "inconclusive" in target.inner_text()
    assert target.evaluate("(found) => found.getBoundingClientRect().top > -2")


def test_pointing_at_a_chart_shows_its_values(page: Page, name: str) -> None:
    if name != "troubled":
        return
    for slug, words in (("latency", ["time (s)", "p50", "p95", "p99"]), ("distribution", ["percentile", "get", "set"])):
        chart = page.locator(f'[data-chart="{slug}"] svg')
        chart.scroll_into_view_if_needed()
        tooltip = page.locator("#vg-tooltip-element.visible")
        for step in range(40):  # the page may still be scrolling when the pointer first moves
            box = chart.bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + box["width"] * (0.5 + 0.002 * step), box["y"] + box["height"] * 0.5)
            if tooltip.count() and all(word in tooltip.inner_text() for word in words):
                break
            page.wait_for_timeout(50)
        else:
            pytest.fail(f"{slug} shows no values")
        assert "undefined" not in tooltip.inner_text()


def test_on_paper_nothing_is_folded_away_or_dark(page: Page, name: str) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()") == "#1b2025"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    folded = page.evaluate("document.querySelectorAll('details:not([open])').length")
    assert folded == 0 or name == "void"


def test_pointing_at_a_mark_of_the_strip_says_what_happened(page: Page, name: str) -> None:
    if name != "troubled":
        return
    mark = page.locator('[data-chart="rate"] .mark-symbol path[aria-label*="worker lost"]')
    mark.scroll_into_view_if_needed()
    mark.hover(force=True)
    page.locator("#vg-tooltip-element.visible", has_text="worker lost").wait_for(timeout=30_000)
    assert "load2" in page.locator("#vg-tooltip-element").inner_text()


def test_the_page_is_printed_by_the_installed_browser_with_all_charts(reports: dict[str, Path], tmp_path: Path) -> None:
    print_page(find_browser(), reports["sound"], tmp_path / "report.pdf")
    printed = (tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    pages = printed.count(b"/Type /Page\n")
    assert 5 < pages < 40, pages
    (tmp_path / "empty.html").write_text(reports["sound"].read_text().replace("vegaEmbed(place", "await (place"))
    print_page(find_browser(), tmp_path / "empty.html", tmp_path / "empty.pdf")
    assert len(printed) > 2 * len((tmp_path / "empty.pdf").read_bytes()), "the charts are missing"
