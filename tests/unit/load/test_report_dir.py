"""`--report-dir`: what is recorded where nobody has said how often."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from zk_locust.parameters import WEB
from zk_locust.report_dir import take_defaults


@pytest.mark.parametrize(("given", "expected"), [(WEB, 1000.0), (0.0, 1000.0), (500.0, 500.0)])
def test_a_report_needs_metrics_that_no_page_has_to_ask_for(
    given: str | float, expected: float, tmp_path: Path
) -> None:
    options = SimpleNamespace(zk_metrics_collect=given)
    take_defaults(options, tmp_path)
    assert options.zk_metrics_collect == expected
    assert options.zk_metrics_csv == str(tmp_path / "zk-metrics.csv")
