"""What the load's roles derive from the inventory."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from playbooks.filter_plugins.host_answers import run_status
from playbooks.filter_plugins.load_contract import (
    FilterModule,
    admin_addresses,
    connect_string,
    contract_variables,
    host_facts,
    load_lock,
    locust_processes,
    machines,
    master_failure,
    members_asked,
    sampler_process,
    start_failures,
    uncollected,
)
from zk_locust.agent.overview import LOCK, MACHINE_LOCK
from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.parameters import PARAMETERS, parse_admin_addresses
from zk_locust.contract.secrets import without_user_info

HOSTVARS: dict[str, dict[str, Any]] = {
    "zk1": {"ansible_host": "10.0.0.1", "zookeeper_client_port": 2182, "zookeeper_admin_port": 8081},
    "zk2": {"zookeeper_address": "fd00::2", "ansible_host": "10.0.0.2"},
    "zk3": {},
}


def test_the_connect_string_has_the_members_in_order_and_is_understood() -> None:
    text = connect_string(HOSTVARS, HOSTVARS)
    assert text == "10.0.0.1:2182,[fd00::2]:2181,zk3:2181"
    assert parse_connect_string(text).members == (("10.0.0.1", 2182), ("fd00::2", 2181), ("zk3", 2181))


def test_a_run_locks_the_file_that_an_overview_looks_at() -> None:
    assert load_lock("") == load_lock(None) == str(MACHINE_LOCK)
    assert load_lock("/srv/zk") == f"/srv/zk/load/{LOCK}"


def test_the_admin_addresses_are_named_for_the_members_and_understood() -> None:
    text = admin_addresses(HOSTVARS, HOSTVARS)
    assert parse_admin_addresses(text) == [("zk1", "10.0.0.1:8081"), ("zk2", "[fd00::2]:8080"), ("zk3", "zk3:8080")]


MASTER = {
    "bind_host": "127.0.0.1",
    "port": 5557,
    "expect_workers": 3,
    "users": 32,
    "spawn_rate": 16.5,
    "run_time_s": 20.0,
}


def processes(master: dict[str, Any] | None = MASTER, count: int = 2) -> list[dict[str, Any]]:
    workers = {"count": count, "address": "10.0.0.9", "port": 5557}
    return locust_processes("load1", {"ZK_LOCUST_HOSTS": "zk1:2181"}, "/venv/bin/python", master, workers)


def flags(process: dict[str, Any]) -> dict[str, str]:
    words = process["arguments"]
    return {a: b for a, b in itertools.pairwise(words) if a.startswith("--") and not b.startswith("--")}


def test_a_host_has_its_master_and_its_workers() -> None:
    master, *workers = processes()
    assert [process["name"] for process in (master, *workers)] == ["master", "worker-1", "worker-2"]
    assert [process["name"] for process in processes(None, 3)] == ["worker-1", "worker-2", "worker-3"]
    assert {"--master", "--headless"} <= set(master["arguments"])
    assert all("--worker" in worker["arguments"] and "--headless" not in worker["arguments"] for worker in workers)
    assert all(process["arguments"][:5] == ["/venv/bin/python", "-m", "locust", "-f", "locustfile.py"] for process in
               (master, *workers))  # fmt: skip


def test_the_master_has_the_load_and_the_parameters_the_workers_none() -> None:
    master, worker, _ = processes()
    given = flags(master)
    assert [given[name] for name in ("--users", "--spawn-rate", "--run-time", "--expect-workers")] == [
        "32", "16.5", "20s", "3",
    ]  # fmt: skip
    assert master["environment"] == {"ZK_LOCUST_HOSTS": "zk1:2181"}
    assert worker["environment"] == {"ZK_LOCUST_WORKER_NAME": "load1/worker-1"}
    assert (flags(worker)["--master-host"], flags(worker)["--master-port"]) == ("10.0.0.9", "5557")


def test_a_master_with_pages_starts_and_ends_by_itself_all_the_same() -> None:
    web = MASTER | {"web_bind_host": "127.0.0.1", "web_port": 8089}
    (arguments,) = [process["arguments"] for process in processes(web, 0)]
    assert "--headless" not in arguments
    text = " ".join(arguments)
    assert "--autostart --autoquit 3 --web-host 127.0.0.1 --web-port 8089" in text


def test_a_host_is_sampled_beside_its_load_or_not_at_all() -> None:
    (sampler,) = sampler_process("load1", "/venv/bin/python", 0.5)
    assert sampler["companion"]
    assert sampler["arguments"][:4] == ["/venv/bin/python", "-m", "host_metrics", "record"]
    assert flags(sampler) == {
        "--file": "host-metrics.csv",
        "--host": "load1",
        "--interval-s": "0.5",
        "--status": "status.json",
    }
    assert sampler_process("load1", "/venv/bin/python", 0) == []


def ended(exit_code: int | None, ended_by: str, **progress: Any) -> dict[str, Any]:
    master = {"exit_code": exit_code}
    return {"state": "ended", "ended_by": ended_by, "processes": {"master": master}, "progress": progress or None}


def test_why_a_master_did_not_end_well() -> None:
    meeting = {"expected": 4, "address": "10.0.0.9", "port": 5557}
    assert master_failure(ended(0, "leader", stage="ended"), "load1", meeting) == ""
    assert master_failure(ended(0, "itself"), "load1", meeting) == ""
    alone = master_failure(ended(1, "leader", stage="", workers=1), "load1", meeting)
    assert alone.startswith(
        "only 1 of 4 workers have come to the master: the others do not reach locust_master_address"
    )
    assert "locust_master_address [10.0.0.9], port [5557]" in alone
    assert master_failure(ended(1, "leader", stage="measured", workers=4), "load1", meeting) == (
        "the Locust master did not end well (state ended, ended by leader, exit code 1);"
        " see logs/load1/master.log in the run folder"
    )
    assert "ended by stop, exit code 0" in master_failure(ended(0, "stop", stage="measured"), "load1", meeting)
    assert "ended by nobody, exit code unknown" in master_failure({"state": "lost"}, "load1", meeting)
    damaged = {"state": "absent", "problem": "/r/status.json is empty\x1b[2J"}
    assert "exit code unknown); /r/status.json is empty [2J; see logs/load1/" in master_failure(
        damaged, "load1", meeting
    )


GROUPS = {"zookeeper": ["zk1", "zk2", "zk3"], "locust_master": ["load1"], "locust_workers": ["load1", "load2", "load3"]}
HOME: dict[str, Any] = {"benchmark_collect_taken_in": True}
NOTHING_LOST: dict[str, list[str]] = {"blocking": [], "missing": [], "given_up": [], "unknown": []}


def lost(**found: dict[str, Any]) -> dict[str, list[str]]:
    hosts: dict[str, dict[str, Any]] = {
        name: dict(HOME) if name.startswith("load") else {} for names in GROUPS.values() for name in names
    }
    return uncollected(GROUPS, hosts | found)


def test_only_the_masters_figures_are_worth_waiting_for() -> None:
    assert lost() == NOTHING_LOST
    full = {"benchmark_collect_problem": "no space left on device"}
    assert lost(load1=full)["blocking"] == ["load1: its files could not be fetched, no space left on device"]
    assert lost(load1={})["blocking"] == ["load1: its files could not be fetched, it cannot be reached"]
    assert lost(load2=full, load3={}) == NOTHING_LOST | {
        "missing": [
            "load2: its files could not be fetched, no space left on device; they are left there",
            "load3: its files could not be fetched, it cannot be reached",
        ],
    }
    nothing = {"benchmark_collect_nothing": "load1: no files of this run in /x"}
    assert lost(load1=nothing) == NOTHING_LOST | {"missing": ["load1: no files of this run in /x"]}


def test_the_figures_of_a_master_that_never_comes_back_can_be_given_up() -> None:
    line = "the master's figures were given up: load1: its files could not be fetched, it cannot be reached"
    hosts: dict[str, dict[str, Any]] = {"load1": {}, "load2": HOME, "load3": {}, "zk1": {}, "zk2": {}, "zk3": {}}
    found = uncollected(GROUPS, hosts, without_master=True)
    other = "load3: its files could not be fetched, it cannot be reached"
    assert found == NOTHING_LOST | {"given_up": [line], "missing": [line, other]}
    assert uncollected(GROUPS, hosts | {"load1": HOME, "load3": HOME}, without_master=True) == NOTHING_LOST


def test_files_that_a_host_should_have_had_are_missing_and_others_are_said() -> None:
    came = HOME | {"benchmark_collect_missing": ["latency.hlog", "worker-1.log"], "benchmark_collect_unknown": ["core"]}
    assert lost(load1=came) == NOTHING_LOST | {
        "missing": [
            "load1: latency.hlog is missing: it was not written",
            "load1: worker-1.log is missing: it was not written",
        ],
        "unknown": ["load1: core is no file of a run; it is kept in logs/load1"],
    }


def test_a_members_logs_that_did_not_come_home_are_missing() -> None:
    assert lost(
        zk1={"__reached": {"unreachable": True}},
        zk2={"_zookeeper_logs_problem": "its logs could not be fetched from /x: there is none"},
        zk3={"_collect_problem": "not all could be collected: no space left on device"},
    ) == NOTHING_LOST | {
        "missing": [
            "zk1: its logs could not be fetched, it cannot be reached",
            "zk2: its logs could not be fetched from /x: there is none",
            "zk3: not all could be collected: no space left on device",
        ],
    }


def test_everything_that_is_started_is_plain_text_for_a_spec() -> None:
    for process in json.loads(json.dumps(processes())):
        assert all(isinstance(word, str) for word in process["arguments"])


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("zookeeper_id", 1, True),
        ("zookeeper_properties", {"tickTime": 500}, True),
        ("benchmark_users", 3, True),
        ("benchmark_parameters", {"key-size": 8, "val-size": 8}, True),
        ("ansible_host", "h", True),
        ("load_host_folder", "/x", False),
        ("benchmark_run_time", "5s", True),
        ("benchmark_run_failure", "x", False),
        ("load_host_run_command", ["/x"], False),
        ("benchmark_plan", {"users": 1}, False),
        ("ansible_facts", {}, False),
        ("groups", {}, False),
        ("my_own", 1, False),
    ],
)
def test_the_manifest_has_the_variables_of_the_contract_as_they_are(key: str, value: object, kept: bool) -> None:
    assert contract_variables({"h": {key: value}}) == {"h": {key: value} if kept else {}}


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_password": "swordfish"},
        {"zookeeper_admin_password": "swordfish"},
        {"benchmark_parameters": {"kazoo-sasl-options": {"username": "u", "password": "swordfish"}}},
        {"benchmark_parameters": {"kazoo-sasl-options": '{"password": "swordfish"}'}},
        {"zookeeper_properties": {"ssl.keyStore.password": "swordfish", "secretKey": "swordfish"}},
        {"zookeeper_users": [{"name": "u", "password": "swordfish"}]},
        {"zookeeper_java_options": ["-Dzookeeper.DigestAuthenticationProvider.superDigest=super:swordfish"]},
        {"zookeeper_properties": {"DigestAuthenticationProvider.superDigest": "super:swordfish"}},
        {"zookeeper_archive_url": "https://ci:swordfish@mirror.example.org/apache-zookeeper-3.9.3-bin.tar.gz"},
        {"zookeeper_archive_checksum": "sha512:https://ci:sword@swordfish@mirror.example.org/sums"},
        {"zookeeper_java_options": ["-Dproxy=http://swordfish@proxy:3128"]},
        {"benchmark_api_token": "swordfish", "locust_private_key": "swordfish", "zookeeper_key": "swordfish"},
    ],
)
def test_no_secret_reaches_the_manifest(variables: dict[str, object]) -> None:
    shown = json.dumps(contract_variables({"h": variables}))
    assert "swordfish" not in shown


def test_members_of_a_connect_string_are_recorded_as_far_as_they_told() -> None:
    answers = [
        {"item": {"address": "a.example.org", "client_port": 2181}, "mode": "leader", "version": "3.9.3"},
        {"item": {"address": "fd00::2", "client_port": 2182}, "mode": "follower"},
        {"item": {"address": "c.example.org", "client_port": 2181}, "mode": "", "error": "no answer"},
    ]
    assert members_asked(answers) == {
        "a.example.org:2181": {"zookeeper_version": "3.9.3", "zookeeper_mode": "leader"},
        "[fd00::2]:2182": {"zookeeper_version": "unknown", "zookeeper_mode": "follower"},
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ci:s3cret@mirror.example.org:8443/a@b.tar.gz?x=@", "https://mirror.example.org:8443/a@b.tar.gz?x=@"),
        ("https://ci:p@ss@h/x, and http://u@[::1]:80", "https://h/x, and http://[::1]:80"),
        ("https://h/x ada@example.org", "https://h/x ada@example.org"),
    ],
)
def test_the_user_of_a_url_is_taken_out_and_nothing_else(text: str, shown: str) -> None:
    assert without_user_info(text) == shown


def test_options_that_only_sound_like_the_super_users_digest_are_shown() -> None:
    variables = {"zookeeper_java_options": ["-Dzookeeper.digest.enabled=false"]}
    assert contract_variables({"h": variables}) == {"h": variables}


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_a_parameter_is_hidden_where_it_is_a_secret_and_only_there(parameter: Any) -> None:
    shown = contract_variables({"h": {"benchmark_parameters": {parameter.name: "value"}}})
    assert (shown["h"]["benchmark_parameters"][parameter.name] == "value") == (not parameter.secret)


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
    found = host_facts(facts)
    assert found.get("cpu_model") == model
    assert found["distribution"] == "Debian 12"
    assert "memory_mb" not in found, "what is not known is left out"
    assert host_facts({}) == {}


def test_every_filter_is_used_somewhere() -> None:
    root = Path(__file__).parents[3]
    files = [*root.glob("roles/**/*.yml"), *root.glob("roles/**/*.j2"), *root.glob("playbooks/*.yml"),
             *root.glob("inventory/**/*.yml")]  # fmt: skip
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    for name in FilterModule().filters():
        assert re.search(rf"\b{name}\b", text), name


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
    hostvars = {"load1": {"benchmark_collect_status": {"state": "ended", "disk_full": said}}, "load2": {}}
    assert machines(["load1", "load2"], hostvars) == {"load1": known, "load2": {}}


ORDERS = "\x1b[2J\x1b]0;owned\x07"


def test_what_hosts_say_of_missing_files_is_plain_text() -> None:
    said: dict[str, Any] = {"benchmark_collect_status": {"state": "absent", "problem": f"{ORDERS}\ngone" * 100_000}}
    found = lost(
        load1=HOME | said | {"benchmark_collect_unknown": [f"core{ORDERS}", "and 7 more"]},
        load2=HOME | {"benchmark_collect_missing": [f"{ORDERS}.log", "and 1,234 more"]},
        load3={"benchmark_collect_problem": ORDERS},
        zk1={"_collect_problem": ORDERS},
        zk2={"_zookeeper_logs_problem": ORDERS},
    )
    lines = [line for kind in found.values() for line in kind]
    assert len(lines) == 8
    assert all(line.isprintable() and len(line) <= 500 for line in lines)
    assert "load2: and 1,234 more" in found["missing"]
    assert "load1: and 7 more" in found["unknown"]


def test_why_hosts_did_not_start_is_plain_text() -> None:
    hosts: dict[str, dict[str, Any]] = {
        "load1": {"__benchmark_run_started": {"rc": 2, "stderr": f"locust is missing{ORDERS}\n"}},
        "load2": {"__benchmark_run_started": {"rc": 1, "stderr": "x" * 10**6}},
        "load3": {"__benchmark_run_started": {"rc": 1, "stderr": "\n", "msg": ""}},
        "load4": {},
        "load5": {"__benchmark_run_started": {"rc": 0}},
    }
    first, second, third, fourth = start_failures(hosts, hosts)
    assert first == "load1: locust is missing [2J ]0;owned"
    assert len(second) < 2100
    assert third == "load3: no reason given"
    assert fourth == "load4: it was not reached"


def test_what_the_manifest_says_of_machines_is_plain_text() -> None:
    hostvars: dict[str, Any] = {
        "zk1": {"benchmark_collect_member": {"java": f"17{ORDERS}", "jvm": "x" * 10**6, "zookeeper_mode": [ORDERS]}},
        "load1": {"ansible_facts": {"kernel": f"6.1{ORDERS}", "processor_vcpus": 2, "processor": ["0", "V", ORDERS]}},
    }
    found = machines(hostvars, hostvars)
    assert found["load1"]["cores"] == 2
    texts = [value for known in found.values() for value in known.values() if isinstance(value, str)]
    assert len(texts) == 5
    assert all(text.isprintable() and len(text) <= 500 for text in texts)


def test_why_a_master_ended_badly_and_what_members_answered_is_plain_text() -> None:
    status = {"state": ORDERS, "ended_by": ORDERS, "processes": {"master": {"exit_code": ORDERS}}}
    assert master_failure(status, "load1", {"expected": 1, "address": "a", "port": 1}).isprintable()
    answer = {"item": {"address": "a", "client_port": 1}, "mode": ORDERS, "version": ORDERS}
    assert all(value.isprintable() for value in members_asked([answer])["a:1"].values())


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
    assert machines(["zk1"], {"zk1": {"__zookeeper_sampler_ended": {"stdout": said}}}) == {"zk1": known}
    assert machines(["zk1"], {"zk1": {"__zookeeper_sampler_ended": {"msg": "unreachable"}}}) == {"zk1": {}}


def test_what_a_host_s_pack_was_refused_of_is_named() -> None:
    refused = {"benchmark_collect_refused": ["[a] was refused: it is a FIFO", "[b] was refused: it is a folder"]}
    member = {"__zookeeper_taken_in": {"refused": ["[c] was refused: it is a device"]}}
    lost = {"benchmark_collect_status": {"state": "absent", "problem": "status.json is empty or damaged"}}
    hosts = {"load1": HOME | lost, "load2": HOME | refused, "load3": HOME, "zk1": member}
    groups = {"zookeeper": ["zk1"], "locust_master": ["load1"], "locust_workers": ["load2", "load3"]}
    assert uncollected(groups, hosts)["missing"] == [
        "load1: status.json is empty or damaged",
        "load2: [a] was refused: it is a FIFO",
        "load2: [b] was refused: it is a folder; this host keeps the run's files",
        "zk1: [c] was refused: it is a device",
    ]


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
