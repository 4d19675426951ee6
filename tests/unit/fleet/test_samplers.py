"""`fab stop` ends samplers on members whose controller was killed: real ones, on this machine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fleet import samplers
from fleet.inventory import Inventory
from host_metrics import background
from host_metrics.process import read_process
from host_metrics.process_identity import Identity, identity_of, named_in_pid_file

STATE = "it's the state"  # folders may have such names


def sampler(folder: Path) -> tuple[Path, Identity]:
    """Start a sampler as the role zookeeper does; return its file, and who it is."""
    file = folder / "zookeeper-host-metrics.csv"
    words = ["start", f"--file={file}", "--host=zk1", "--interval-s=0.2", "--for-s=120"]
    environment = {"PYTHONPATH": str(Path(background.__file__).parent.parent), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-m", "host_metrics", *words], env=environment, timeout=30, check=True)
    found = named_in_pid_file(background.pid_file_of(file))
    assert found is not None
    return file, found


def ends(identity: Identity) -> bool:
    """Whether a process, which is not a child of this one, ends soon."""
    try:
        psutil.Process(identity.pid).wait(30)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return read_process(identity) is None


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return tmp_path / STATE / "zookeeper" / "zk1" / "samples"


@pytest.fixture
def begun(samples: Path) -> Iterator[tuple[Path, Identity]]:
    file, found = sampler(samples / "20261124T031500Z-quick")
    yield file, found
    background.stop(file)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    yield process
    process.kill()
    process.wait(30)


def inventory(loaded: Callable[[dict[str, Any]], Inventory], tmp_path: Path, **variables: Any) -> Inventory:
    here = {"ansible_connection": "local", "zookeeper_state_dir": str(tmp_path / STATE)} | variables
    return loaded({"zookeeper": {"hosts": {"zk1": here}}})


def test_a_sampler_that_outlives_its_run_is_ended_and_its_file_is_complete(
    begun: tuple[Path, Identity], loaded: Callable[[dict[str, Any]], Inventory], tmp_path: Path
) -> None:
    file, found = begun
    assert read_process(found) is not None
    assert samplers.end(inventory(loaded, tmp_path)) == ["zk1"]
    assert ends(found)
    assert file.read_text().endswith("\n")
    assert samplers.end(inventory(loaded, tmp_path)) == [], "there is none left"


def test_samplers_of_several_runs_are_ended_together(
    begun: tuple[Path, Identity], samples: Path, loaded: Callable[[dict[str, Any]], Inventory], tmp_path: Path
) -> None:
    other, its = sampler(samples / "20261124T041500Z-quick")
    try:
        assert samplers.end(inventory(loaded, tmp_path)) == ["zk1"]
        assert ends(begun[1])
        assert ends(its)
    finally:
        background.stop(other)


def test_other_processes_are_left_alone_whatever_pid_files_say(
    begun: tuple[Path, Identity],
    samples: Path,
    sleeper: subprocess.Popen[bytes],
    loaded: Callable[[dict[str, Any]], Inventory],
    tmp_path: Path,
) -> None:
    file, found = begun
    pid_file = background.pid_file_of(file)
    said = pid_file.read_text()
    own, other = identity_of(os.getpid()), identity_of(sleeper.pid)
    bad = [
        "", "\n", "7", f"{found.pid}\n", f"{found.pid} {found.start_ticks + 1}\n", f"-1 {own.start_ticks}\n",
        f"{other.pid} {other.start_ticks}\n", f"{own.pid} {own.start_ticks}\n", f"0 0\n{said}",
        f"$(kill {found.pid}) 1\n", "x" * 100_000,
    ]  # fmt: skip
    try:
        for text in bad:
            pid_file.write_text(text)
            assert samplers.end(inventory(loaded, tmp_path)) == [], text[:80]
        elsewhere = tmp_path / "elsewhere.pid"
        elsewhere.write_text(said)
        pid_file.unlink()
        pid_file.symlink_to(elsewhere)
        assert samplers.end(inventory(loaded, tmp_path)) == [], "a link may lead to anywhere"
        assert read_process(found) is not None
        assert sleeper.poll() is None
    finally:
        pid_file.unlink()
        pid_file.write_text(said)


def test_a_member_that_is_not_managed_or_has_no_state_is_not_touched(
    begun: tuple[Path, Identity], loaded: Callable[[dict[str, Any]], Inventory], tmp_path: Path
) -> None:
    assert samplers.end(inventory(loaded, tmp_path, zookeeper_managed=False)) == []
    assert samplers.end(inventory(loaded, tmp_path, zookeeper_state_dir=str(tmp_path / "none"))) == []
    assert read_process(begun[1]) is not None


def test_a_member_that_cannot_be_asked_keeps_no_other_from_being_asked(
    begun: tuple[Path, Identity], loaded: Callable[[dict[str, Any]], Inventory], tmp_path: Path, home: Path
) -> None:
    here = {"ansible_connection": "local", "zookeeper_state_dir": str(tmp_path / STATE)}
    gone = {"ansible_host": "127.0.0.1", "ansible_port": 1}
    found = loaded({"zookeeper": {"hosts": {"gone": gone, "zk1": here}}})
    assert samplers.end(found) == ["zk1"]
    assert ends(begun[1])
