"""What the page of the members' metrics stores and requests while it is used, in Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.metrics_page import CHARTS, show

pytestmark = pytest.mark.browser


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
    """The page in a new browser."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    found = context.new_page()
    found.goto(url)
    expect(found.locator("#members tbody tr")).to_have_count(3)
    yield found
    context.close()


def answers(page: Page) -> list[dict[str, Any]]:
    """Return a list that will contain Locust's answers from now on."""
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
