"""The members' metrics in Locust's web UI, in Chromium: a real Locust process, and AdminServers that are stand-ins.

With ZK_LOCUST_SCREENSHOTS set, pictures of the page go into that folder.
"""

import http.server
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from lab.locust_processes import LOCUSTFILES, start_locust
from lab.zookeeper_server import free_ports
from tests.browser.contrast import WEAK_TEXT

pytestmark = pytest.mark.browser

WIDTHS = (390, 1400)
NASTY = '<img src=x onerror="document.title=1">'
LONG_NAME = "a-member-with-a-name-as-long-as-inventories-have-them.example.org"
RATE_PER_S = 120
TABS = ("Metrics", "Statistics", "Charts")
CHARTS = (
    "Latency (ms)", "Outstanding requests", "Packets received (1/s)", "Packets sent (1/s)", "Znodes", "Connections",
    "Watches", "Read latency (ms)", "Fsync of the transaction log (ms)",
)  # fmt: skip


class AdminServer(http.server.BaseHTTPRequestHandler):
    """Answers as a member would; its counters grow with time."""

    state = "leader"

    def do_GET(self) -> None:
        packets = int(time.monotonic() * RATE_PER_S)
        metrics: dict[str, Any] = {
            "version": "3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17 23:21 UTC",
            "server_state": self.state, "uptime": 93_784_000, "num_alive_connections": 12,
            "outstanding_requests": 3, "avg_latency": 0.8123, "max_latency": 48, "znode_count": 1_234_567,
            "watch_count": 40, "ephemerals_count": 9, "packets_received": packets, "packets_sent": packets,
            "open_file_descriptor_count": 71, "max_file_descriptor_count": 1_048_576,
            "approximate_data_size": 98_765_432,
            'jvm_memory_bytes_used{area="heap"}': 300 * 2**20, "command": "monitor", "stale_requests": 0,
            "min_latency": 0, "commit_count": packets // 4, "peer_state": "leading - broadcast",
            "avg_fsynctime": 3.1, "min_fsynctime": 0, "max_fsynctime": 31, "cnt_fsynctime": packets // 10,
            "sum_fsynctime": packets // 2,
            "avg_readlatency": 0.4, "min_readlatency": 0, "max_readlatency": 9, "cnt_readlatency": packets // 2 * 2,
            "sum_readlatency": packets // 2, "p50_readlatency": 0, "p95_readlatency": 1, "p99_readlatency": 2,
            "p999_readlatency": 8,
        }  # fmt: skip
        body = json.dumps(metrics).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class NastyServer(AdminServer):
    """One whose text would be a program."""

    state = NASTY


def serve(kind: type[AdminServer]) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a Locust whose members are two that answer, and one that cannot be reached."""
    servers = [serve(AdminServer), serve(NastyServer)]
    log = tmp_path_factory.mktemp("locust") / "log"
    (web_port,) = free_ports(1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        ports = [*(server.server_address[1] for server in servers), unused.getsockname()[1]]
        members = zip((LONG_NAME, "zk2", "zk3"), ports, strict=True)
        addresses = ",".join(f"{name}=127.0.0.1:{port}" for name, port in members)
        process = start_locust(
            log, "-f", str(LOCUSTFILES / "locust_set.py"), "--web-host", "127.0.0.1", "--web-port", str(web_port),
            "--hosts", "127.0.0.1:1", "--zk-admin-addresses", addresses,
        )  # fmt: skip
        base = f"http://127.0.0.1:{web_port}"
        try:
            wait_for(base)
            yield f"{base}/zk-metrics"
        finally:
            process.kill()
            process.wait(10)
            for server in servers:
                server.shutdown()
                server.server_close()
    assert "Traceback" not in log.read_text()


def wait_for(base: str) -> None:
    session = requests.Session()
    session.trust_env = False
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            session.get(base, timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail("Locust's web UI does not come")


@pytest.fixture(scope="module", params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser, url: str) -> Iterator[Page]:
    """The page with some history; an error on the console or a request for anything but its data is a failure."""
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


def show(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab).click()
    expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()


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
    # Asked of the document in one go: the page replaces its rows each second.
    assert statistics.evaluate("getComputedStyle(document.querySelector('#members thead')).position") == (
        "static" if size["width"] >= 1400 else "absolute"
    )


def test_the_table_has_every_member_and_its_figures(statistics: Page) -> None:
    expect(statistics.locator("#status")).to_contain_text(
        "2 of 3 members answer · read once a second while this page is open"
    )
    cells = row(statistics, LONG_NAME).locator("td").all_inner_texts()
    assert cells[1:10] == ["3.9.3", "1\u00a0d 2\u00a0h", "12", "3", "0.812", "48", "1,234,567", "40", "9"]
    # Of two readings a second apart; on a busy machine an answer may be half a second old when it is read.
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


def test_locust_that_went_away_is_told_and_what_was_read_stays(browser: Browser, url: str) -> None:
    context = browser.new_context()
    found = context.new_page()
    found.goto(url)  # the tab Statistics
    expect(found.locator("#members tbody tr")).to_have_count(3)
    found.route("**/zk-metrics/data", lambda route: route.abort())
    expect(found.locator("#notice")).to_contain_text("Locust does not answer")
    expect(found.locator("#members tbody tr")).to_have_count(3)
    found.unroute("**/zk-metrics/data")
    expect(found.locator("#notice")).to_be_hidden()
    context.close()


@pytest.fixture
def fresh(browser: Browser, url: str) -> Iterator[Page]:
    """The page in a browser that has never seen it."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    found = context.new_page()
    found.goto(url)
    expect(found.locator("#members tbody tr")).to_have_count(3)
    yield found
    context.close()


def answers(page: Page) -> list[dict[str, Any]]:
    """Have what Locust answers from now on noted."""
    found: list[dict[str, Any]] = []
    page.on("response", lambda response: found.append({"url": response.url}) if "/data" in response.url else None)
    return found


def test_history_ticks_and_tab_are_kept_over_a_reload(fresh: Page) -> None:
    show(fresh, "Metrics")
    fresh.get_by_role("checkbox", name="commit_count in Charts").check()
    fresh.get_by_role("checkbox", name="watch_count in Charts").uncheck()
    show(fresh, "Charts")
    titles = [title for title in CHARTS if title != "Watches"] + ["commit_count (1/s)"]
    expect(fresh.locator(".chart h3")).to_have_text(titles)
    points = "(path) => path.getAttribute('d').split('L').length"
    outstanding = fresh.locator(".chart").nth(1).locator("path.line").first
    fresh.wait_for_timeout(4500)
    before = outstanding.evaluate(points)
    assert before >= 3
    fresh.reload()
    expect(fresh.locator(".chart h3")).to_have_text(titles)
    assert outstanding.evaluate(points) >= before, "what was read before is there, and more"
    assert fresh.url.endswith("#charts")


def test_a_locust_that_was_started_again_begins_a_history(fresh: Page) -> None:
    show(fresh, "Charts")
    fresh.wait_for_timeout(3500)
    fresh.route("**/zk-metrics/data", another_locust)
    outstanding = fresh.locator(".chart").nth(1)
    expect(outstanding.locator("circle.dot")).to_have_count(2)  # a single point of each member
    expect(outstanding.locator("path.line")).to_have_count(0)


def another_locust(route: Any) -> None:
    told = route.fetch().json()
    told["process"] = "another"
    for member in told["members"]:
        if member["sample"]:
            member["sample"]["at_s"] = 1e9
    route.fulfill(json=told)


def test_the_interval_can_be_edited_and_the_page_paused(fresh: Page) -> None:
    noted = answers(fresh)
    interval = fresh.get_by_label("Refresh every")
    interval.fill("600")
    interval.press("Enter")
    expect(fresh.locator("#status")).to_contain_text("read every 600\u00a0s while this page is open")
    fresh.wait_for_timeout(500)
    noted.clear()
    fresh.wait_for_timeout(2500)
    assert noted == []
    fresh.reload()
    expect(interval).to_have_value("600")
    interval.fill("0")
    interval.press("Enter")
    fresh.wait_for_timeout(1500)
    assert fresh.evaluate("JSON.parse(localStorage['zk-metrics']).interval") == 600, "what is no interval is not taken"
    interval.fill("1")
    interval.press("Enter")
    expect(fresh.locator("#status")).to_contain_text("read once a second")
    fresh.get_by_role("button", name="Pause").click()
    expect(fresh.locator("#status")).to_contain_text("paused")
    fresh.wait_for_timeout(500)
    noted.clear()
    fresh.wait_for_timeout(2000)
    assert noted == []
    fresh.get_by_role("button", name="Go on").click()
    fresh.wait_for_timeout(2500)
    assert len(noted) >= 2


def test_an_answer_that_comes_after_the_pause_asks_no_more(fresh: Page) -> None:
    held: list[Any] = []
    fresh.route("**/zk-metrics/data", lambda route: held.append(route))
    fresh.wait_for_timeout(1500)
    assert len(held) == 1
    fresh.get_by_role("button", name="Pause").click()
    held[0].continue_()
    fresh.wait_for_timeout(2000)
    assert len(held) == 1
