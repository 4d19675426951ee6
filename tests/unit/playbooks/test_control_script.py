"""The control script of a member: what it bundles and shows of logs that a broken server may have written."""

import os
import re
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

TEMPLATES = Path(__file__).parents[3] / "roles/zookeeper/templates"


@pytest.fixture
def control(tmp_path: Path) -> Path:
    """Render the script for a member whose service user is the one that runs the test."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), trim_blocks=True)
    environment.filters["quote"] = shlex.quote
    environment.filters["regex_escape"] = lambda text, _: re.sub(r"([].[^$*\\])", r"\\\1", text)
    member = tmp_path / "zk1"
    for name in ("log", "conf"):
        (member / name).mkdir(parents=True)
    (member / "conf/zoo.cfg").write_text("tickTime=2000\nssl.keyStore.password=hunter2\n")
    (member / "conf/log4j.properties").write_text("x=y\n")
    script = member / "control"
    script.write_text(
        environment.get_template("control.j2").render(
            ansible_managed="Made by Ansible",
            inventory_hostname="zk1",
            zookeeper_id=1,
            zookeeper_stop_timeout_s=30,
            _zookeeper_member_dir=str(member),
            _zookeeper_secret_keys=["ssl.keyStore.password"],
            _zookeeper_java={"path": "java"},
            _zookeeper_class_path=[],
        )
    )
    script.chmod(0o755)
    return script


def bundle(control: Path, pack: Path) -> dict[str, bytes]:
    """Return the files of a bundle that is made with the umask of root."""
    subprocess.run(["sh", "-c", f"umask 022 && {control} bundle {pack}"], timeout=120, check=True)
    with tarfile.open(pack) as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar if entry.isfile()}
        return {name.removeprefix("./"): file.read() for name, file in files.items() if file}


def test_a_bundle_is_for_its_owner_alone_also_over_an_older_one(control: Path, tmp_path: Path) -> None:
    pack = tmp_path / "bundle.tar.gz"
    pack.touch(0o644)
    (control.parent / "log/zookeeper.log").write_text("up\n")
    files = bundle(control, pack)
    assert pack.stat().st_mode & 0o777 == 0o600
    assert set(files) == {"zookeeper.log", "control", "log4j.properties", "zoo.cfg"}
    assert files["zoo.cfg"] == b"tickTime=2000\nssl.keyStore.password=(secret)\n"


def test_a_bundle_has_a_bound_in_number_and_says_what_is_left_out(control: Path, tmp_path: Path) -> None:
    log = control.parent / "log"
    for number in range(300):
        (log / f"a{number:03}.log").write_text("x")
    for name in ("zookeeper.log", "zookeeper.out", "gc.log", "with space.log", "left-out.txt"):
        (log / name).write_text("ours")
    (log / "large.log").write_bytes(b"")
    os.truncate(log / "gc.log", 40 * 2**20)
    (log / "link.log").symlink_to("/etc/passwd")
    files = bundle(control, tmp_path / "bundle.tar.gz")
    logs = set(files) - {"control", "log4j.properties", "zoo.cfg", "left-out.txt"}
    assert len(logs) == 200
    assert {"zookeeper.log", "zookeeper.out", "gc.log"} <= logs
    assert len(files["gc.log"]) == 32 * 2**20
    assert files["left-out.txt"].decode().splitlines() == [
        "gc.log: only its last 32 MiB",
        "106 more files of the log folder: over 200 files, 256 MiB or 120 s, or with an unusual name",
    ]


def test_configuration_is_bundled_with_a_bound(control: Path, tmp_path: Path) -> None:
    os.truncate(control.parent / "conf/log4j.properties", 3 * 2**20)
    assert len(bundle(control, tmp_path / "bundle.tar.gz")["log4j.properties"]) == 2**20


def test_the_end_of_a_log_is_shown_without_what_a_terminal_obeys(control: Path) -> None:
    escapes = b"\x1b]0;owned\x07 \xc2\x9b31m \xc2\x01\x9b \xc2\xc2\x9b\x9b caf\xc3\xa9\n"
    (control.parent / "log/zookeeper.log").write_bytes(escapes)
    shown = subprocess.run([control, "tail"], capture_output=True, timeout=60, check=True).stdout
    assert "café" in shown.decode("utf-8", "replace")
    assert not [char for char in shown.decode("utf-8", "ignore") if not (char.isprintable() or char == "\n")]


@pytest.fixture
def with_data(control: Path) -> tuple[Path, list[Path]]:
    """Return the script of a member with data and its folders, snapshots and transaction log apart."""
    folders = [control.parent / "data", control.parent / "log-of-data"]
    for folder in folders:
        (folder / "version-2").mkdir(parents=True)
        (folder / "version-2" / "file").touch()
        (folder / ".zk-locust").touch()
        (folder / "lost+found").mkdir()
    (folders[0] / "myid").touch()
    text = control.read_text()
    for name, folder in zip(("data_dir", "data_log_dir"), folders, strict=True):
        text = re.sub(rf"^{name}=.*$", f"{name}={folder}", text, flags=re.MULTILINE)
    control.write_text(text)
    return control, folders


def test_all_data_is_removed_but_the_markers(with_data: tuple[Path, list[Path]]) -> None:
    control, folders = with_data
    (folders[0] / "removed").mkdir()  # of a removal that was cut off
    subprocess.run([control, "empty"], check=True, timeout=120)
    for folder in folders:
        assert sorted(path.name for path in folder.iterdir()) == [".zk-locust", "lost+found"]
    subprocess.run([control, "empty"], check=True, timeout=120)


def test_data_that_cannot_be_removed_completely_stays_completely(with_data: tuple[Path, list[Path]]) -> None:
    control, folders = with_data
    path = control.parent / "bin"
    path.mkdir()
    (path / "mv").write_text(f'#!/bin/sh\ncase "$*" in *{folders[1]}/version-2*) exit 1 ;; esac\nexec /bin/mv "$@"\n')
    (path / "mv").chmod(0o755)
    surroundings = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
    done = subprocess.run([control, "empty"], check=False, timeout=120, env=surroundings)
    assert done.returncode == 1
    assert [(folder / "version-2" / "file").exists() for folder in folders] == [True, True]


def test_the_data_of_a_running_member_is_not_removed(with_data: tuple[Path, list[Path]]) -> None:
    control, folders = with_data
    ticks = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    (control.parent / "zookeeper.pid").write_text(f"{os.getpid()} {ticks}\n")
    done = subprocess.run([control, "empty"], check=False, timeout=120, capture_output=True, text=True)
    assert "the member runs" in done.stderr
    assert (folders[0] / "version-2" / "file").exists()
