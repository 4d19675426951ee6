"""How playbooks are called: what reaches them, what is left of it, and what an interruption does."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.experiments.arms import Arm
from fleet.experiments.benchmark import Playbooks
from tests.waiting import until

# Stands for ansible-playbook: notes how it was called, and ends when it may, or some time after Ctrl-C.
PROGRAM = """#!/bin/sh
here=$(dirname "$0")
for word; do case "$word" in @*) file=${word#@};; esac; done
echo "$file" >"$here/file"; stat -c %a "$file" >"$here/mode"; cat "$file" >"$here/variables"; echo "$@" >"$here/words"
trap 'sleep 0.3; echo ended >"$here/ended"; exit 99' INT
echo shown
echo begun >"$here/begun"
while [ -e "$here/wait" ]; do sleep 0.02; done
exit 7
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "bin"
    folder.mkdir()
    file = folder / "ansible-playbook"
    file.write_text(PROGRAM)
    file.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    yield folder
    (folder / "wait").unlink(missing_ok=True)


def playbooks() -> Playbooks:
    variables = {"secret": "s3cret", "zookeeper_heap": "1g"}
    return Playbooks(Path("/playbooks"), ("/inventory",), ("--forks", "3"), variables)


def test_variables_reach_a_playbook_in_a_file_that_is_removed(program: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    arm = Arm("a", {"zookeeper_heap": "2g"})
    assert playbooks().call("benchmark", arm, log, {"benchmark_label": "x"}, ("--limit", "y")) == 7
    assert json.loads((program / "variables").read_text()) == {
        "secret": "s3cret", "zookeeper_heap": "2g", "benchmark_label": "x",
    }  # fmt: skip
    assert (program / "mode").read_text().strip() == "600"
    file = Path((program / "file").read_text().strip())
    assert not file.parent.exists()
    words = (program / "words").read_text()
    assert words.startswith("/playbooks/benchmark.yml -i /inventory --forks 3 --limit y -e @")
    assert "s3cret" not in words
    assert log.read_text() == "shown\n"


def test_an_arm_may_have_an_inventory_of_its_own(program: Path, tmp_path: Path) -> None:
    playbooks().call("benchmark", Arm("a", {}, "/other"), tmp_path / "log", {})
    assert " -i /other --forks" in (program / "words").read_text()


def test_an_interrupted_playbook_ends_in_its_own_way(program: Path, tmp_path: Path) -> None:
    (program / "wait").touch()

    def interrupt() -> None:
        until((program / "begun").exists, 20)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        playbooks().call("benchmark", Arm("a", {}), tmp_path / "log", {})
    thread.join()
    assert (program / "ended").read_text() == "ended\n"
    assert not Path((program / "file").read_text().strip()).parent.exists()
