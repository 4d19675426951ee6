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
