"""Both commands of the README work on a bare host of each Debian release, with that release's own Python."""

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from lab import LabOptions
from lab.wheels import ensure_wheels
from tests.fleet.conftest import OWN_NAME, make_lab
from tests.fleet.controllers import CHECKOUT, Controller

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(3300)]  # they install everything, and run the tests once more

PYTHONS = {"12": "3.11", "13": "3.13"}
BENCHMARK = 'make benchmark ARGS="-e benchmark_warmup=2s -e benchmark_run_time=5s -e benchmark_users=8"'
# On Debian 12 the project's own tests run with its Python already: there it is enough to see that they can.
UNIT_TESTS = {"12": "tests/unit/test_oldest_python.py tests/unit/playbooks", "13": "tests/unit"}


@dataclass(frozen=True)
class Called:
    """What a bare host had, and what the commands have printed there."""

    controller: Controller
    had: list[str]
    benchmark: "subprocess.CompletedProcess[str]"
    unit: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def called() -> Iterator[dict[str, Called]]:
    """Return what the README's commands did on a bare host of each release. The hosts are at work side by side."""
    names = {"12": "load1", "13": "load2"}
    on = {name: release for release, name in names.items()}
    with make_lab(LabOptions(name=f"{OWN_NAME}-controllers", members=1, workers=1, on=on)) as lab:
        lab.remove_host("zk1")  # each controller makes members of its own
        wheels = ensure_wheels(names, print)

        def call(release: str) -> Called:
            controller = Controller(lab.hosts[names[release]])
            controller.prepare(wheels[release])
            had = controller.commands()
            # Other tests measure at the same time.
            benchmark = controller.run(f"nice {BENCHMARK}")
            # Without `nice` and in one process, they take the place of the test process that waits for them here.
            # Others have cores too, so nothing here is to prove when things happen.
            tests = f'.venv/bin/python -m pytest -q -m "not timing" {UNIT_TESTS[release]}'
            unit = controller.run(f"nice make install-dev && {tests}", timeout_s=2400)
            return Called(controller, had, benchmark, unit)

        with ThreadPoolExecutor(max_workers=len(names)) as pool:
            yield dict(zip(names, pool.map(call, names), strict=True))


@pytest.mark.parametrize("release", PYTHONS)
def test_make_benchmark_on_a_bare_host_ends_with_a_report(release: str, called: dict[str, Called]) -> None:
    here = called[release]
    assert here.had == ["make"]
    screen = here.benchmark.stdout
    assert here.benchmark.returncode == 0, screen
    assert "Verdict: " in screen
    host = here.controller.host
    latest = f"{CHECKOUT}/results/latest"
    manifest = json.loads(host.run(["cat", f"{latest}/manifest.json"]).stdout)
    assert manifest["state"] == "complete", screen
    assert manifest["missing"] == []
    assert "report.html" in host.run(["ls", latest]).stdout
    version = host.run([f"{CHECKOUT}/.venv/bin/python", "--version"]).stdout
    assert version == host.run(["/usr/bin/python3", "--version"]).stdout
    assert version.startswith(f"Python {PYTHONS[release]}.")
    # From Debian's packages, which were not there.
    assert host.run("command -v java && ls /usr/share/java/zookeeper.jar").returncode == 0


@pytest.mark.parametrize("release", PYTHONS)
def test_the_tests_of_the_project_run_on_a_bare_host(release: str, called: dict[str, Called]) -> None:
    unit = called[release].unit
    assert unit.returncode == 0, unit.stdout
    assert re.search(r"\n\d+ passed", unit.stdout), unit.stdout
