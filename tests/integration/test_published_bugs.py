"""A published bug of ZooKeeper is brought about in real members, and the check of histories finds it."""

from pathlib import Path

import pytest

from benchmarks.bug_triggers import BUGS
from benchmarks.injections import compile_library
from benchmarks.published_bugs import attempt
from reporting.consistency.found import CHILDREN, WRITES
from tests.needs import missing, require_zookeeper

pytestmark = pytest.mark.integration

HAVE_IT = ("3.4.13", "3.8.0", "3.9.3")


def test_acknowledged_writes_that_a_log_lacks_are_missed(tmp_path: Path) -> None:
    require_zookeeper()
    library = compile_library("faulty_log", tmp_path) or missing("needs a C compiler: apt install gcc libc6-dev")
    bug = next(bug for bug in BUGS if bug.number == "ZOOKEEPER-4882")
    made = attempt(bug, tmp_path / "members", library, "")
    assert made.shown == (made.release in HAVE_IT), made.found.sentence
    # A list of children that lacks one is found too, where a list was read.
    assert set(made.found.counts) - {CHILDREN} == ({WRITES} if made.shown else set())
