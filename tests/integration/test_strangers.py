"""Whoever is not of a run: it cannot join, it cannot lead, and in no case does it get or set a secret."""

import csv
import json
import os
import subprocess
import textwrap
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq

from lab.locust_processes import start_locust
from lab.zookeeper_server import free_ports
from tests import waiting
from tests.stranger import FalseMaster, Stranger, false_master
from zk_locust.contract.run_token import VARIABLE, run_keys

pytestmark = pytest.mark.integration

TOKEN = "0123456789abcdef" * 4
SECRETS = {
    "KAZOO_LOCUST_SASL_OPTIONS": '{"mechanism": "DIGEST-MD5", "username": "u", "password": "swordfish-1"}',
    "KAZOO_LOCUST_TLS_KEY_PASSWORD": "swordfish-2",
    "KAZOO_LOCUST_CREATE_CLIENT": "client = 'swordfish-3'",
    "ZK_LOCUST_DIGEST_CREDENTIAL": "u:swordfish-4",
    "ZK_LOCUST_BENCH_API_KEY": "swordfish-5",
    "OWN_PASSWORD": "swordfish-6",
}
# A locustfile that needs no ensemble, with a secret option of its own. Each user tells which options it sees.
LOCUSTFILE = textwrap.dedent("""\
    import json, os, pathlib
    import locust
    import zk_locust.load.users
    from locust_extra.stats import register_extra_stats

    register_extra_stats()

    @locust.events.init_command_line_parser.add_listener
    def own(parser, **_):
        parser.add_argument("--own-password", env_var="OWN_PASSWORD", is_secret=True)
        parser.add_argument("--own-setting", env_var="OWN_SETTING")

    class Probe(locust.User):
        wait_time = locust.constant(0.05)

        @locust.task
        def look(self):
            seen = {k: v for k, v in vars(self.environment.parsed_options).items() if isinstance(v, (str, int, float))}
            new = pathlib.Path(os.environ["PROBE"] + f".{os.getpid()}")  # two workers may have the same file
            new.write_text(json.dumps(seen))
            new.replace(os.environ["PROBE"])  # the test never reads half of it
            self.environment.events.request.fire(
                request_type="zk", name="probe", response_time=1, response_length=0, exception=None, context={})
    """)

until = partial(waiting.until, limit_s=40.0)


class Load:
    """A master and workers that a test starts one by one; their logs and files are in `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.bind_host = "127.0.0.1"
        self.port = free_ports(1)[0]
        self.address = f"127.0.0.1:{self.port}"
        self.environment = dict(environment)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.file = folder / "probe.py"
        self.file.write_text(LOCUSTFILE)

    def master(self, workers: int, run_time: str, **environment: str) -> subprocess.Popen[bytes]:
        return self._start(
            "master", environment, "--master", "--master-bind-host", self.bind_host,
            "--master-bind-port", str(self.port), "--headless", "--only-summary", "--users", "2",
            "--expect-workers", str(workers), "--run-time", run_time, "--stop-timeout", "2",
            "--hosts", "127.0.0.1:1", "--val-size", "77",
            "--stats-events", str(self.folder / "events.csv"), "--json-file", str(self.folder / "summary"),
        )  # fmt: skip

    def worker(self, name: str = "worker", **environment: str) -> subprocess.Popen[bytes]:
        names = {"PROBE": str(self.folder / f"{name}.json"), "ZK_LOCUST_WORKER_NAME": name}
        return self._start(
            name, names | environment, "--worker", "--master-host", "127.0.0.1", "--master-port", str(self.port)
        )

    def _start(self, name: str, environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{name}.log"
        process = start_locust(log, "-f", str(self.file), *arguments, environment=self.environment | dict(environment))
        self.processes[name] = process
        return process

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def seen(self, name: str = "worker") -> dict[str, Any]:
        file = self.folder / f"{name}.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def events(self, event: str) -> list[tuple[str, str]]:
        path = self.folder / "events.csv"
        with (path if path.exists() else Path(os.devnull)).open(newline="") as file:
            return [(row["subject"], row["detail"]) for row in csv.DictReader(file) if row["event"] == event]

    def requests(self) -> int:
        return sum(entry["num_requests"] for entry in json.loads((self.folder / "summary.json").read_text()))

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


def require_no_secret(messages: list[bytes]) -> None:
    assert not [message for message in messages if b"swordfish" in message or TOKEN.encode() in message]


def require_own_secrets(seen: Mapping[str, Any]) -> None:
    own = {name: seen[name] for name in ("own_password", "digest_credential", "kazoo_tls_key_password")}
    assert own == {
        "own_password": "swordfish-6", "digest_credential": "u:swordfish-4", "kazoo_tls_key_password": "swordfish-2"
    }  # fmt: skip
    assert (seen["val_size"], seen["hosts"]) == (77, "127.0.0.1:1"), "the master's other values reach the workers"


def test_without_a_token_a_stranger_is_sent_no_secret_and_workers_have_their_own(tmp_path: Path) -> None:
    with Load(tmp_path, SECRETS) as load, Stranger(load.address) as stranger:
        load.master(2, "20s", OWN_SETTING="of the master")
        load.worker(OWN_SETTING="of the worker")
        stranger.join()
        until(lambda: "spawn" in stranger.listen(0.2), explain=lambda: load.log("master"))
        until(load.seen, explain=lambda: load.log("worker"))
        require_no_secret(stranger.got)
        require_own_secrets(load.seen())
        assert load.seen()["own_setting"] == "of the master"
        assert "swordfish" not in load.log("master") + load.log("worker")


def test_a_worker_without_the_masters_secrets_ends_and_says_which(tmp_path: Path) -> None:
    with Load(tmp_path, {}) as load:
        load.master(1, "20s", **SECRETS)
        worker = load.worker()
        assert worker.wait(30) == 2, load.log("worker")
        assert (
            "zk-locust: the master has ZK_LOCUST_BENCH_API_KEY and ZK_LOCUST_DIGEST_CREDENTIAL and "
            "KAZOO_LOCUST_CREATE_CLIENT and KAZOO_LOCUST_SASL_OPTIONS and KAZOO_LOCUST_TLS_KEY_PASSWORD and "
            "OWN_PASSWORD, and this worker has not"
        ) in load.log("worker")
        assert load.seen() == {}
        assert "swordfish" not in load.log("master") + load.log("worker")


def test_a_stranger_does_not_join_a_run_with_a_token(tmp_path: Path) -> None:
    keys = run_keys({VARIABLE: TOKEN})
    assert keys is not None
    with Load(tmp_path, SECRETS | {VARIABLE: TOKEN}) as load, ExitStack() as opened:
        own = zmq.curve_keypair()
        known: list[tuple[bytes, bytes, bytes] | None] = [
            None,
            (zmq.curve_keypair()[0], *own),
            (keys.master.public, *own),  # which no stranger could know
        ]
        strangers = [opened.enter_context(Stranger(load.address, one)) for one in known]
        master = load.master(2, "4s")
        for stranger in strangers:
            stranger.join()
            stranger.say("stats", {"stats": [], "errors": {}, "user_count": 9, "user_classes_count": {"Probe": 9}})
        load.worker()
        until(lambda: load.events("stranger-refused"), explain=lambda: load.log("master"))
        # The master waits for its second worker: none of the strangers was counted.
        load.worker("late")
        assert master.wait(40) == 0, load.log("master")
        for stranger in strangers:
            assert stranger.listen(0.1) == []
        assert load.events("stranger-refused") == [
            ("127.0.0.1", "it did not prove this run's token; it got no message and no share of the load")
        ]
        assert load.requests() > 0
        require_own_secrets(load.seen())
        require_own_secrets(load.seen("late"))
        assert {name for name, _ in load.events("worker-ready")} == {"worker", "late"}
        assert "Refused a process at 127.0.0.1: it did not prove this run's token" in load.log("master")
        assert all("swordfish" not in load.log(name) and TOKEN not in load.log(name) for name in load.processes)


def orders(marker: Path) -> dict[str, Any]:
    """What a false master sends: code that would leave a file where it is executed."""
    return {
        "hosts": "127.0.0.1:1",
        "kazoo_create_client": f"open({str(marker)!r}, 'w')",
        "digest_credential": "false:master",
        "own_password": "of the false master",
    }


def test_a_worker_without_a_token_takes_no_secret_and_no_code_from_a_false_master(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    with Load(tmp_path, {"ZK_LOCUST_DIGEST_CREDENTIAL": "u:swordfish-4"}) as load:
        load.file.write_text(
            LOCUSTFILE + "\nfrom zk_locust.task_sets import ZKSetTaskSet\n"
            "class Real(zk_locust.load.users.ZKLocust):\n    tasks = [ZKSetTaskSet]\n"
        )
        with false_master(load.address, orders(marker), {"Probe": 1, "Real": 1}) as master:
            load.worker()
            until(lambda: master.serve(0.2) and load.seen(), explain=lambda: load.log("worker"))
            until(lambda: "stats" in master.serve(0.2), explain=lambda: load.log("worker"))
        seen = load.seen()
        assert seen["digest_credential"] == "u:swordfish-4"
        assert "own_password" not in seen
        assert not marker.exists()


def test_a_worker_with_a_token_obeys_no_false_master_and_tells_the_true_one(tmp_path: Path) -> None:
    with Load(tmp_path, SECRETS | {VARIABLE: TOKEN}) as load:
        with false_master(load.address, orders(tmp_path / "executed"), {"Probe": 1}) as master:
            load.worker()
            refused = f"What listens at {load.address} did not prove this run's token, so it is not obeyed"
            until(lambda: master.serve(0.3) or refused in load.log("worker"), explain=lambda: load.log("worker"))
            assert master.serve(1) == []
        assert load.seen() == {}
        true_master = load.master(1, "2s")
        assert true_master.wait(40) == 0, load.log("master")
        ((subject, detail),) = load.events("false-master-refused")
        assert subject == "worker"
        assert detail.startswith("what it reached in place of the master did not prove this run's token, ")
        require_own_secrets(load.seen())
        assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("token", [{}, {VARIABLE: TOKEN}], ids=["without a token", "with a token"])
def test_processes_of_one_command_have_the_same_token_and_secrets(tmp_path: Path, token: dict[str, str]) -> None:
    with Load(tmp_path, SECRETS | token) as load:
        port = ("--master-bind-port", str(load.port), "--master-port", str(load.port))
        log = tmp_path / "all.log"
        all_ = start_locust(
            log, "-f", str(load.file), "--processes", "2", "--headless", "--only-summary", "--users", "2",
            "--spawn-rate", "2", "--run-time", "4s", "--hosts", "127.0.0.1:1", "--val-size", "77", *port,
            "--json-file", str(tmp_path / "summary"),
            environment=load.environment | {"PROBE": str(tmp_path / "worker.json")},
        )  # fmt: skip
        load.processes["all"] = all_
        assert all_.wait(40) == 0, load.log("all")
        require_own_secrets(load.seen())
        assert load.requests() > 0
        assert "swordfish" not in load.log("all")


def test_a_weak_token_is_refused_without_being_shown(tmp_path: Path) -> None:
    with Load(tmp_path, {VARIABLE: "swordfish"}) as load:
        assert load.master(1, "2s").wait(20) == 1
        assert f"zk-locust: {VARIABLE} [(secret)]: it is not a token; set 64 hexadecimal digits" in load.log("master")


def test_a_master_that_cannot_have_its_address_says_so(tmp_path: Path) -> None:
    with Load(tmp_path, {}) as load:
        load.bind_host = "192.0.2.1"
        assert load.master(1, "2s").wait(20) == 1
        assert "zk-locust: --master-bind-host [192.0.2.1]: this host cannot listen there (Cannot" in load.log("master")
    with Load(tmp_path, {VARIABLE: TOKEN}) as load:
        other = FalseMaster(load.address, {}, {})
        assert load.master(1, "2s").wait(20) == 1
        assert "was busy" in load.log("master")
        other.close()
