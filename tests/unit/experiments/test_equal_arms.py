"""Arms whose runs come to the same, however they are written."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.experiments.controller import COMPARE, Controller


@pytest.mark.parametrize(
    ("arms", "variables"),
    [
        ({"a": {"zookeeper_heap": "1g"}, "b": {"zookeeper_heap": "1024m"}}, {}),
        ({"a": {}, "b": {"zookeeper_peer_type": "participant"}}, {}),
        ({"a": {}, "b": {"zookeeper_version": "3.9.6"}}, {"zookeeper_install_method": "archive"}),
        ({"a": {}, "b": {"benchmark_users": 32}}, {}),  # the scenario's own
        ({"a": {}, "b": {"benchmark_parameters": {"val-size": 128}}}, {}),
        ({"a": {"benchmark_run_time": "60s"}, "b": {"benchmark_run_time": "1m"}}, {}),
    ],
)
def test_arms_that_come_to_the_same_are_refused(
    tmp_path: Path, arms: dict[str, Any], variables: dict[str, Any]
) -> None:
    said = Controller(tmp_path).refusal(COMPARE | {"variables": variables, "arms": arms})
    assert said.startswith("arms.b: its runs would be the same as those of arms.a, because the inventory, the scenario")


SASL = '{"mechanism": "DIGEST-MD5", "username": "u", "password": "p"}'


@pytest.mark.parametrize(
    ("other", "variables"),
    [
        ({"zookeeper_version": "3.9.6"}, {}),  # of a package, another may be installed
        ({"benchmark_parameters": {"kazoo-sasl-options": SASL}}, {}),
        ({"zookeeper_peer_type": "participant"}, {"benchmark_users": 9}),
    ],
)
def test_arms_that_may_differ_are_not_refused(tmp_path: Path, other: dict[str, Any], variables: dict[str, Any]) -> None:
    arms = {"a": {}, "b": other | variables}
    lines = Controller(tmp_path).conduct(COMPARE | {"variables": {}, "arms": arms}, only_check=True)
    assert "no problem" in lines[-1]


def test_arms_of_a_search_that_differ_only_in_their_rate_are_refused(tmp_path: Path) -> None:
    arms: dict[str, Any] = {name: {"benchmark_arrival": {"rate": rate}} for name, rate in (("a", 100), ("b", 200))}
    content = {"kind": "capacity", "scenario": "read-mostly", "objectives": ["p99 < 1s"], "arms": arms}
    assert "arms.b: its runs would be the same as those of arms.a" in Controller(tmp_path).refusal(content)
    arms["b"]["benchmark_arrival"]["process"] = "poisson"
    assert "no problem" in Controller(tmp_path).conduct(content, only_check=True)[-1]
