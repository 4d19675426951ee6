"""A run that uses every secret there is, with a stranger on the master's port: who learns what."""

import csv
import hashlib
import json
import time

import pytest

from tests.fleet.lab_fleet import LabFleet, until
from tests.fleet.secret_search import Capture, Search
from tests.stranger import Stranger
from zk_locust.contract.run_token import VARIABLE
from zk_locust.load.refusals import UNKNOWN

pytestmark = pytest.mark.fleet

PORT = 5557
PASSWORDS = {
    "sasl": "swordfish-by-sasl",
    "key": "swordfish-of-the-key",
    "digest": "swordfish-by-digest",
    "code": "swordfish-in-the-code",
    "bench": "swordfish-of-the-locustfile",
}


def _hash(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


# The lab's members ask for no login: this makes a client that has all secrets, checks them, and connects without SASL
# and TLS. That real servers take them is held by tests/integration/test_secure_connections.py.
CREATE_CLIENT = f"""
import hashlib, kazoo.client
own = "{PASSWORDS["code"]}"
sasl, key = kwargs.pop("sasl_options")["password"], kwargs.pop("keyfile_password")
user, digest = kwargs["auth_data"][0][1].split(":")
for name in ("use_ssl", "ca", "certfile", "keyfile"):
    kwargs.pop(name)
found = [hashlib.sha256(word.encode()).hexdigest() for word in (sasl, key, digest, own)]
assert found == {[_hash(PASSWORDS[name]) for name in ("sasl", "key", "digest", "code")]}
client = kazoo.client.KazooClient(**kwargs)
"""
PARAMETERS = {
    "client": "kazoo",
    "kazoo-sasl-options": json.dumps({"mechanism": "DIGEST-MD5", "username": "u", "password": PASSWORDS["sasl"]}),
    "kazoo-tls": True,
    "kazoo-tls-cert": "/etc/hostname",  # any file that is there: the client above does without
    "kazoo-tls-key": "/etc/hostname",
    "kazoo-tls-key-password": PASSWORDS["key"],
    "digest-credential": f"load:{PASSWORDS['digest']}",
    "kazoo-create-client": CREATE_CLIENT,
    "bench-api-key": PASSWORDS["bench"],
}


def worker_environment(fleet: LabFleet, host: str, user: str = "root") -> str:
    """Return the environment of a host's first worker as that user sees it, empty where it may not."""
    pid = fleet.status(host)["processes"]["worker-1"]["pid"]
    return fleet.lab.hosts[host].run(["runuser", "-u", user, "cat", f"/proc/{pid}/environ"], check=False).stdout


def test_a_stranger_learns_nothing_and_no_secret_is_anywhere_but_with_its_processes(
    fleet: LabFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.set_scenario(users=8, spawn_rate=8, warmup="1s", run_time="30s", parameters={"client": "kazoo"})
    fleet.vars["benchmark_parameters"] = PARAMETERS
    began = time.time() - 1
    master = fleet.lab.hosts["load1"]
    with Capture(master, PORT) as packets, Stranger(f"{master.address}:{PORT}") as stranger:
        play = fleet.begin("run", "-vvv")
        try:
            fleet.wait_for_stage(play)
            environment = worker_environment(fleet, "load2")
            token = next(item for item in environment.split("\0") if item.startswith(f"{VARIABLE}=")).partition("=")[2]
            search = Search([*PASSWORDS.values(), token])
            # The environment of a process is for its user and root.
            assert all(password in environment for password in PASSWORDS.values())
            assert worker_environment(fleet, "load2", "nobody") == ""
            stranger.join()
            stranger.listen(3)
            listening = master.run("cat /proc/net/tcp /proc/net/tcp6").stdout
            search.controller()
            for host in fleet.lab.hosts.values():
                search.host(host, began)
            assert play.wait(200) == 0, fleet.screen()
        finally:
            fleet.end_process(play)
    assert stranger.got == []
    # The master listens where its workers reach it, and nowhere else.
    addresses = {line.split()[1] for line in listening.splitlines() if f":{PORT:04X} 00000000:0000 0A" in line}
    assert addresses == {bytes(map(int, master.address.split(".")))[::-1].hex().upper() + f":{PORT:04X}"}

    rows = list(csv.DictReader(fleet.events().splitlines()))
    gateway = ".".join([*master.address.split(".")[:3], "1"])
    refused = {row["subject"] for row in rows if row["event"] == "stranger-refused"}
    assert refused - {UNKNOWN} == {gateway}  # a busy master may first see one that has gone
    assert {row["subject"] for row in rows if row["event"] == "worker-ready"} == {"load2/worker-1", "load3/worker-1"}
    manifest = fleet.manifest()
    reasons = {reason["rule"]: reason for reason in manifest["verdict"]["reasons"]}
    assert reasons["stranger-refused"]["severity"] == "note"
    assert gateway in reasons["stranger-refused"]["text"]
    assert not {"failures", "no-operation", "worker-lost", "workers-missing"} & set(reasons), reasons
    shown = manifest["inventory"]["hosts"]["load1"]["benchmark_parameters"]
    assert {name for name, value in shown.items() if value == "(secret)"} == {
        "kazoo-sasl-options", "kazoo-tls-key-password", "digest-credential", "kazoo-create-client", "bench-api-key"
    }  # fmt: skip

    search.files("run folder", fleet.results)
    search.look("screen of the run, -vvv", "run", fleet.screen().encode())
    search.controller()
    for host in fleet.lab.hosts.values():
        search.host(host, began)
    for place, content in packets.streams.items():
        search.look("connections of the master's port", place, bytes(content))
    with capsys.disabled():
        searched = ", ".join(f"{kind}: {count}" for kind, count in sorted(search.places.items()))
        print(f"\nsearched {sum(search.places.values())} places for {len(PASSWORDS) + 1} secrets ({searched});")
        print(f"packets on the master's port: {packets.packets}, dropped by the capture: {packets.dropped}")
        print(f"found: {len(search.found)} {sorted(set(search.found))[:20]}")
    assert packets.packets > 100
    assert packets.dropped == 0
    assert search.found == []
    for name in fleet.load_hosts:
        assert fleet.lab.hosts[name].run("find / -xdev -name secrets.json -not -path '*/lib/python*'").stdout == ""
    until(lambda: not any(fleet.run_processes(name) for name in fleet.load_hosts), limit_s=20)
