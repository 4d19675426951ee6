"""A load host is held by one run: the lock, and what is said where it cannot be taken."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.integration.load_host import (
    SECRET,
    Host,
)
from tests.needs import require_root

pytestmark = pytest.mark.integration


def test_a_second_run_is_refused_and_told_who_holds_the_host(host: Host) -> None:
    host.start()
    secrets = host.runs / "secrets.json"
    secrets.write_text(json.dumps({"PASSWORD": SECRET}))
    refused = host.call("start", "--spec", host.spec("second", secrets=str(secrets)))
    assert refused.returncode == 2
    assert refused.stderr.startswith("zk-locust: this load host is held by run run of tester@here since 20")
    assert len(refused.stderr.splitlines()) == 1
    assert not secrets.exists(), "unread secrets do not stay"
    assert host.status("second")["state"] == "absent"
    assert host.status()["state"] == "running"
    host.stop()
    assert host.call("start", "--spec", host.runs / "second" / "spec.json").returncode == 2, "its secrets are gone"
    assert host.call("start", "--spec", host.spec("third")).returncode == 0, "the host is free again"


def test_a_run_of_another_user_is_seen(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    from zk_locust.agent import supervisor
    from zk_locust.agent.spec import HostRunSpec

    require_root("a run of another user")
    everybodys = Path(tempfile.mkdtemp())
    everybodys.chmod(0o1777)  # as /tmp is
    host.lock = everybodys / "lock"
    first, spec = (HostRunSpec.read(host.spec(run)) for run in ("first", "second"))
    try:
        with supervisor._take_lock(first):
            os.seteuid(65534)
            with pytest.raises(supervisor.HostBusyError, match="held by run first of tester@here since 20"):
                supervisor._take_lock(spec)
        supervisor._take_lock(spec).close()
    finally:
        os.seteuid(0)
        shutil.rmtree(everybodys)


def test_a_lock_that_cannot_be_taken_is_said_in_a_line_with_the_remedy(host: Host) -> None:
    # Not even root may write to these: a folder, and what lies below a file.
    (host.runs / "folder").mkdir()
    (host.runs / "file").write_text("")
    secrets = host.runs / "secrets.json"
    os.mkfifo(host.runs / "fifo")
    for lock, reason in (
        (host.runs / "folder", "Is a directory"),
        (host.runs / "file" / "lock", "File exists"),
        (host.runs / "fifo", "it is not a regular file"),
    ):
        host.lock = lock
        secrets.write_text(json.dumps({"PASSWORD": SECRET}))
        refused = host.call("start", "--spec", host.spec(secrets=str(secrets)))
        assert refused.returncode == 2
        assert refused.stderr == (
            f"zk-locust: the lock {lock} cannot be taken: {reason}; have its owner or root remove it, or set"
            " load_host_state_dir to another folder\n"
        )
        assert not secrets.exists()
        assert host.status()["state"] == "absent"


def test_a_lock_on_a_full_disk_asks_for_room(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    from zk_locust.agent import supervisor
    from zk_locust.agent.spec import HostRunSpec

    full = Path("/dev/full").open("a+", encoding="utf-8")  # closed by what is tested
    monkeypatch.setattr(full, "truncate", lambda _: None)  # a device cannot be
    monkeypatch.setattr(supervisor, "_open_for_all", lambda _: full)
    with pytest.raises(supervisor.StartError, match="cannot be taken: No space left on device; make room there, or"):
        supervisor._take_lock(HostRunSpec.read(host.spec()))
    assert full.closed


def test_a_lock_that_another_user_has_made_for_himself_is_said_in_a_line(host: Host) -> None:
    from zk_locust.agent import supervisor
    from zk_locust.agent.spec import HostRunSpec

    require_root("a file of another user")
    everybodys = Path(tempfile.mkdtemp())
    everybodys.chmod(0o1777)  # as /tmp is
    host.lock = everybodys / "lock"
    host.lock.touch(0o644)
    spec = HostRunSpec.read(host.spec())
    try:
        os.seteuid(65534)
        with pytest.raises(supervisor.StartError, match="lock cannot be taken: Permission denied; have its owner or"):
            supervisor._take_lock(spec)
    finally:
        os.seteuid(0)
        shutil.rmtree(everybodys)
