"""The dispatcher of a scenario: whether one is wanted, what it may do to the fleet, and what is wrong with that."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from zk_locust.contract.dispatch_program import parse_dispatch_program, place_problems, quorum_problem
from zk_locust.contract.dispatch_settings import Dispatch, read_dispatch
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.parameters import Value

_PROGRAM: Final = "zk-dispatch-program"
_SOURCE: Final = f"benchmark_parameters.{_PROGRAM}"
_PACKAGE: Final = "zk_dispatch"


def take_dispatch(
    merged: Mapping[str, Any],
    source: Mapping[str, str],
    parameters: Mapping[str, Value],
    faulting: Sequence[str],
    fleet: FaultFleet | None,
    run_time_s: float | None,
    problems: list[str],
) -> Dispatch | None:
    """Return what the run is to do for a dispatcher, None without one. A program needs no `dispatch`.

    `faulting` are the settings that plan faults.
    """
    program = str(parameters.get(_PROGRAM) or "")
    dispatch, wrong = read_dispatch(merged.get("dispatch"), run_time_s)
    problems += [f"{source['dispatch']}: {problem}" for problem in wrong]
    if wrong:
        return None
    if dispatch is None:
        if not program:
            return None
        if merged.get("dispatch") is False:
            problems.append(f"{source['dispatch']} [false]: there is {_SOURCE} too; leave out one of them")
            return None
        dispatch = Dispatch()
    asked = source["dispatch"] if "dispatch" in merged else _SOURCE
    if faulting:
        do = "does" if len(faulting) == 1 else "do"
        problems.append(
            f"{asked}: {' and '.join(faulting)} {do} faults to the same members, and a member has one at a time; leave "
            "out the one or the other (benchmark_scenario_faults: false leaves out the scenario's)"
        )
    problems += [f"{asked}: {problem}" for problem in _fleet_problems(fleet)]
    if program and fleet is not None:
        problems += [f"{_SOURCE}: {problem}" for problem in _program_problems(program, dispatch, fleet, run_time_s)]
    return dispatch


def _fleet_problems(fleet: FaultFleet | None) -> Iterator[str]:
    if fleet is not None and not fleet.managed:
        yield (
            "the ensemble is external (zookeeper_managed: false), and its processes are neither started nor stopped by"
            " zk-locust; leave it out, or use Locust alone with scripts of your own"
        )
    elif fleet is not None and not fleet.members:
        yield "the group zookeeper names no member; name those of the ensemble there"


def _program_problems(program: str, dispatch: Dispatch, fleet: FaultFleet, run_time_s: float | None) -> Iterator[str]:
    instructions = parse_dispatch_program(program)
    members = len(fleet.members)
    if wrong := [*place_problems(instructions, members)]:
        yield from wrong
        return
    voters = frozenset(place for place, name in enumerate(fleet.members) if name in fleet.voters)
    if dispatch.allow_no_quorum or run_time_s is None:
        return
    if problem := quorum_problem(instructions, members, voters, run_time_s):
        yield f"{problem}; enable others before, or write dispatch: {{allow_no_quorum: true}} in the scenario"


def dispatch_problems(
    locustfile: Path | None, dispatch: Dispatch | None, parameters: Mapping[str, Value], source: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line where a locustfile has a dispatcher and the scenario does not allow one.

    Yield a line too where the scenario allows a dispatcher and nothing would use that.
    """
    if locustfile is None:
        return
    registers = _PACKAGE in _imported(locustfile)
    if registers and dispatch is None:
        yield (
            f"{source['locustfile']} [{locustfile.name}]: it has a dispatcher ({_PACKAGE}), which disables members; "
            "write dispatch: true in the scenario to allow that"
        )
    if dispatch is not None and not registers and not parameters.get(_PROGRAM):
        yield (
            f"{source['dispatch']}: nothing would use it: {locustfile.name} does not import {_PACKAGE}; give the "
            f"parameter {_PROGRAM}, or leave it out"
        )


def _imported(locustfile: Path) -> set[str]:
    """Return the packages that a locustfile imports."""
    found = set()
    for node in ast.walk(ast.parse(locustfile.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
