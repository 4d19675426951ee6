"""Provisioning, stopping and removing a real ensemble on loopback, by the playbooks that users call."""

import contextlib
import hashlib
import http.server
import os
import re
import signal
import socket
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab.zookeeper_server import four_letters, free_ports
from tests.integration.local_fleet import MEMBERS, LocalFleet, held_port, local_fleet
from tests.needs import require_root, require_zookeeper
from tests.stand_in_archive import stand_in_archive

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def fleet() -> Iterator[LocalFleet]:
    """One ensemble for the tests below, in their order; provisioned by the first."""
    require_zookeeper()
    with local_fleet() as fleet:
        yield fleet


def test_a_fresh_ensemble_is_started_and_has_one_leader(fleet: LocalFleet) -> None:
    play = fleet.provision().succeeded()
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]
    for name in MEMBERS:
        log = fleet.state / "zookeeper" / name / "log"
        assert (log / "zookeeper.log").stat().st_size > 0
        assert (log / "gc.log").stat().st_size > 0
        assert "zk_server_state" in four_letters(fleet.port(name), "mntr"), "the white list lacks mntr"
        with socket.create_connection(("127.0.0.1", fleet.port(name, "admin")), 2):
            pass
    print(f"provisioned in {play.seconds:.1f} s")


def test_a_second_pass_changes_nothing(fleet: LocalFleet) -> None:
    before = fleet.pids()
    play = fleet.provision().succeeded()
    assert play.changed == 0, play.screen
    assert fleet.pids() == before
    print(f"second pass in {play.seconds:.1f} s")


def test_a_member_that_has_ended_is_started_again(fleet: LocalFleet) -> None:
    before = fleet.pids()
    os.kill(before["zk2"], signal.SIGKILL)
    # Meanwhile no other is restarted: it would be the end of the majority, also where the play does not see zk2.
    refused = fleet.play("provision", "--limit", "zk1", zookeeper_properties={"globalOutstandingLimit": 903}).failed()
    assert "zk1 is not restarted: zk2, which this play leaves out, may not be serving" in refused.screen
    fleet.provision().succeeded()
    after = fleet.pids()
    assert after["zk2"] != before["zk2"]
    assert after["zk1"] == before["zk1"]
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]


def test_check_mode_says_what_would_change_and_changes_nothing(fleet: LocalFleet) -> None:
    before = (fleet.state / "zookeeper/zk1/conf/zoo.cfg").read_text()
    play = fleet.provision("--check", "--diff", zookeeper_properties={"globalOutstandingLimit": 901}).succeeded()
    assert play.changed == len(MEMBERS), play.screen
    assert "+globalOutstandingLimit=901" in play.screen
    assert (fleet.state / "zookeeper/zk1/conf/zoo.cfg").read_text() == before


def test_a_changed_configuration_restarts_followers_first(fleet: LocalFleet) -> None:
    leader = next(name for name, mode in fleet.modes().items() if mode == "leader")
    before = fleet.pids()
    secrets = {"ssl.quorum.keyStore.password": "hunter2", "DigestAuthenticationProvider.superDigest": "super:hunter2"}
    properties = {"globalOutstandingLimit": 900} | secrets
    play = fleet.provision("--diff", zookeeper_properties=properties).succeeded()
    order = re.findall(r"TASK \[zookeeper : Restart (zk\d)\]", play.screen)
    assert sorted(order) == sorted(MEMBERS), play.screen
    assert order[-1] == leader
    # The others serve before each one is touched, and it serves again before the next.
    steps = re.findall(r"TASK \[zookeeper : (Restart zk|Wait until)", play.screen)
    assert steps[-9:] == ["Wait until", "Restart zk", "Wait until"] * 3
    assert all(fleet.pids()[name] != before[name] for name in MEMBERS)
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]
    assert "hunter2" not in play.screen


def test_passwords_are_for_the_member_alone(fleet: LocalFleet) -> None:
    zoo_cfg = fleet.state / "zookeeper/zk1/conf/zoo.cfg"
    assert "hunter2" in zoo_cfg.read_text()
    assert zoo_cfg.stat().st_mode & 0o077 == 0
    bundle = fleet.folder / "bundle.tar.gz"
    subprocess.run([fleet.state / "zookeeper/zk1/control", "bundle", bundle], timeout=30, check=True)
    with tarfile.open(bundle) as tar:
        files = {file.name: tar.extractfile(file) for file in tar if file.isfile()}
        contents = {name: content.read() for name, content in files.items() if content}
    for key in (b"ssl.quorum.keyStore.password", b"DigestAuthenticationProvider.superDigest"):
        assert key + b"=(secret)" in contents["./zoo.cfg"]
    assert not [name for name, content in contents.items() if b"hunter2" in content]


def test_a_value_that_zookeeper_cannot_parse_is_refused_before_anything_is_rendered(fleet: LocalFleet) -> None:
    before, zoo_cfg = fleet.pids(), (fleet.state / "zookeeper/zk1/conf/zoo.cfg").read_text()
    bad = {"tickTime": "soon"}
    said = "zookeeper_properties.tickTime [soon] must be a whole number from 1 to 2147483647; correct it"
    assert f"zk1, zk2, zk3: {said}" in fleet.play("preflight", zookeeper_properties=bad).failed().screen
    assert f"zk1: {said}" in fleet.provision(zookeeper_properties=bad).failed().screen
    assert (fleet.state / "zookeeper/zk1/conf/zoo.cfg").read_text() == zoo_cfg
    assert fleet.pids() == before


def test_a_roll_ends_at_the_first_member_that_does_not_come_up_and_its_files_are_put_back(fleet: LocalFleet) -> None:
    before, modes = fleet.pids(), fleet.modes()
    files = {name: (fleet.state / f"zookeeper/{name}/conf/zoo.cfg").read_text() for name in MEMBERS}
    first = next(name for name in MEMBERS if modes[name] == "follower")
    hosts = fleet.inventory["zookeeper"]["hosts"]
    for name in MEMBERS:
        hosts[name]["zookeeper_properties"] = {"globalOutstandingLimit": 902}
    # Preflight cannot know it: only the member finds that there is no such class.
    hosts[first]["zookeeper_properties"] = {"metricsProvider.className": "com.example.NoSuch"}
    try:
        play = fleet.provision(zookeeper_keep_running=True).failed()
    finally:
        for name in MEMBERS:
            del hosts[name]["zookeeper_properties"]
    assert re.findall(r"TASK \[zookeeper : Restart (zk\d)\]", play.screen) == [first]
    assert f"{first} did not come up: its process has ended" in play.screen
    assert f"{first}: the files that it had before are back, and it serves again as follower" in play.screen
    kept = re.findall(r"all of it in (\S+)", play.screen)[0]
    assert (Path(kept) / first / "zookeeper.log").exists(), "the path on screen must be there at the end"
    assert "NoSuch" in (Path(kept) / first / "zoo.cfg").read_text()
    after = fleet.pids()
    assert all(after[name] == before[name] for name in MEMBERS if name != first), "the others must serve"
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]
    assert {name: (fleet.state / f"zookeeper/{name}/conf/zoo.cfg").read_text() for name in MEMBERS} == files
    fleet.provision().succeeded()
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]


def test_a_changed_list_of_members_restarts_all_at_once(fleet: LocalFleet) -> None:
    # The configuration of the test before goes as well; new election ports cannot be rolled out one by one.
    for name, port in zip(MEMBERS, free_ports(len(MEMBERS)), strict=True):
        fleet.inventory["zookeeper"]["hosts"][name]["zookeeper_election_port"] = port
    pids = fleet.pids()
    refused = fleet.play("provision", "--limit", "zk1,zk2").failed()
    assert "zk1, zk2: the list of members has changed, and --limit leaves out zk3" in refused.screen
    assert fleet.pids() == pids
    play = fleet.provision().succeeded()
    assert "TASK [zookeeper : Stop members that cannot be changed one by one]" in play.screen
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]


def test_preflight_accepts_a_running_ensemble_and_refuses_a_foreign_process(fleet: LocalFleet) -> None:
    fleet.play("preflight").succeeded()
    before = fleet.pids()
    with held_port() as port:
        fleet.inventory["zookeeper"]["hosts"]["zk1"]["zookeeper_admin_port"], own = port, fleet.port("zk1", "admin")
        play = fleet.play("preflight").failed()
    fleet.inventory["zookeeper"]["hosts"]["zk1"]["zookeeper_admin_port"] = own
    assert f"zk1: zookeeper_admin_port [{port}] is in use by process {os.getpid()} (" in play.screen
    assert "preflight found 1 problem; nothing was started" in play.screen
    assert fleet.pids() == before


def test_a_recycled_process_id_is_never_killed(fleet: LocalFleet) -> None:
    bystander = subprocess.Popen(["sleep", "600"])
    member = fleet.state / "zookeeper/zk3"
    # A member that is found stopped forgets both; the true one goes on with them.
    own = {path: path.read_text() for path in (member / "zookeeper.pid", member / "started-with")}
    try:
        (member / "zookeeper.pid").write_text(f"{bystander.pid} {own[member / 'zookeeper.pid'].split()[1]}\n")
        done = subprocess.run([member / "control", "stop"], capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout.strip() == "not running"
        assert bystander.poll() is None
    finally:
        for path, content in own.items():
            path.write_text(content)
        bystander.kill()
        bystander.wait(60)


def test_a_member_is_removed_alone_and_the_others_go_on(fleet: LocalFleet) -> None:
    before = fleet.pids()
    fleet.play("teardown", "--limit", "zk2").succeeded()
    assert not _runs(before["zk2"])
    assert fleet.pids() == {name: before[name] for name in ("zk1", "zk3")}
    assert sorted(path.name for path in (fleet.state / "zookeeper").iterdir()) == ["zk1", "zk3"]
    assert sorted(fleet.modes().values()) == ["", "follower", "leader"]
    # It comes back alone, beside those that have the same list; with another list it does not.
    election_port = fleet.inventory["zookeeper"]["hosts"]["zk2"]["zookeeper_election_port"]
    fleet.inventory["zookeeper"]["hosts"]["zk2"]["zookeeper_election_port"] = free_ports(1)[0]
    refused = fleet.play("provision", "--limit", "zk2").failed()
    assert "zk2: to be started with the inventory's list of members, while --limit leaves out zk1 (it has another" in (
        " ".join(refused.screen.split())
    )
    assert not (fleet.state / "zookeeper/zk2").exists()
    fleet.inventory["zookeeper"]["hosts"]["zk2"]["zookeeper_election_port"] = election_port
    fleet.play("provision", "--limit", "zk2").succeeded()
    assert {name: pid for name, pid in fleet.pids().items() if name != "zk2"} == {n: before[n] for n in ("zk1", "zk3")}
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]


def test_stop_and_teardown_leave_nothing(fleet: LocalFleet) -> None:
    pids = fleet.pids()
    (fleet.state / "keep").write_text("not the members'")
    assert fleet.play("stop", "--limit", "zookeeper").succeeded().changed == len(MEMBERS)
    assert not [pid for pid in pids.values() if _runs(pid)]
    # And one folder that was empty then.
    assert fleet.teardown().succeeded().changed == len(MEMBERS) + 1
    assert [str(path.relative_to(fleet.state)) for path in sorted(fleet.state.rglob("*"))] == ["keep"]
    assert fleet.teardown().succeeded().changed == 0


def test_a_member_that_does_not_come_up_shows_its_log(fresh_fleet: LocalFleet) -> None:
    bad = {"metricsProvider.className": "com.example.NoSuch"}
    fresh_fleet.inventory["zookeeper"]["hosts"]["zk2"]["zookeeper_properties"] = bad
    play = fresh_fleet.provision().failed()
    assert "zk2 did not come up: its process has ended" in play.screen
    assert "java.lang.ClassNotFoundException: com.example.NoSuch" in play.screen, "the log's tail is missing"
    assert "zk1 did not come up" not in play.screen
    for name in MEMBERS:
        kept = {path.name for path in fresh_fleet.results.glob(f"*/logs/{name}/*")}
        assert {"zookeeper.log", "zoo.cfg", "control"} <= kept, play.screen
    assert not any(fresh_fleet.modes().values()), "zookeeper_keep_running is false, yet members go on"
    # Found by the end of its process, not by the time limit of 40 s.
    assert play.seconds < 40


def test_root_follows_no_link_that_the_service_user_has_planted(fresh_fleet: LocalFleet) -> None:
    require_root("only root could be led astray by the service user")
    for name in MEMBERS[1:]:
        del fresh_fleet.inventory["zookeeper"]["hosts"][name]
    fresh_fleet.provision(zookeeper_keep_running=True).succeeded()
    member, victim = fresh_fleet.state / "zookeeper/zk1", fresh_fleet.folder / "victim"
    victim.write_text("of root: hunter2\n")
    victim.chmod(0o600)
    plant = f"cd {member} && rm -f data/myid log/zookeeper.out && ln -s {victim} data/myid"
    plant += f" && ln -s {victim} log/zookeeper.out && ln -s {victim} log/leak.log && mkfifo log/pipe.log"
    as_user = ["setpriv", "--reuid=zookeeper", "--regid=zookeeper", "--clear-groups", "sh", "-c", plant]
    subprocess.run(as_user, timeout=30, check=True)
    bundle = fresh_fleet.folder / "bundle.tar.gz"
    for words in (["bundle", str(bundle)], ["tail"], ["stop"], ["start"]):
        done = subprocess.run([member / "control", *words], capture_output=True, text=True, timeout=60, check=False)
        assert "hunter2" not in done.stdout + done.stderr
    with tarfile.open(bundle) as tar:
        contents = [content.read() for file in tar if file.isfile() and (content := tar.extractfile(file))]
    assert contents
    assert not [content for content in contents if b"hunter2" in content]
    assert victim.read_text() == "of root: hunter2\n"
    # A member that could not open its files is not taken for running, and comes up once they are gone.
    for path in (member / "data/myid", *(member / "log").iterdir()):
        path.unlink()
    fresh_fleet.provision(zookeeper_keep_running=True).succeeded()
    assert fresh_fleet.modes() == {"zk1": "standalone"}


def test_root_runs_and_writes_nothing_where_another_user_could_replace_it(fresh_fleet: LocalFleet) -> None:
    require_root("only root has to fear other users")
    for name in MEMBERS[1:]:
        del fresh_fleet.inventory["zookeeper"]["hosts"][name]
    member = fresh_fleet.state / "zookeeper/zk1"
    member.mkdir(parents=True)
    os.chown(member, 65534, 65534)
    could = f"{member} can be written by another user than root, who could replace {member}/control"
    assert could in " ".join(fresh_fleet.provision().failed().screen.split())
    assert not list(member.iterdir())
    ran = fresh_fleet.folder / "ran"
    control = member / "control"
    control.write_text(f"#!/bin/sh\n# Controls the ZooKeeper member zk1: x\necho ran >>{ran}\n")
    control.chmod(0o755)
    for playbook in ("stop", "teardown"):
        assert could in " ".join(fresh_fleet.play(playbook, "--limit", "zookeeper").failed().screen.split())
    assert control.exists()
    assert not ran.exists()


def test_an_archive_is_verified_and_unpacked_beside_others(fresh_fleet: LocalFleet) -> None:
    # With one member, which runs standalone.
    for name in MEMBERS[1:]:
        del fresh_fleet.inventory["zookeeper"]["hosts"][name]
    served = fresh_fleet.folder / "served"
    served.mkdir()
    archive = stand_in_archive(served, "3.8.0")
    with _serve(served) as url:
        method: Mapping[str, Any] = {
            "zookeeper_install_method": "archive",
            "zookeeper_version": "3.8.0",
            "zookeeper_archive_url": f"{url.replace('://', '://ci:s3cret@')}/{archive.name}",
            "zookeeper_archive_cache": str(fresh_fleet.folder / "cache"),
        }
        wrong = fresh_fleet.provision(**method, zookeeper_archive_checksum="sha512:" + "0" * 128).failed()
        assert "zookeeper_archive_url [" in wrong.screen
        assert "did not match" in wrong.screen
        assert "s3cret" not in wrong.screen
        assert not (fresh_fleet.state / "versions/3.8.0/lib").exists()

        fresh_fleet.provision(**method).succeeded()
        assert fresh_fleet.modes() == {"zk1": "standalone"}
        assert (fresh_fleet.state / "zookeeper/zk1/current").resolve() == fresh_fleet.state / "versions/3.8.0"
    assert (fresh_fleet.state / "versions/3.8.0/.complete").read_text() == f"{url}/{archive.name}\n"
    # The server of archives is gone: nothing is fetched twice.
    assert fresh_fleet.provision(**method).succeeded().changed == 0
    fresh_fleet.teardown().succeeded()
    assert (fresh_fleet.state / "versions/3.8.0/lib").is_dir(), "releases stay, as packages do"


def test_check_mode_of_a_bare_host_by_archive_says_what_it_would_install(fresh_fleet: LocalFleet) -> None:
    served = fresh_fleet.folder / "served"
    served.mkdir()
    archive = stand_in_archive(served, "3.8.0")
    cache = fresh_fleet.folder / "cache"
    with _serve(served) as url:
        method: Mapping[str, Any] = {
            "zookeeper_install_method": "archive",
            "zookeeper_version": "3.8.0",
            "zookeeper_archive_url": f"{url}/{archive.name}",
            "zookeeper_archive_cache": str(cache),
            "load_host_python": "",
        }
        # All hosts: the load host is as bare as the members.
        play = fresh_fleet.play("provision", "--check", "--diff", **method).succeeded()
        said = f"zk1: ZooKeeper 3.8.0 would be installed from {url}/{archive.name}"
        assert said in play.screen, "the member that installs for all on its machine"
        assert "zk2: ZooKeeper 3.8.0 would be installed" not in play.screen
        assert "+clientPort=" in play.screen
        assert play.changed > 0
        assert not cache.exists()
        assert not fresh_fleet.state.exists()

        # What can be looked at is: the archive that is there already.
        cache.mkdir()
        with tarfile.open(cache / archive.name, "w:gz"):
            pass
        checksum = f"sha512:{hashlib.sha512((cache / archive.name).read_bytes()).hexdigest()}"
        wrong = fresh_fleet.provision("--check", **method, zookeeper_archive_checksum=checksum).failed()
        assert "the archive holds no zookeeper-<version>.jar" in wrong.screen


def test_check_mode_of_a_bare_host_by_package_says_what_it_would_install(fresh_fleet: LocalFleet) -> None:
    # As if one of the packages were not there yet: the play is told of a jar that no package brings.
    lacking = ["/usr/share/java/zookeeper.jar", "/nowhere/servlet-api.jar"]
    play = fresh_fleet.provision("--check", zookeeper_install_method="package", _zookeeper_debian_jars=lacking)
    assert "zk1: packages would be installed: zookeeper, default-jre-headless" in play.succeeded().screen
    assert not fresh_fleet.state.exists()


def test_check_mode_of_a_benchmark_says_what_it_would_do_and_leaves_nothing(fresh_fleet: LocalFleet) -> None:
    before = [*fresh_fleet.folder.rglob("*")]
    play = fresh_fleet.play("benchmark", "--check", benchmark_parameters={"val-size": 1048554}).succeeded()
    assert "check mode: preflight found no problem, and nothing was started. Without --check this would" in play.screen
    assert "  provision  the members zk1, zk2, zk3 and the load hosts load1" in play.screen
    assert f"  report     in a new folder of {fresh_fleet.results}" in play.screen
    assert play.changed == 0
    refused = fresh_fleet.play("benchmark", "--check", benchmark_parameters={"val-size": 1048555}).failed()
    assert "benchmark_parameters.val-size [1048555]: the members' jute.maxbuffer is 1048575 bytes" in refused.screen
    left = {path.name for path in {*fresh_fleet.folder.rglob("*")} - {*before}}
    assert left <= {"hosts.yml", "screen-of-the-last.txt"}, "the test's own"


def test_a_load_host_is_removed_though_its_command_no_longer_runs(fresh_fleet: LocalFleet) -> None:
    folder = fresh_fleet.state / "load/load"
    (folder / "runs/20250101T000000Z-quick").mkdir(parents=True)
    command = folder / "host-run"
    ran = fresh_fleet.folder / "ran"
    command.write_text(f"#!/bin/sh\necho ran >{ran}\n")
    command.chmod(0o755)
    # Nothing says that the folder is ours: it is neither run nor removed.
    play = fresh_fleet.play("teardown", "--limit", "load1").succeeded()
    assert f"load1: left in place: {folder}: it carries no marker of zk-locust" in " ".join(play.screen.split())
    assert command.exists()
    assert not ran.exists()
    # A load host of an older release, which wrote no marker, is known by its command.
    launcher = "# Made by Ansible. Starts, asks and ends runs on this host: host-run status --folder …"
    command.write_text(f"#!/bin/sh\n{launcher}\nexec /nowhere/python -m zk_locust.cli\n")
    fresh_fleet.play("teardown", "--limit", "load1").succeeded()
    assert not folder.exists()


def test_an_ensemble_of_somebody_elses_is_left_alone(fresh_fleet: LocalFleet) -> None:
    fresh_fleet.inventory["all"]["vars"]["zookeeper_managed"] = False
    # What lies where our own members would lie is neither run nor removed.
    control = fresh_fleet.state / "zookeeper/zk1/control"
    control.parent.mkdir(parents=True)
    control.write_text(f"#!/bin/sh\ntouch {fresh_fleet.folder}/touched\n")
    control.chmod(0o755)
    for playbook in ("provision", "teardown"):
        assert fresh_fleet.play(playbook, "--limit", "zookeeper").succeeded().changed == 0
    assert list(fresh_fleet.state.rglob("*")) == [control.parents[1], control.parent, control]
    assert not (fresh_fleet.folder / "touched").exists()
    assert "benchmark_parameters.hosts [not set]" in fresh_fleet.play("preflight").failed().screen


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def _serve(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP on loopback; the value is the URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass
