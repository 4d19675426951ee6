"""The interval of a share of failures."""

import pytest

from zk_locust.contract.failure_share import least_tried, upper_end


def test_the_upper_end_is_that_of_wilsons_interval() -> None:
    assert upper_end(0.0, 10_000) == pytest.approx(0.000384, rel=0.01)
    assert upper_end(0.1, 100) == pytest.approx(0.1744, rel=0.001)  # published: 5.5 to 17.4 %


@pytest.mark.parametrize("limit", [1.0, 0.5, 0.01, 0.001, 0.0001])
def test_the_least_number_of_operations_is_the_first_that_meets_the_limit(limit: float) -> None:
    least = least_tried(limit)
    assert upper_end(0.0, least) < limit
    assert least == 1 or upper_end(0.0, least - 1) >= limit
