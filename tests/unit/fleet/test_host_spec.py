"""What a load host is told to run."""

import base64
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from fleet.host_spec import Load, Place, connect_string, host_files, host_spec
from zk_locust.agent.overview import LOCK
from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.inventory.members import ensemble_members
from zk_locust.contract.parameters import parse_admin_addresses
from zk_locust.contract.run_files import MACHINE_LOCK, load_lock

HOSTVARS: dict[str, dict[str, Any]] = {
    "zk1": {"ansible_host": "10.0.0.1", "zookeeper_client_port": 2182, "zookeeper_admin_port": 8081},
    "zk2": {"zookeeper_address": "fd00::2", "ansible_host": "10.0.0.2"},
    "zk3": {},
}
PLAN: dict[str, Any] = {
    "users": 32, "first_users": 32, "spawn_rate": 16.5, "run_time_s": 20.0, "warmup": "5s", "planned_s": 27.0,
    "deadline_s": 67.0, "parameters": {"client": "kazoo"}, "environment": {"ZK_LOCUST_VAL_SIZE": "8"},
}  # fmt: skip


def load(**changes: Any) -> Load:
    found: dict[str, Any] = {
        "run_id": "20261124T031500Z-quick", "owner": "ops@controller", "plan": PLAN, "master": "load1",
        "address": "10.0.0.9", "bind_host": "127.0.0.1", "port": 5557, "web_bind_host": "", "web_port": 8089,
        "expected_workers": 3, "has_ensemble": True,
        "members": ensemble_members({"zookeeper": list(HOSTVARS)}, HOSTVARS),
    }  # fmt: skip
    return {**found, **changes}  # type: ignore[typeddict-item]


def place(workers: int = 2, interval_s: float = 0) -> Place:
    return {
        "folder": "/var/lib/zk-locust/load/runs/r", "state_dir": "", "python": "/venv/bin/python", "workers": workers,
        "sample_interval_s": interval_s,
    }  # fmt: skip


def spec(host: str = "load1", workers: int = 2, interval_s: float = 0, **changes: Any) -> dict[str, Any]:
    return host_spec(host, load(**changes), place(workers, interval_s))


def processes(host: str = "load1", workers: int = 2, **changes: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec(host, workers, **changes)["processes"]
    return found


def flags(process: dict[str, Any]) -> dict[str, str]:
    words = process["arguments"]
    return {a: b for a, b in itertools.pairwise(words) if a.startswith("--") and not b.startswith("--")}


def test_the_connect_string_has_the_members_in_order_and_is_understood() -> None:
    text = connect_string(load())
    assert text == "10.0.0.1:2182,[fd00::2]:2181,zk3:2181"
    assert parse_connect_string(text).members == (("10.0.0.1", 2182), ("fd00::2", 2181), ("zk3", 2181))
    assert connect_string(load(plan=PLAN | {"parameters": {"hosts": "a:1"}})) == "a:1"


def test_a_run_locks_the_file_that_an_overview_looks_at() -> None:
    assert load_lock("") == load_lock(None) == MACHINE_LOCK == spec()["lock"]
    assert load_lock("/srv/zk") == f"/srv/zk/load/{LOCK}"


def test_the_admin_addresses_are_named_for_the_members_and_understood() -> None:
    text = processes()[0]["environment"]["ZK_ADMIN_ADDRESSES"]
    assert parse_admin_addresses(text) == [("zk1", "10.0.0.1:8081"), ("zk2", "[fd00::2]:8080"), ("zk3", "zk3:8080")]
    assert "ZK_ADMIN_ADDRESSES" not in processes(members=[])[0]["environment"]
    text = processes()[0]["environment"]["ZK_CLIENT_ADDRESSES"]
    assert parse_admin_addresses(text) == [("zk1", "10.0.0.1:2182"), ("zk2", "[fd00::2]:2181"), ("zk3", "zk3:2181")]


def test_a_host_has_its_master_and_its_workers() -> None:
    master, *workers = processes()
    assert [process["name"] for process in (master, *workers)] == ["master", "worker-1", "worker-2"]
    assert [process["name"] for process in processes("load2", 3)] == ["worker-1", "worker-2", "worker-3"]
    assert {"--master", "--headless"} <= set(master["arguments"])
    assert all("--worker" in worker["arguments"] and "--headless" not in worker["arguments"] for worker in workers)
    assert all(process["arguments"][:5] == ["/venv/bin/python", "-m", "locust", "-f", "locustfile.py"] for process in
               (master, *workers))  # fmt: skip
    assert (spec()["leader"], spec("load2")["leader"]) == ("master", None)
    assert (spec()["listens"], spec("load2")["listens"]) == ({"host": "127.0.0.1", "port": 5557}, None)
    assert spec()["deadline_s"] == 67.0


def test_the_master_has_the_load_and_the_parameters_the_workers_none() -> None:
    master, worker, _ = processes()
    given = flags(master)
    assert [given[name] for name in ("--users", "--spawn-rate", "--run-time", "--expect-workers")] == [
        "32", "16.5", "20s", "3",
    ]  # fmt: skip
    environment = master["environment"]
    assert environment["ZK_LOCUST_VAL_SIZE"] == "8"
    assert environment["ZK_LOCUST_WARM_UP"] == "5s"
    assert worker["environment"] == {"ZK_LOCUST_WORKER_NAME": "load1/worker-1"}
    assert (flags(worker)["--master-host"], flags(worker)["--master-port"]) == ("10.0.0.9", "5557")


@pytest.mark.parametrize(
    ("given", "root", "removes"),
    [
        ({}, "/zk-locust-20261124T031500Z-quick", "true"),
        ({"ZK_LOCUST_PSEUDO_ROOT": "/b"}, "/b/zk-locust-20261124T031500Z-quick", "true"),
        ({"ZK_LOCUST_PSEUDO_ROOT": "/b", "ZK_LOCUST_REMOVE_NODES": "false"}, "/b", "false"),
        ({"ZK_LOCUST_REMOVE_NODES": "false"}, "/zk-locust-20261124T031500Z-quick", "false"),
    ],
)
def test_a_run_works_below_a_node_of_its_own(given: dict[str, str], root: str, removes: str) -> None:
    environment = processes(plan=PLAN | {"environment": given})[0]["environment"]
    assert (environment["ZK_LOCUST_PSEUDO_ROOT"], environment["ZK_LOCUST_REMOVE_NODES"]) == (root, removes)


def test_only_who_has_the_ensemble_removes_what_others_have_left() -> None:
    for has_ensemble, text in ((True, "true"), (False, "false")):
        environment = processes(has_ensemble=has_ensemble)[0]["environment"]
        assert environment["ZK_LOCUST_REMOVE_LEFT_TREES"] == text


def test_a_master_with_pages_starts_and_ends_by_itself_all_the_same() -> None:
    (arguments,) = [process["arguments"] for process in processes(workers=0, web_bind_host="127.0.0.1")]
    assert "--headless" not in arguments
    text = " ".join(arguments)
    assert "--autostart --autoquit 3 --web-host 127.0.0.1 --web-port 8089" in text


def test_a_host_is_sampled_beside_its_load_or_not_at_all() -> None:
    *_, sampler = spec(interval_s=0.5)["processes"]
    assert sampler["companion"]
    assert sampler["arguments"][:4] == ["/venv/bin/python", "-m", "host_metrics", "record"]
    assert flags(sampler) == {
        "--file": "host-metrics.csv",
        "--host": "load1",
        "--interval-s": "0.5",
        "--status": "status.json",
    }
    assert "sampler" not in [process["name"] for process in processes()]


def test_everything_that_is_started_is_plain_text_for_a_spec() -> None:
    for process in json.loads(json.dumps(processes())):
        assert all(isinstance(word, str) for word in process["arguments"])


def test_a_host_gets_its_spec_the_secrets_and_the_locustfile_each_for_whom_it_is(tmp_path: Path) -> None:
    locustfile = tmp_path / "mine.py"
    locustfile.write_bytes(b"# \xe9\n\n")  # in whatever encoding: the file is copied as it is
    plan = PLAN | {"locustfile": str(locustfile), "secret_environment": {"ZK_LOCUST_TOKEN": "s3cret"}}
    files = host_files("load1", load(plan=plan), place())
    folder = "/var/lib/zk-locust/load/runs/r"
    assert [(file["path"], file["mode"]) for file in files] == [
        (f"{folder}/spec.json", "0640"),
        (f"{folder}/secrets.json", "0600"),
        (f"{folder}/locustfile.py", "0640"),
    ]
    told, secrets, copied = (base64.b64decode(file["content"]) for file in files)
    assert json.loads(told) == host_spec("load1", load(plan=plan), place())
    assert b"s3cret" not in told
    assert json.loads(secrets) == {"ZK_LOCUST_TOKEN": "s3cret"}
    assert copied == locustfile.read_bytes()
