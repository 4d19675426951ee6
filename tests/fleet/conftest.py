"""The hosts of the fleet tests: a lab of their own, apart from a developer's lab.

`ZK_LOCUST_LAB=NAME` uses a running lab and keeps it.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab, LabOptions, LabUnavailableError, record
from lab.plays import Play
from lab.zookeeper_server import QUICK_JVM
from tests.fleet.lab_fleet import LabFleet
from tests.needs import missing

OWN_NAME = f"test-{os.getpid()}"


def make_lab(options: LabOptions) -> Lab:
    """Make a lab. If this machine cannot run one, skip the test and name what is missing; with CI=true fail it."""
    try:
        lab = Lab.up(options, say=print)
    except LabUnavailableError as error:
        missing(str(error))
    with (lab.inventory / "group_vars" / "all.yml").open("a") as variables:
        variables.write(f"zookeeper_java_options: {json.dumps(QUICK_JVM)}\n")
    return lab


def remove_left_over() -> None:
    """Remove the labs of killed test sessions."""
    for name in record.names():
        match = re.fullmatch(r"test-(\d+)(-\w+)?", name)
        if match and not Path(f"/proc/{match[1]}").exists():
            Lab.down_by_name(name)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Return three members, a master host and two worker hosts. Tests restore what they change."""
    given = os.environ.get("ZK_LOCUST_LAB")
    if given:
        yield Lab.load(given)
        return
    if os.geteuid() == 0:
        remove_left_over()
    with make_lab(LabOptions(name=OWN_NAME)) as made:
        yield made


@pytest.fixture(scope="module")
def small_lab() -> Iterator[Lab]:
    """Return a member, a master host and a worker host. A test module may change and break them."""
    with make_lab(LabOptions(name=f"{OWN_NAME}-small", members=1, workers=1)) as made:
        yield made


@pytest.fixture(scope="session")
def first_pass(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Provision the lab's hosts, which are bare unless the lab was given; return that run."""
    return LabFleet(lab, tmp_path_factory.mktemp("provisioning")).play("provision").succeeded()


@pytest.fixture
def fleet(lab: Lab, first_pass: Play, tmp_path: Path) -> Iterator[LabFleet]:
    """A provisioned fleet. Its hosts are repaired before each test."""
    fleet = LabFleet(lab, tmp_path)
    if fleet.mend():
        fleet.play("provision").succeeded()
    yield fleet
    fleet.end_runs()
