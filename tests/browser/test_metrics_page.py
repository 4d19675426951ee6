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

from tests.browser.contrast import WEAK_TEXT
from tests.integration.locust_processes import LOCUSTFILES, start_locust
from tests.integration.zookeeper_server import free_ports

pytestmark = pytest.mark.browser

WIDTHS = (390, 1400)
NASTY = '<img src=x onerror="document.title=1">'
LONG_NAME = "a-member-with-a-name-as-long-as-inventories-have-them.example.org"
RATE_PER_S = 120


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
            'jvm_memory_bytes_used{area="heap"}': 300 * 2**20, "command": "monitor",
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
    found.goto(url)
    expect(found.locator(".chart path.line")).to_have_count(18, timeout=20_000)  # its policy forbids wait_for_function
    found.wait_for_timeout(2000)
    yield found
    if folder := os.environ.get("ZK_LOCUST_SCREENSHOTS"):
        for scheme in ("light", "dark"):
            found.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            found.screenshot(path=Path(folder) / f"metrics-{request.param}-{scheme}.png", full_page=True)
    context.close()
    assert complaints == []


def row(page: Page, name: str) -> Any:
    return page.locator("#members tbody tr").filter(has=page.get_by_role("rowheader", name=name))


def test_members_are_rows_where_there_is_room_and_cards_where_there_is_not(page: Page) -> None:
    size = page.viewport_size
    assert size is not None
    # Asked of the document in one go: the page replaces its rows each second.
    assert page.evaluate("getComputedStyle(document.querySelector('#members thead')).position") == (
        "static" if size["width"] >= 1400 else "absolute"
    )


def test_the_table_has_every_member_and_its_figures(page: Page) -> None:
    expect(page.locator("#status")).to_contain_text(
        "2 of 3 members answer · read once a second while this page is open"
    )
    cells = row(page, LONG_NAME).locator("td").all_inner_texts()
    assert cells[1:10] == ["3.9.3", "1\u00a0d 2\u00a0h", "12", "3", "0.812", "48", "1,234,567", "40", "9"]
    # Of two readings a second apart; on a busy machine an answer may be half a second old when it is read.
    received, sent = (int(cell) for cell in cells[10:12])
    assert received == pytest.approx(RATE_PER_S, rel=0.6)
    assert sent == pytest.approx(received, rel=0.05)
    assert cells[12:] == ["71 / 1,048,576", "300"]
    labels = row(page, LONG_NAME).locator("td").evaluate_all("cells => cells.map((cell) => cell.dataset.label)")
    assert labels[5:7] == ["Latency (avg, ms)", "Latency (max, ms)"]
    assert labels[-1] == "Heap used (MiB)"


def test_a_member_that_cannot_be_reached_says_why(page: Page) -> None:
    assert row(page, "zk3").locator("td").all_inner_texts() == ["not reachable: no connection to the AdminServer"]


def test_what_a_member_says_is_text(page: Page) -> None:
    assert NASTY in row(page, "zk2").locator("td").first.inner_text()
    assert page.locator("img").count() == 0
    assert page.title() == "ZooKeeper metrics"


def test_every_chart_is_drawn_and_fits(page: Page) -> None:
    charts = page.evaluate(
        """[...document.querySelectorAll(".chart")].map((chart) => {
            const box = chart.querySelector(".plot").getBoundingClientRect();
            const paths = [...chart.querySelectorAll("path.line")];
            return [chart.querySelector("h3").textContent, box.width / chart.clientWidth, box.height, paths.length];
        })"""
    )
    assert [title for title, *_ in charts] == [
        "Average latency (ms)", "Maximum latency (ms)", "Outstanding requests", "Packets received (1/s)",
        "Packets sent (1/s)", "Znodes", "Connections", "Watches", "Any other metric (bytes)",
    ]  # fmt: skip
    for title, share, height, lines in charts:
        assert 0.85 < share < 1, title
        assert height > 150, title
        assert lines == 2, f"{title}: one line for each member that answers"
    assert page.locator("#legend li").all_inner_texts() == [LONG_NAME, "zk2", "zk3"]


def test_any_other_metric_can_be_chosen(page: Page) -> None:
    chart = page.locator(".chart").last
    options = chart.locator("option").all_inner_texts()
    assert 'jvm_memory_bytes_used{area="heap"}' in options
    assert "server_state" not in options
    chart.get_by_role("combobox").select_option("packets_received")
    chart.get_by_label("growth per second").check()
    expect(chart.locator("h3")).to_have_text("Any other metric (/s)")
    assert chart.locator("path.line").count() == 2
    page.wait_for_timeout(1500)
    assert chart.get_by_role("combobox").input_value() == "packets_received", "it stays chosen"
    chart.get_by_label("growth per second").uncheck()
    chart.get_by_role("combobox").select_option("approximate_data_size")


def test_pointing_at_a_chart_shows_its_values(page: Page) -> None:
    chart = page.locator(".chart").first
    chart.locator(".plot").scroll_into_view_if_needed()
    chart.locator(".plot").hover()
    expect(chart.locator(".tip")).to_be_visible()
    text = chart.locator(".tip").inner_text()
    assert "0.812\u00a0ms" in text
    assert re.search(r"at \d+\u00a0s", text)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.mouse.move(0, 0)
    expect(chart.locator(".tip")).to_be_hidden()


@pytest.mark.parametrize("narrower_px", [0, 60, 150, 400])
def test_nothing_overflows_sideways(page: Page, narrower_px: int, request: pytest.FixtureRequest) -> None:
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


def test_text_has_contrast_in_both_schemes(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        assert page.evaluate(WEAK_TEXT) == [], scheme


def test_locust_that_went_away_is_told_and_what_was_read_stays(browser: Browser, url: str) -> None:
    context = browser.new_context()
    found = context.new_page()
    found.goto(url)
    expect(found.locator("#members tbody tr")).to_have_count(3)
    found.route("**/zk-metrics/data", lambda route: route.abort())
    expect(found.locator("#notice")).to_contain_text("Locust does not answer")
    expect(found.locator("#members tbody tr")).to_have_count(3)
    found.unroute("**/zk-metrics/data")
    expect(found.locator("#notice")).to_be_hidden()
    context.close()
