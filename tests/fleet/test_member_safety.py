"""What a member may do on its host, on Debian 12 and 13, and what becomes of it and its data after a change."""

import shlex
from collections.abc import Iterator

import pytest

from lab import Host, Lab, LabOptions
from tests.fleet.conftest import OWN_NAME, make_lab
from tests.fleet.lab_fleet import LabFleet

pytestmark = pytest.mark.fleet

FOLDER = "/var/lib/zk-locust/zookeeper"
LIMIT = ("--limit", "zookeeper")


@pytest.fixture(scope="module")
def mixed_lab() -> Iterator[Lab]:
    """Return two members, one on Debian 12 and one on 13."""
    with make_lab(LabOptions(name=f"{OWN_NAME}-mixed", members=2, workers=1, on={"zk2": "13"})) as made:
        yield made


@pytest.fixture(scope="module")
def fleet(mixed_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> LabFleet:
    """The two members, provisioned; the tests below follow each other."""
    fleet = LabFleet(mixed_lab, tmp_path_factory.mktemp("members"))
    fleet.play("provision", *LIMIT).succeeded()
    return fleet


def pid(host: Host) -> str:
    return host.run(f"cut -d ' ' -f 1 {FOLDER}/{host.name}/zookeeper.pid").stdout.strip()


def ask(host: Host, address: str, port: int, words: str) -> str:
    """Say something to a port of the host, from the host itself; return what answers, or why nothing does."""
    program = (
        "import socket, sys\n"
        "try:\n"
        f"    c = socket.create_connection(({address!r}, {port}), 3)\n"
        f"    c.sendall({words.encode()!r}); print(c.recv(999))\n"
        "except OSError as error:\n"
        "    print(error)"
    )
    return host.run(["python3", "-c", program]).stdout


@pytest.mark.parametrize("name", ["zk1", "zk2"])
def test_a_member_can_do_no_more_on_its_host_than_serve(fleet: LabFleet, name: str) -> None:
    host = fleet.lab.hosts[name]
    assert fleet.mode(name) in ("leader", "follower")
    status = dict(line.split(":\t", 1) for line in host.run(f"cat /proc/{pid(host)}/status").stdout.splitlines())
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert [status[kind].strip("0") for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb")] == [""] * 4
    assert host.run(f"stat -c %U /proc/{pid(host)}").stdout.strip() == "zookeeper"
    for folder in ("data", "log"):
        assert host.run(f"stat -c '%a %U' {FOLDER}/{name}/{folder}").stdout.split() == ["750", "zookeeper"]
    # What the process sees: nothing of homes and devices, and nowhere to write but its own folders.
    inside = f"nsenter --mount --target {pid(host)} setpriv --reuid=zookeeper --clear-groups --regid=nogroup sh -c "
    seen = host.run(inside + shlex.quote("ls -A /home /root /tmp; ls /dev/mem; touch /etc/x /var/lib/x"), check=False)
    assert "admin" not in seen.stdout
    assert "/dev/mem" not in seen.stdout
    assert seen.returncode != 0
    grade = host.run(f"systemd-analyze security --no-pager zookeeper-{name} | tail -1").stdout
    print(f"Debian {host.release}: {grade.strip()}")
    assert float(grade.split("zookeeper-")[1].split(": ")[1].split()[0]) < 2.5, grade


def test_members_listen_where_they_must_and_no_further(fleet: LabFleet) -> None:
    host = fleet.lab.hosts["zk1"]
    assert "200 OK" in ask(host, host.address, 8080, "GET /commands/ruok HTTP/1.0\r\n\r\n")
    assert "refused" in ask(host, "127.0.0.1", 8080, "GET /commands/ruok HTTP/1.0\r\n\r\n")
    assert "Mode: " in ask(host, "127.0.0.1", 2181, "srvr")
    assert "zk_server_state" in ask(host, "127.0.0.1", 2181, "mntr")
    for word in ("envi", "cons", "dump", "srst", "conf"):
        assert "not executed because it is not in the whitelist" in ask(host, "127.0.0.1", 2181, word)


def test_root_follows_nothing_that_the_service_user_has_planted(fleet: LabFleet) -> None:
    host, name = fleet.lab.hosts["zk1"], "zk1"
    folder, control = f"{FOLDER}/{name}", f"{FOLDER}/{name}/control"
    host.run(
        "echo 'of root: hunter2' >/root/victim; chmod 600 /root/victim; mkdir -p /root/folder; echo x >/root/folder/x"
    )
    before = host.run("stat -c '%a %U %s %Y' /root/victim /root/folder /root/folder/x; cat /root/victim").stdout
    plant = (
        f"cd {folder}; rm -f data/myid log/zookeeper.out log/zookeeper.log; ln -s /root/victim data/myid; "
        "ln -s /root/victim log/zookeeper.out; ln -s /root/victim log/zookeeper.log; ln -s /root/victim log/leak.log; "
        "ln -s /root/folder log/folder; ln -s /root/folder data/folder; mkfifo log/pipe.log; touch 'log/-rf'; "
        "yes | head -c 50000000 >log/large.log; printf '\\033]0;owned\\007' >log/escape.log"
    )

    def planted() -> None:
        host.run(f"setpriv --reuid=zookeeper --regid=zookeeper --clear-groups sh -c {shlex.quote(plant)}")

    # What stands on the way to the folders, the service user cannot replace.
    moved = f"setpriv --reuid=zookeeper --regid=zookeeper --clear-groups mv {folder}/log {folder}/away"
    assert host.run(moved, check=False).returncode != 0
    planted()
    shown = host.run([control, "tail"]).stdout
    bundled = host.run(f"{control} bundle /root/bundle.tar.gz && tar -xzOf /root/bundle.tar.gz").stdout
    names = host.run("tar -tzf /root/bundle.tar.gz").stdout
    size = host.run("mkdir /root/b && tar -xzf /root/bundle.tar.gz -C /root/b && stat -c %s /root/b/large.log").stdout
    assert "hunter2" not in shown + bundled
    assert "leak.log" not in names
    assert "pipe.log" not in names
    assert int(size) == 32 * 1024 * 1024
    # Started by hand and by the role: whoever starts it, myid and the log are the service user's to open.
    host.run([control, "stop"])
    assert host.run([control, "start"], check=False).stdout in ("started\n", "")
    play = fleet.play("provision", *LIMIT, zookeeper_start_timeout_s=10).failed()
    assert "zk1 did not come up" in play.screen
    assert "hunter2" not in play.screen
    fetched = [path for path in fleet.results.rglob("*") if path.is_file()]
    assert fetched
    assert not [path for path in fetched if b"hunter2" in path.read_bytes()]
    after = host.run("stat -c '%a %U %s %Y' /root/victim /root/folder /root/folder/x; cat /root/victim").stdout
    assert after == before
    host.run(f"cd {folder}; rm -rf data/myid data/folder log/*")
    fleet.play("provision", *LIMIT).succeeded()
    assert sorted(fleet.modes().values()) == ["follower", "leader"]


def test_a_bad_value_is_put_back_and_a_changed_list_is_not_rolled_out_in_part(fleet: LabFleet) -> None:
    zoo_cfg = {name: fleet.lab.hosts[name].run(f"cat {FOLDER}/{name}/conf/zoo.cfg").stdout for name in fleet.members}
    pids = {name: pid(fleet.lab.hosts[name]) for name in fleet.members}
    refused = fleet.play("provision", "--limit", "zk1", zookeeper_election_port=3999).failed()
    assert "zk1: the list of members has changed, and --limit leaves out zk2" in refused.screen
    assert {name: pid(fleet.lab.hosts[name]) for name in fleet.members} == pids
    refused = fleet.play("provision", *LIMIT, zookeeper_properties={"tickTime": "abc"}).failed()
    assert "zk1: zookeeper_properties.tickTime [abc] must be a whole number from 1" in refused.screen
    # What only the member can find out: the first to be restarted gets its old files back, the other keeps its own.
    bad = fleet.play("provision", *LIMIT, zookeeper_java_options=["-XX:+NoSuchOption"]).failed()
    assert "Unrecognized VM option 'NoSuchOption'" in bad.screen
    assert "the files that it had before are back, and it serves again" in bad.screen
    now = {name: fleet.lab.hosts[name].run(f"cat {FOLDER}/{name}/conf/zoo.cfg").stdout for name in fleet.members}
    assert now == zoo_cfg
    assert sorted(fleet.modes().values()) == ["follower", "leader"]
    assert sum(pid(fleet.lab.hosts[name]) == pids[name] for name in fleet.members) == 1
    assert fleet.play("provision", *LIMIT).succeeded().changed == 0


def test_old_data_is_left_in_place_and_named_and_teardown_removes_only_what_is_ours(fleet: LabFleet) -> None:
    host = fleet.lab.hosts["zk1"]
    fleet.vars["zookeeper_data_dir"] = "/srv/snapshots"
    host.run("mkdir -p /srv/snapshots/zk1 && echo precious >/srv/snapshots/zk1/thesis.tex")
    refused = fleet.play("provision", *LIMIT).failed()
    assert (
        "zookeeper_data_dir [/srv/snapshots]: /srv/snapshots/zk1 holds files that are not ZooKeeper's" in refused.screen
    )
    host.run("rm /srv/snapshots/zk1/thesis.tex; chown zookeeper /srv/snapshots")
    refused = fleet.play("provision", *LIMIT).failed()
    assert (
        "/srv/snapshots can be written by another user than root, who could replace /srv/snapshots/zk1"
        in refused.screen
    )
    host.run("chown root /srv/snapshots")

    moved = fleet.play("provision", *LIMIT).succeeded()
    assert f"zk1: its data in {FOLDER}/zk1/data is left in place and no longer used" in moved.screen
    assert host.run(f"ls {FOLDER}/zk1/data/version-2").stdout
    assert host.run("ls /srv/snapshots/zk1").stdout.split() == ["myid", "version-2"]
    assert sorted(fleet.modes().values()) == ["follower", "leader"]
    assert fleet.play("provision", *LIMIT).succeeded().changed == 0

    # A folder without our marker is not removed, whatever the inventory calls it.
    host.run("rm /srv/snapshots/zk1/.zk-locust")
    torn = fleet.play("teardown", *LIMIT).succeeded()
    assert "zk1: left in place: /srv/snapshots/zk1: it carries no marker of zk-locust" in torn.screen
    assert host.run("ls /srv/snapshots/zk1").stdout.split() == ["myid", "version-2"]
    for name in fleet.members:
        assert fleet.lab.hosts[name].run("ls -d /var/lib/zk-locust", check=False).returncode != 0
    assert fleet.lab.hosts["zk2"].run("ls -A /srv/snapshots").stdout == ""
