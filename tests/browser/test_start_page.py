"""The start page in Chromium, offline: the filters leave the runs that fit."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from reporting import write_start_page
from tests.browser.contrast import WEAK_TEXT
from tests.unit.reporting.test_start_page import add_run

pytestmark = pytest.mark.browser


def test_filters_leave_the_runs_that_fit(browser: Browser, tmp_path: Path) -> None:
    for number in range(1, 15):
        verdict = "inconclusive" if number % 3 == 0 else "valid"
        add_run(tmp_path, number, 1000.0 if number < 8 else 500.0, verdict, label=f"build-{number}")
    context = browser.new_context(viewport={"width": 390, "height": 900}, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(write_start_page(tmp_path).as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'all'", timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert page.evaluate(WEAK_TEXT) == []
    shown = page.get_by_role("status")
    expect(shown).to_have_text("14 of 14 runs")
    page.get_by_label("Verdict", exact=False).and_(page.locator("select")).select_option("inconclusive")
    expect(shown).to_have_text("4 of 14 runs")
    page.get_by_label("Text").fill("BUILD-12 nightly")
    expect(shown).to_have_text("1 of 14 runs")
    rows = page.get_by_role("region", name="Runs").locator("tbody tr:visible")
    assert [row.locator("th").inner_text() for row in rows.all()] == ["20261112T000000Z-nightly"]
    context.close()
    assert complaints == []
