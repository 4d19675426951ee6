"""The lease on a host: one run has it, for as long as it says or loads the host."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet.controllers import identity
from fleet.held_hosts import answered, description, held_problems, is_abandoned
from zk_locust.contract import host_lease
from zk_locust.contract.host_lease import claim, damaged, held, other_holder, read, release
from zk_locust.contract.run_files import LEASE

NOW = 1_800_000_000.0


def asked(run_id: str, **other: Any) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "owner": f"ops@{run_id}",
        "controller": {"host": "here", "pid": 1, "start": "1"},
        "seconds": 60.0,
        "lock": "",
        "replaces": "",
    } | other


@contextmanager
def supervisor(lock: Path, run_id: str) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"run {run_id} of ops@elsewhere since 2026-11-24T03:15:00+00:00\n")
        file.flush()
        yield


def test_one_run_has_the_host(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    assert claim(folder, asked("a"), NOW) is None
    refused = claim(folder, asked("b"), NOW + 59)
    assert refused is not None
    assert refused["run_id"] == "a"
    assert refused["owner"] == "ops@a"
    assert refused["since"] == "2027-01-15T08:00:00Z"
    assert refused["until"] == "2027-01-15T08:01:00Z"
    kept = read(folder)
    assert kept is not None
    assert kept["run_id"] == "a"


def test_its_own_run_prolongs_it(tmp_path: Path) -> None:
    claim(tmp_path, asked("a"), NOW)
    assert claim(tmp_path, asked("a", seconds=600.0), NOW + 30) is None
    lease = read(tmp_path)
    assert lease is not None
    assert lease["since"] == "2027-01-15T08:00:00Z"
    assert lease["until_s"] == NOW + 630


def test_it_ends_by_itself(tmp_path: Path) -> None:
    claim(tmp_path, asked("a"), NOW)
    assert other_holder(tmp_path, "", "b", NOW + 60) is not None
    assert claim(tmp_path, asked("b"), NOW + 61) is None


def test_only_its_own_run_releases_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    claim(folder, asked("a"), NOW)
    release(folder, "b")
    assert read(folder) is not None
    release(folder, "a")
    assert not folder.exists()  # it was made for the lease
    release(folder, "a")


def test_releasing_keeps_what_else_is_in_the_folder(tmp_path: Path) -> None:
    claim(tmp_path, asked("a"), NOW)
    (tmp_path / "data").touch()
    release(tmp_path, "a")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data"]


def test_it_can_be_taken_away_by_name_only(tmp_path: Path) -> None:
    claim(tmp_path, asked("a"), NOW)
    assert claim(tmp_path, asked("b", replaces="c"), NOW) is not None
    assert claim(tmp_path, asked("b", replaces="a"), NOW) is None


def test_a_run_that_still_loads_the_host_is_not_taken_away(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    claim(tmp_path, asked("a"), NOW)
    with supervisor(lock, "a"):
        # Its lease is over, but its load is not.
        holder = claim(tmp_path, asked("b", lock=str(lock), replaces="a"), NOW + 100)
        assert holder is not None
        assert holder["loading"]
        assert holder["owner"] == "ops@a"
        assert other_holder(tmp_path, str(lock), "a", NOW) is None
    assert claim(tmp_path, asked("b", lock=str(lock)), NOW + 100) is None


def test_a_supervisor_without_a_lease_holds_the_host(tmp_path: Path) -> None:
    with supervisor(tmp_path / "lock", "a"):
        holder = other_holder(tmp_path, str(tmp_path / "lock"), "b", NOW)
    assert holder is not None
    assert description(holder) == "run a of ops@elsewhere since 2026-11-24T03:15:00+00:00"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"run_id": ', '{"run_id": "a", "until_s": "x"}'])
def test_a_broken_lease_holds_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / LEASE).write_text(content)
    assert damaged(tmp_path) == (
        f"{tmp_path / LEASE} is empty or damaged, as after a power loss; it is taken for no lease"
    )
    assert claim(tmp_path, asked("b"), NOW) is None


def test_a_lease_is_abandoned_when_its_process_here_has_ended() -> None:
    own = identity(os.getpid())
    assert not is_abandoned({"controller": own})
    assert is_abandoned({"controller": own | {"start": "1"}})
    assert not is_abandoned({"controller": own | {"start": "1"}, "loading": True})
    assert not is_abandoned({"controller": own | {"start": "1", "host": "another"}})
    assert not is_abandoned({})


def test_the_lease_of_a_machine_that_is_called_alike_is_not_abandoned() -> None:
    own = identity(os.getpid()) | {"start": "1"}
    boot, processes = own["machine"].split()
    for machine in (f"another {processes}", f"{boot} pid:[1]"):
        assert not is_abandoned({"controller": own | {"machine": machine}})
    older = {name: value for name, value in own.items() if name != "machine"}
    assert is_abandoned({"controller": older}), "one that names no machine goes by its host"


def test_only_a_host_that_was_claimed_is_held_for_a_time() -> None:
    holder = {"run_id": "a", "owner": "ops@a", "since": "03:15"}
    claimed = answered({"holder": None, "changed": False}, "claim", "b", NOW + 60)
    assert claimed == {"held_by": "", "claimed": "b", "lasts_until": NOW + 60}
    refused = answered({"holder": holder}, "claim", "b", NOW + 60)
    assert refused == {"held_by": "run a of ops@a since 03:15", "lasts_until": 0}
    assert answered({"holder": None, "failed": True}, "claim", "b", NOW + 60) == {"held_by": "", "lasts_until": 0}
    assert answered({"holder": None}, "show", "b", NOW) == {"held_by": ""}, "nor does check mode claim anything"
    assert answered({"holder": None}, "release", "b", NOW) == {"held_by": "", "released": "b"}


def test_each_holder_is_named_once_with_its_hosts() -> None:
    held = {"held_by": "run a of ops@a since 03:15"}
    (line,) = held_problems({"zk1": held, "zk2": held, "zk3": {}, "zk4": {"held_by": ""}, "zk5": None})
    assert line.startswith("zk1, zk2: is held by run a of ops@a since 03:15; wait for its end")


def test_the_refusal_names_what_can_be_done_about_this_holder() -> None:
    def found(run_id: str, loading: bool) -> dict[str, Any]:
        return {"held_by": f"run {run_id} of ops", "holder": {"run_id": run_id, "loading": loading}}

    # On a member nobody sees the load of the same run.
    leases = {"zk1": found("a", False), "load1": found("a", True), "load2": found("b", False)}
    loading, idle = held_problems(leases)
    assert loading == (
        "zk1, load1: is held by run a of ops; wait for its end, or end its load (fab stop) and wait for its figures"
    )
    assert "run_lease_take" not in loading, "what is loaded is not taken over"
    assert idle.startswith("load2: is held by run b of ops; wait for its end, or end it on its own controller (Ctrl-C)")
    assert "fab stop" not in idle, "there is nothing that it could stop"
    assert "-e run_lease_take=true" in idle


def test_a_claim_waits_for_one_that_is_being_made(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        with held(tmp_path):
            waiting = pool.submit(claim, tmp_path, asked("b"), NOW)
            time.sleep(0.2)
            assert not waiting.done()
            (tmp_path / LEASE).write_text(json.dumps({"run_id": "a", "until_s": NOW + 1}))
        holder = waiting.result(10)
    assert holder is not None
    assert holder["run_id"] == "a"


def test_a_fifo_in_place_of_a_lease_or_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    for name in (LEASE, "lock"):
        os.mkfifo(tmp_path / name)
    assert other_holder(tmp_path, str(tmp_path / "lock"), "b", NOW) is None
    assert "is empty or damaged" in damaged(tmp_path)
    assert claim(tmp_path, asked("b", lock=str(tmp_path / "lock")), NOW) is None
    assert damaged(tmp_path) == ""


def test_a_folder_that_somebody_has_locked_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_lease, "PATIENCE_S", 0.1)
    with held(tmp_path), pytest.raises(OSError, match=r"another process has locked .* for 0\.1 s"):
        claim(tmp_path, asked("b"), NOW)
