"""The page of an experiment in Chromium, offline: charts are drawn, nothing overflows, nothing is fetched.

With ZK_LOCUST_SCREENSHOTS set, pictures of the pages go into that folder.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from reporting import write_experiment
from tests.browser.contrast import WEAK_TEXT
from tests.unit.experiments.folders import COMPARE, experiment, noisy, step, with_distributions
from tests.unit.experiments.test_recovery import recovered, with_gaps

pytestmark = pytest.mark.browser

DRAWN = """[...document.querySelectorAll("[data-chart]")].map((place) => {
    const svg = place.querySelector("svg"), box = svg ? svg.getBoundingClientRect() : {width: 0, height: 0};
    const marks = svg ? svg.querySelectorAll(".mark-symbol path, .mark-rect path, .mark-line path").length : 0;
    return [place.dataset.chart, box.width / place.clientWidth, box.height, marks];
})"""
OUTSIDE = """[...document.querySelectorAll("body *")].filter((element) =>
    !element.closest(".scroll, svg, .unseen") && element.getBoundingClientRect().right > window.innerWidth + 1
).map((element) => element.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    results = tmp_path_factory.mktemp("results")
    grid = {"benchmark_users": [1, 2, 4, 8], "benchmark_parameters.val-size": [8, 64, 1024]}
    objectives = {"kind": "capacity", "objectives": ["p99 < 20ms"]}
    search = objectives | {"rates": {"lowest": 50, "first": 100, "highest": 5000}}
    found = {
        "compare": experiment(results, COMPARE, noisy(1, new=1.2)),
        "matrix": experiment(results, {"kind": "matrix", "grid": grid}, noisy(2)),
        "capacity": experiment(
            results, search, lambda _: (1.0, 1.0), passed=lambda request: (request.rate_per_s or 0) <= 460, step=step
        ),
    }
    found["recovery"] = recovered(results, with_gaps)
    with_distributions(found["compare"], {"old": 1.0, "new": 1.2})
    for folder in found.values():
        write_experiment(folder)
    return {kind: folder / "experiment.html" for kind, folder in found.items()}


@pytest.mark.parametrize(
    ("kind", "width"),
    [("compare", 390), ("compare", 1400), ("matrix", 390), ("capacity", 390), ("recovery", 390), ("recovery", 1400)],
)
def test_the_page_is_complete_at_any_width_and_in_both_schemes(
    browser: Browser, pages: dict[str, Path], kind: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    url = pages[kind].as_uri()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url != url else None)
    page.goto(url)
    page.wait_for_function("document.documentElement.dataset.drawn === 'all'", timeout=30_000)
    for slug, share, height, marks in page.evaluate(DRAWN):
        assert marks > 2, f"{slug} has no marks"
        assert height > 70, f"{slug} is flat"
        assert 0.9 < share <= 1.01, f"{slug} takes {share:.0%} of its place"
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert page.evaluate(OUTSIDE) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        if folder := os.environ.get("ZK_LOCUST_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"experiment-{kind}-{width}-{scheme}.png", full_page=True)
        # Texts in cells of a heat map have the cell behind them, and not the page.
        page.evaluate("document.querySelectorAll('[data-chart^=cells] .mark-text').forEach((text) => text.remove())")
        assert page.evaluate(WEAK_TEXT) == []
    answer, *rest = (page.locator(place).bounding_box() for place in (".answer .lead >> nth=0", "figure >> nth=0"))
    assert answer is not None
    assert rest[0] is not None
    assert answer["y"] + answer["height"] < min(900.0, rest[0]["y"])
    context.close()
    assert complaints == []
