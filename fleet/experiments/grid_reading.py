"""Reads the grid of a matrix: for each axis, a list of values for a variable, or for a setting inside of one."""

from collections.abc import Callable, Mapping
from typing import Any

from fleet.experiments.specification import INVENTORY
from zk_locust.contract.secrets import redacted

Wrong = Callable[..., None]
"""Notes a problem: the setting, what is wrong, and perhaps the value."""


def read_grid(value: object, wrong: Wrong, judge_name: Callable[[str, str], None]) -> dict[str, list[Any]]:
    """Return the values of each axis, by its name; `judge_name` notes a variable that does not exist."""
    if not isinstance(value, Mapping):
        wrong("grid", "this is not a dictionary of lists; write e.g. {benchmark_users: [8, 32]}", value)
        return {}
    found: dict[str, list[Any]] = {}
    for axis, values in ((str(axis), values) for axis, values in value.items()):
        name, dot, inner = axis.partition(".")
        judge_name("grid", name)
        if dot and (name == INVENTORY or not inner.strip()):
            example = "leave out the dot" if name == INVENTORY else f"write e.g. {name}.NAME"
            wrong(f"grid.{axis}", f"this names no setting of a variable; {example}")
            continue
        said = {inner: values} if inner else values
        if redacted(name, said) != said:
            # Without the values.
            wrong(
                f"grid.{axis}",
                "cells are named by their values, and these have a secret; write kind: compare, whose arms have names",
            )
        elif not isinstance(values, list) or len(values) < 2:
            wrong(f"grid.{axis}", "this is not a list of two values or more", values)
        elif any(one in values[:place] for place, one in enumerate(values)):
            wrong(f"grid.{axis}", "a value occurs twice", values)
        else:
            found[axis] = list(values)
    _refuse_overlaps(found, wrong)
    return found


def _refuse_overlaps(grid: Mapping[str, list[Any]], wrong: Wrong) -> None:
    """Name an axis for a setting inside of a variable for which another axis has values without settings."""
    for axis in grid:
        name, dot, inner = axis.partition(".")
        plain = [value for value in grid.get(name, ()) if not isinstance(value, Mapping)]
        if dot and plain:
            wrong(
                f"grid.{axis}",
                f"grid.{name} [{plain[0]}] sets the complete variable, which then has no {inner}; leave out one",
            )
