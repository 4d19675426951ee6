"""What the share of each host came to, from its collection to the manifest."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fleet.host_result import HostResult, machine, master_failure, member_told, run_status, start_failures
from fleet.record_tasks import note, note_results
from fleet.run_record import RecordError, open_record, read
from zk_locust.contract.run_files import MANIFEST


def ended(exit_code: int | None, ended_by: str, **progress: Any) -> dict[str, Any]:
    master = {"exit_code": exit_code}
    return {"state": "ended", "ended_by": ended_by, "processes": {"master": master}, "progress": progress or None}


def test_why_a_master_did_not_end_well() -> None:
    meeting = (4, "10.0.0.9", 5557)
    assert master_failure(ended(0, "leader", stage="ended"), "load1", *meeting) == ""
    assert master_failure(ended(0, "itself"), "load1", *meeting) == ""
    alone = master_failure(ended(1, "leader", stage="", workers=1), "load1", *meeting)
    assert alone.startswith(
        "only 1 of 4 workers have come to the master: the others do not reach locust_master_address"
    )
    assert "locust_master_address [10.0.0.9], port [5557]" in alone
    assert master_failure(ended(1, "leader", stage="measured", workers=4), "load1", *meeting) == (
        "the Locust master did not end well (state ended, ended by leader, exit code 1);"
        " see logs/load1/master.log in the run folder"
    )
    assert "ended by stop, exit code 0" in master_failure(ended(0, "stop", stage="measured"), "load1", *meeting)
    assert "ended by nobody, exit code unknown" in master_failure({"state": "lost"}, "load1", *meeting)
    damaged = {"state": "absent", "problem": "/r/status.json is empty\x1b[2J"}
    assert "exit code unknown); /r/status.json is empty [2J; see logs/load1/" in master_failure(
        damaged, "load1", *meeting
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return open_record(tmp_path / "results", "quick", "", os.getpid())


LOAD_HOSTS = ("load1", "load2", "load3")
MEMBERS = ("zk1", "zk2", "zk3")
HOME: dict[str, Any] = {"came": True}
LOGS_HOME: dict[str, Any] = {"role": "member", "came": True}


def noted(folder: Path, without_master: bool = False, **found: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what comes of the hosts' results, and the manifest."""
    answer = note_results(
        folder=folder,
        load_hosts={host: found.get(host, HOME) for host in LOAD_HOSTS},
        members={host: found.get(host, LOGS_HOME) for host in MEMBERS},
        without_master=without_master,
        taken_over=False,
        interruption="",
    )
    return answer, read(folder / MANIFEST)


def missing(folder: Path, **found: Any) -> list[str]:
    lines: list[str] = noted(folder, **found)[1]["missing"]
    return lines


def test_only_the_masters_figures_are_worth_waiting_for(folder: Path) -> None:
    assert missing(folder) == []
    full = {"problem": "no space left on device"}
    for found, why in ((full, "no space left on device"), ({}, "it cannot be reached")):
        with pytest.raises(RecordError, match=f"^load1: its files could not be fetched, {why}; correct it, and call"):
            noted(folder, load1=found)
    assert missing(folder, load2=full, load3={}) == [
        "load2: its files could not be fetched, no space left on device; they are left there",
        "load3: its files could not be fetched, it cannot be reached",
    ]
    nothing = {"nothing": "load1: no files of this run in /x"}
    assert missing(folder, load1=nothing) == ["load1: no files of this run in /x"]


def test_the_figures_of_a_master_that_never_comes_back_can_be_given_up(folder: Path) -> None:
    line = "the master's figures were given up: load1: its files could not be fetched, it cannot be reached"
    other = "load3: its files could not be fetched, it cannot be reached"
    answer, manifest = noted(folder, without_master=True, load1={}, load3={})
    assert manifest["missing"] == [line, other]
    assert (answer["state"], answer["reason"]) == ("failed", line)
    well = HOME | {"status": ended(0, "leader")}
    answer, manifest = noted(folder, without_master=True, load1=well)
    assert (answer["state"], answer["reason"], manifest["missing"]) == ("complete", "", [])


@pytest.mark.parametrize(
    ("reason", "taken_over", "state", "said"),
    [
        ("the master failed", False, "failed", "the master failed"),
        ("the master failed", True, "failed", "the master failed"),
        ("", True, "interrupted", "Ctrl-C"),
    ],
)
def test_how_a_run_that_did_not_end_well_ended(
    folder: Path, reason: str, taken_over: bool, state: str, said: str
) -> None:
    note(folder=folder, values={"reason": reason})
    hosts: dict[str, Any] = {"load1": HOME | {"status": ended(1, "stop")}}
    answer = note_results(
        folder=folder, load_hosts=hosts, members={}, without_master=False, taken_over=taken_over, interruption="Ctrl-C"
    )
    assert (answer["state"], answer["reason"]) == (state, said)


def test_files_that_a_host_should_have_had_are_missing_and_others_are_said(folder: Path) -> None:
    came = HOME | {"missing": ["latency.hlog", "worker-1.log"], "unknown": ["core"]}
    answer, manifest = noted(folder, load1=came)
    assert manifest["missing"] == [
        "load1: latency.hlog is missing: it was not written",
        "load1: worker-1.log is missing: it was not written",
    ]
    assert answer["lines"] == [*manifest["missing"], "load1: core is no file of a run; it is kept in logs/load1"]


def test_a_members_logs_that_did_not_come_home_are_missing(folder: Path) -> None:
    lost = {
        "zk1": {"problem": "its logs could not be fetched, it cannot be reached"},
        "zk2": {"problem": "its logs could not be fetched from /x: there is none"},
        "zk3": {"problem": "not all could be collected: no space left on device"},
    }
    assert missing(folder, **lost) == [
        "zk1: its logs could not be fetched, it cannot be reached",
        "zk2: its logs could not be fetched from /x: there is none",
        "zk3: not all could be collected: no space left on device",
    ]


def test_of_a_member_that_was_not_asked_nothing_is_missing(folder: Path) -> None:
    assert missing(folder, zk1={}) == []


@pytest.mark.parametrize(
    ("processor", "model"),
    [
        (["0", "GenuineIntel", "Xeon", "1", "GenuineIntel", "Xeon"], "Xeon"),
        (["ARMv8"], "ARMv8"),
        ([], None),
        (None, None),
    ],
)
def test_what_a_machine_is(processor: list[str] | None, model: str | None) -> None:
    facts = {"kernel": "6.1", "distribution": "Debian", "distribution_version": "12", "processor": processor,
             "processor_vcpus": 2, "memtotal_mb": 0, "python_version": "3.11.2"}  # fmt: skip
    found = machine("worker", {}, facts)
    assert found.get("cpu_model") == model
    assert found["distribution"] == "Debian 12"
    assert "memory_mb" not in found, "what is not known is left out"
    assert machine("worker", {}, {}) == {}


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ([{"since": "2026-11-24T03:15:10+00:00", "until": None, "problem": "No space left on device"}],
         {"disk_full": [{"since": "2026-11-24T03:15:10+00:00", "until": None}]}),
        ([{"since": "\x1b[2J", "until": 7}], {"disk_full": [{"since": None, "until": None}]}),
        ([{}] * 1000, {"disk_full": [{"since": None, "until": None}] * 20}),
        ("full", {}), ([], {}), (["full"], {}), (None, {}),
    ],
)  # fmt: skip
def test_of_what_a_host_says_of_its_disk_the_manifest_has_times_only(said: object, known: dict[str, object]) -> None:
    assert machine("worker", {"state": "ended", "disk_full": said}, {}) == known


ORDERS = "\x1b[2J\x1b]0;owned\x07"


def test_what_hosts_say_of_missing_files_is_plain_text(folder: Path) -> None:
    said: dict[str, Any] = {"status": {"state": "absent", "problem": f"{ORDERS}\ngone" * 100_000}}
    answer, manifest = noted(
        folder,
        load1=HOME | said | {"unknown": [f"core{ORDERS}", "and 7 more"]},
        load2=HOME | {"missing": [f"{ORDERS}.log", "and 1,234 more"]},
        load3={"problem": ORDERS},
        zk1={"problem": ORDERS},
        zk2={"notes": [ORDERS]},
    )
    lines = answer["lines"]
    assert len(lines) == 8
    assert all(line.isprintable() and len(line) <= 500 for line in lines)
    assert "load2: and 1,234 more" in manifest["missing"]
    assert "load1: and 7 more" in lines
    with pytest.raises(RecordError) as refused:
        noted(folder, load1={"problem": ORDERS})
    assert str(refused.value).isprintable()
    given_up = noted(folder, without_master=True, load1={"problem": ORDERS})[0]
    assert given_up["reason"].isprintable()


def test_why_hosts_did_not_start_is_plain_text() -> None:
    hosts: dict[str, dict[str, Any]] = {
        "load1": {"rc": 2, "stderr": f"locust is missing{ORDERS}\n"},
        "load2": {"rc": 1, "stderr": "x" * 10**6},
        "load3": {"rc": 1, "stderr": "\n", "msg": ""},
        "load4": {},
        "load5": {"rc": 0},
    }
    first, second, third, fourth = start_failures(hosts)
    assert first == "load1: locust is missing [2J ]0;owned"
    assert len(second) < 2100
    assert third == "load3: no reason given"
    assert fourth == "load4: it was not reached"


def test_what_the_manifest_says_of_machines_is_plain_text(folder: Path) -> None:
    facts = {"kernel": f"6.1{ORDERS}", "processor_vcpus": 2, "processor": ["0", "V", ORDERS]}
    answers = {
        "environment": {"java.version": f"17{ORDERS}", "java.vendor": "x" * 10**6},
        "srvr": {"version": f"3.9.3-{ORDERS}", "server_stats": {"server_state": [ORDERS]}},
    }
    master = HOME | {"machine": machine("master", {}, facts), "members": {"zk1": answers, "zk2": "nonsense"}}
    found = noted(folder, load1=master)[1]["hosts"]
    assert found["load1"]["cores"] == 2
    assert (found["zk1"]["zookeeper_version"], found["zk2"]["zookeeper_version"]) == ("3.9.3", "unknown")
    texts = [value for host in ("load1", "zk1") for value in found[host].values() if isinstance(value, str)]
    assert len(texts) == 6
    assert all(text.isprintable() and len(text) <= 500 for text in texts)
    assert member_told({"srvr": {"version": "3.8.0,x"}, "environment": 7})["zookeeper_version"] == "3.8.0"


def test_a_member_without_an_admin_server_is_known_by_its_client_port() -> None:
    told = {"srvr": {}, "environment": {}, "client_port": {"mode": "follower", "version": "3.4.13", "error": ""}}
    assert member_told(told) == {
        "zookeeper_version": "3.4.13", "zookeeper_mode": "follower", "java": "unknown", "jvm": "",
    }  # fmt: skip
    nothing = {"mode": "", "version": "", "error": "timed out"}
    assert member_told({"client_port": nothing})["zookeeper_mode"] == "unknown"


def test_a_host_that_is_member_and_load_host_is_one_machine(folder: Path) -> None:
    hosts = {"a": HOME | {"machine": {"cores": 2}}}
    members = {"a": LOGS_HOME | {"machine": {"samples_lost": 3}}}
    note_results(
        folder=folder, load_hosts=hosts, members=members, without_master=False, taken_over=False, interruption=""
    )
    found = read(folder / MANIFEST)["hosts"]["a"]
    assert (found["cores"], found["samples_lost"], found["zookeeper_mode"]) == (2, 3, "unknown")


def test_why_a_master_ended_badly_is_plain_text() -> None:
    status = {"state": ORDERS, "ended_by": ORDERS, "processes": {"master": {"exit_code": ORDERS}}}
    assert master_failure(status, "load1", 1, "a", 1).isprintable()


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("stopped", {}),
        ("stopped\nnonsense", {}),
        ("stopped\n[]", {}),
        ('stopped\n{"lost": "\x1b[2J", "disk_full": 7}', {}),
        ('stopped\n{"lost": -1, "disk_full": []}', {}),
        ('stopped\n{"lost": true}', {}),
        ("stopped\n" + "[" * 100_000, {}),
        (
            'not running\n{"disk_full": [{"since": "2026-11-24T03:15:10+00:00", "until": null}], "lost": 12}',
            {"disk_full": [{"since": "2026-11-24T03:15:10+00:00", "until": None}], "samples_lost": 12},
        ),
    ],
)
def test_of_what_a_members_sampler_says_of_its_disk_the_manifest_has_times_and_a_number(
    said: str, known: dict[str, object]
) -> None:
    assert machine("member", {"stdout": said}, {}) == known
    assert machine("member", {"msg": "unreachable"}, {}) == {}


def test_what_a_host_s_pack_was_refused_of_is_named(folder: Path) -> None:
    refused = {"refused": ["[a] was refused: it is a FIFO", "[b] was refused: it is a folder"]}
    lost = {"status": {"state": "absent", "problem": "status.json is empty or damaged"}}
    member = LOGS_HOME | {"refused": ["[c] was refused: it is a device"]}
    assert missing(folder, load1=HOME | lost, load2=HOME | refused, zk1=member) == [
        "load1: status.json is empty or damaged",
        "load2: [a] was refused: it is a FIFO",
        "load2: [b] was refused: it is a folder; this host keeps the run's files",
        "zk1: [c] was refused: it is a device",
    ]


def test_a_result_survives_its_way_through_a_play() -> None:
    result = HostResult(host="load1", role="master", came=True, missing=["a"], status={"state": "ended"})
    assert HostResult.told("load1", "worker", json.loads(json.dumps(result.as_dict()))) == result


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "[]",
        "null",
        '{"state": 5}',
        '{"state": "made up"}',
        "[" * 100_000,
        '{"state": "ended", "processes": 5}',
    ],
)
def test_a_host_that_says_anything_as_its_status_ends_no_play(said: str) -> None:
    found = run_status({"rc": 0, "stdout": said})
    assert found["state"] in ("absent", "ended")
    assert (found["processes"], found["progress"]) == ({}, None)
    assert run_status({"rc": 2, "stdout": '{"state": "running"}'})["state"] == "absent"
    assert run_status({"failed": True})["state"] == "absent"
    good = {"state": "running", "processes": {"master": {"pid": 1}, "x": 2}, "progress": {"stage": "measured"}}
    assert run_status({"rc": 0, "stdout": json.dumps(good)}) == good | {"processes": {"master": {"pid": 1}}}
