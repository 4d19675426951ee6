"""The trials that need real hosts: experiments by the project's playbooks, on three members and two load hosts."""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import yaml

from benchmarks.experiments import release_archives
from benchmarks.experiments.release_archives import RELEASES
from benchmarks.experiments.result import Result, Setting, Trial
from fleet.experiments import manifest
from fleet.experiments.duration import OVERHEAD_S
from lab import Lab, LabOptions
from lab.commands import LabError, LabUnavailableError
from lab.fleet import DrivenLab
from lab.places import PROJECT
from lab.zookeeper_server import QUICK_JVM

SEARCHES: Final = 3
MOST_APART: Final = 0.1
MOST_OVERHEAD_S: Final = 10.0
_SHORT: Final = {"benchmark_warmup": "8s", "benchmark_run_time": "10s"}
_CAPACITY: Final = {
    "kind": "capacity",
    "scenario": "quick",
    "variables": _SHORT
    | {
        "benchmark_warmup": "15s",
        "benchmark_users": 201,
        "benchmark_spawn_rate": 100,
        "benchmark_parameters": {"val-size": 4096},
        "zookeeper_java_options": [*QUICK_JVM],
    },
    "objectives": ["p99 < 50ms", "failures < 0.1%"],
    "rates": {"lowest": 500, "first": 600, "highest": 20000},
}
_MEMBER_MBIT_PER_S: Final = 10
"""What a member may send. Otherwise the load hosts, on the same machine, are the limit before the members are."""
_NOISE: Final = {"kind": "noise", "scenario": "quick", "variables": _SHORT}
_UNHINDERED: Final = {"min-wait": 0, "max-wait": 0, "client": "native"}
EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "versions": {
        "kind": "compare",
        "scenario": "read-mostly",
        "arms": {version: {"zookeeper_version": version} for version in RELEASES},
    },
    "clients": {
        "kind": "compare",
        "scenario": "quick",
        "arms": {name: {"benchmark_parameters": {"client": name}} for name in ("kazoo", "native")},
    },
    "value-sizes": {
        "kind": "matrix",
        "scenario": "quick",
        "variables": {"benchmark_users": 8, "benchmark_parameters": _UNHINDERED},
        "grid": {"benchmark_parameters.val-size": [8, 512, 4096, 65536]},
    },
}
RECOVERIES: Final = {"recovery": 30, "failover": 30, "upgrade": 15}
"""Experiments that ship with the project, whose faults a trial does on the lab, and how many minutes they take."""
_OF_RELEASES: Final = ("recovery", "upgrade")
_OF_CAPACITY: Final = (
    f"{SEARCHES} searches for the capacity of members that send {_MEMBER_MBIT_PER_S} Mbit/s are apart by"
)
_BEYOND_BENCHMARK: Final = "a run of an experiment on the lab takes longer than benchmark.yml alone by"
_BEYOND_LOAD: Final = "and longer than its load by"


def _capacity(fleet: DrivenLab) -> Iterator[str | Result]:
    lows = []
    fleet.play("benchmark").succeeded()  # it installs what the others find
    for member in fleet.lab.members:
        shaped = f"tbf rate {_MEMBER_MBIT_PER_S}mbit burst 32kb latency 200ms"
        member.run(["tc", "qdisc", "replace", "dev", "host0", "root", *shaped.split()])
    for number in range(1, SEARCHES + 1):
        found = _conduct(fleet, f"capacity-{number}", _CAPACITY)
        lows.append(found["capacity"]["ensemble"]["low_per_s"])
        yield f"capacity-{number}: {found['answer']} ({len(found['runs'])} runs)"
    yield apart(lows)


def apart(lows: list[float | None]) -> Result:
    """Return how far the answers of searches are apart; None is a search without an answer."""
    known = [low for low in lows if low is not None]
    named = ", ".join("none" if low is None else f"{low:g}/s" for low in lows)
    share = max(known) / min(known) - 1 if len(known) == len(lows) else float("nan")
    return Result(_OF_CAPACITY, f"{share * 100:.1f} % ({named})", f"≤ {MOST_APART * 100:g} %", share <= MOST_APART)


def _overhead(fleet: DrivenLab) -> Iterator[str | Result]:
    fleet.vars |= {"benchmark_scenario": "quick", **_SHORT}
    fleet.play("benchmark").succeeded()  # it installs what the others find
    alone_s = statistics.fmean(fleet.play("benchmark").succeeded().seconds for _ in range(2))
    yield f"benchmark.yml alone, with nothing to provision: {alone_s:.1f} s"
    began = time.monotonic()
    found = _conduct(fleet, "noise", _NOISE)
    each_s = (time.monotonic() - began) / len(found["runs"])
    planned_s = manifest.load(fleet.results / "experiments" / "noise")["run_s"] - OVERHEAD_S
    yield from overheads(each_s, alone_s, planned_s)


def overheads(each_s: float, alone_s: float, planned_s: float) -> Iterator[Result]:
    """Return what a run adds to a benchmark without an experiment, and to its load; all seconds."""
    beyond_s = each_s - alone_s
    aim = f"≤ {MOST_OVERHEAD_S:g} s"
    yield Result(_BEYOND_BENCHMARK, f"{beyond_s:.1f} s", aim, beyond_s <= MOST_OVERHEAD_S)
    yield Result(_BEYOND_LOAD, f"{each_s - planned_s:.1f} s", "", True)


def _archive(fleet: DrivenLab) -> dict[str, Any]:
    """Make the archives of both releases; return the variables of members that are installed from them."""
    release_archives.make(fleet.folder)
    return {
        "zookeeper_install_method": "archive",
        "zookeeper_archive_url": f"file://{fleet.folder}/apache-zookeeper-{{{{ zookeeper_version }}}}-bin.tar.gz",
        "zookeeper_archive_checksum": "",
    }


def recovery_content(name: str) -> dict[str, Any]:
    """Return an experiment that ships; releases are those that the lab has."""
    content: dict[str, Any] = yaml.safe_load((PROJECT / "playbooks" / "experiments" / f"{name}.yml").read_text())
    if name == "recovery":
        content["arms"] = {version: {"zookeeper_version": version} for version in RELEASES}
    elif name == "upgrade":
        content["variables"]["zookeeper_version"], content["variables"]["benchmark_faults"][0]["to"] = RELEASES
    return content


def _recoveries(name: str) -> Callable[[DrivenLab], Iterator[str | Result]]:
    def work(fleet: DrivenLab) -> Iterator[str | Result]:
        content = recovery_content(name)
        more = _archive(fleet) if name in _OF_RELEASES else {}
        found = _conduct(fleet, name, content | {"variables": content["variables"] | more})
        yield Result(_example(name), found["answer"], "an answer", found["state"] == "finished")
        yield from times_of(found)

    return work


def times_of(found: Mapping[str, Any]) -> Iterator[Result]:
    """Return a row for each fault and arm of an `experiment.json`: when the first write succeeded."""
    for each in found["recoveries"]:
        if each["figure"] == "write":
            times = sorted(time["seconds"] for time in each["times"] if time["ended"])
            median_s = each["median_s"]
            seconds = "never" if median_s is None else f"{median_s:.2f} s ({times[0]:.2f} to {times[-1]:.2f})"
            some = bool(each["never"]) and median_s is not None
            never = f", never in {each['never']} of {len(each['times'])}" if some else ""
            yield Result(f"{each['fault']}, {each['arm']}: first write", seconds + never, "", None)


def _examples(fleet: DrivenLab) -> Iterator[str | Result]:
    archive = _archive(fleet)
    for name, content in EXAMPLES.items():
        more = archive if name == "versions" else {}
        found = _conduct(fleet, name, content | {"variables": content.get("variables", {}) | _SHORT | more})
        yield Result(_example(name), found["answer"], "an answer", found["state"] == "finished")


def _example(name: str) -> str:
    return f"{name}, on the lab"


def _conduct(fleet: DrivenLab, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Run an experiment by its playbook; return its `experiment.json`. Raises LabError with the screen if it failed."""
    file = fleet.folder / f"{name}.yml"
    file.write_text(yaml.safe_dump(dict(content), sort_keys=False))
    process = fleet.begin("experiment", experiment=str(file), experiment_id=name)
    try:
        code = process.wait()
    finally:
        fleet.end_process(process)
    if code:
        raise LabError(f"the experiment {name} ended with code {code}\n{fleet.screen()}")
    found: dict[str, Any] = json.loads((fleet.results / "experiments" / name / "experiment.json").read_text())
    return found


def on_a_lab(
    name: str, statements: tuple[str, ...], work: Callable[[DrivenLab], Iterator[str | Result]]
) -> Callable[[Setting], Iterator[str | Result]]:
    """Return a trial that does `work` on a lab of its own. Where there can be none, `statements` are not measured."""

    def run(setting: Setting) -> Iterator[str | Result]:
        folder = setting.folder / name
        folder.mkdir()
        try:
            with Lab.up(LabOptions(name=f"experiments-{os.getpid()}", workers=1, release="12")) as lab:
                yield from work(DrivenLab(lab, folder))
        except LabUnavailableError as error:
            why = " ".join(str(error).split())
            for statement in statements:
                yield Result(statement, f"not measured: {why}", "", None)
        except LabError as error:
            yield Result(statements[0], f"failed: {str(error).splitlines()[0]}", "", False)

    return run


LAB_TRIALS: Final[dict[str, Trial]] = {
    "capacity-lab": Trial(
        "searches for the capacity of real members, about 30 min", on_a_lab("capacity", (_OF_CAPACITY,), _capacity)
    ),
    "overhead-lab": Trial(
        "what an experiment adds to its runs, about 9 min",
        on_a_lab("overhead", (_BEYOND_BENCHMARK, _BEYOND_LOAD), _overhead),
    ),
    "examples-lab": Trial(
        "the three examples of docs/, about 25 min",
        on_a_lab("examples", tuple(map(_example, EXAMPLES)), _examples),
    ),
    **{
        f"{name}-lab": Trial(
            f"the experiment {name} as it ships, about {minutes} min",
            on_a_lab(name, (_example(name),), _recoveries(name)),
        )
        for name, minutes in RECOVERIES.items()
    },
}
