"""`fab` over real SSH connections: what it shows, what it refuses, and that it leaves nothing behind."""

import getpass
import http.server
import json
import re
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.zookeeper_server import ZooKeeperServers, free_ports
from tests import stand_in_sudo
from tests.integration.fab_controller import RUN, Controller, processes_with, tails
from tests.integration.ssh_server import SshServer, make_key, require_sshd, sign
from tests.needs import require_root, require_zookeeper
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SshServer, SshServer]]:
    require_sshd()
    folder = tmp_path_factory.mktemp("ssh")
    public = make_key(folder / "key")
    with SshServer(folder / "host", public) as host, SshServer(folder / "jump", public) as jump:
        yield folder, host, jump


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.fixture
def controller(shared: tuple[Path, SshServer, SshServer], request: pytest.FixtureRequest) -> Iterator[Controller]:
    folder, host, jump = shared
    controller = Controller(folder / re.sub(r"\W", "-", request.node.name), host, jump, free_ports(1)[0])
    yield controller
    controller.end()


def test_status_shows_a_member_and_a_run(controller: Controller, ensemble: ZooKeeperServers) -> None:
    controller.variables["zookeeper_client_port"] = int(ensemble.hosts.rpartition(":")[2])
    controller.provision()
    controller.start_run()
    before = controller.host.logins
    done = controller.fab("status")
    assert done.returncode == 0, done.stdout + done.stderr
    assert controller.host.logins == before + 2, "one connection a host"
    lines = done.stdout.splitlines()
    member = next(line for line in lines if line.startswith("zk1"))
    assert member.split()[:3] == ["zk1", ensemble.hosts, "standalone"]
    assert re.search(r" 0x\w+ +\d+ +0 +[\d.]+/[\d.]+/[\d.]+ +\d+ +3\.\d+\.\d+$", member)
    box = next(line for line in lines if line.startswith("box"))
    assert re.fullmatch(
        r"box   master, workers  held  1 master, 2 workers +\d+ % +\d+ % of \d+ +[\d.]+ +[\d.]+/[\d.]+", box
    )
    assert re.fullmatch(
        rf"Run {RUN} of ada@desk, started \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(0:\d\d ago\)", lines[-2]
    )
    assert lines[-1] == "  on box: measured, 0:18 left, 32 users, 671 op/s, p99 3.26 ms, 0 failures"
    assert max(map(len, lines)) <= 100


def test_status_as_json_says_the_same(controller: Controller, ensemble: ZooKeeperServers) -> None:
    controller.variables["zookeeper_client_port"] = int(ensemble.hosts.rpartition(":")[2])
    controller.provision()
    controller.start_run()
    found = controller.status()
    assert found["sound"]
    assert found["members"][0]["role"] == "standalone"
    overview = found["load_hosts"][0]["overview"]
    assert overview["lock"].startswith(f"run {RUN} of ada@desk since ")
    assert [process["name"] for process in overview["runs"][0]["processes"]] == ["master", "worker-1", "worker-2"]
    assert all(process["rss_bytes"] > 0 for process in overview["runs"][0]["processes"])


def test_a_run_that_provisions_is_seen_where_nothing_is_installed_yet(controller: Controller) -> None:
    lease = {"run_id": RUN, "owner": "bob@desk", "since": "2026-11-24T03:15:00Z", "until": "2026-11-24T03:45:00Z"}
    file = controller.state / "lease.json"
    file.write_text(json.dumps(lease | {"until_s": time.time() + 600}))
    held = f"held by run {RUN} of bob@desk since 2026-11-24T03:15:00Z, until 2026-11-24T03:45:00Z at the latest"
    assert f"\nzk1, box: {held} (no load is running)\n" in controller.fab("status").stdout
    found = controller.status()
    assert found["members"][0]["lease"] == found["load_hosts"][0]["lease"] == lease
    assert controller.fab("stop").stdout == (
        f"Nothing is running on the load hosts.\nbox: {held} (no load is running)\n"
    )
    controller.provision()
    box = next(line for line in controller.fab("status").stdout.splitlines() if line.startswith("box "))
    assert re.match(r"box   master, workers  held  none ", box)
    file.write_text(json.dumps(lease | {"until_s": time.time() - 1}))
    assert "held by" not in controller.fab("status").stdout, "it is over"


def test_a_member_that_does_not_run_is_a_row_and_exit_code_1(controller: Controller) -> None:
    done = controller.fab("status")
    assert done.returncode == 1
    assert re.search(rf"^zk1 +127.0.0.1:{controller.member_port} +not running: Connection refused$", done.stdout, re.M)
    assert re.search(r"^box +master, workers +not provisioned$", done.stdout, re.M)
    assert done.stderr == ""


def test_a_silent_host_holds_nobody_up(controller: Controller) -> None:
    began = time.monotonic()
    controller.fab("status")
    usual_s = time.monotonic() - began
    controller.variables["ansible_ssh_timeout"] = 2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        controller.variables["ansible_port"] = (
            f"{{{{ {silent.getsockname()[1]} if inventory_hostname == 'zk1' else {controller.host.port} }}}}"
        )
        began = time.monotonic()
        done = controller.fab("status")
        assert time.monotonic() - began < usual_s + 8
    assert done.returncode == 1
    assert re.search(r"^zk1 .* unreachable: ", done.stdout, re.M)
    assert re.search(r"^box .* not provisioned$", done.stdout, re.M)
    assert len([line for line in done.stdout.splitlines() if "zk1" in line]) == 1


@pytest.mark.parametrize("known", ["nothing", "another key"])
@pytest.mark.parametrize(
    ("variables", "passes"),
    [
        ({}, False),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new"}, None),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=no"}, True),
        ({"ansible_host_key_checking": False}, True),
    ],
)
def test_host_keys_are_checked(
    controller: Controller, known: str, variables: dict[str, Any], passes: bool | None
) -> None:
    """`accept-new` takes a key that nobody knew, and refuses one that has changed. `no` keeps what is known."""
    controller.known_hosts.unlink()
    other = f"[127.0.0.1]:{controller.host.port} {' '.join(controller.jump.host_key.split()[:2])}\n"
    if known == "another key":
        controller.known_hosts.write_text(other)
    controller.variables |= variables
    passes = known == "nothing" if passes is None else passes
    found = controller.status()["load_hosts"][0]
    assert found["reached"] == passes, found
    if passes:
        assert controller.known_hosts.read_text() == (controller.host.known_host if known == "nothing" else other)
    else:
        assert "host key (ssh-ed25519 SHA256:" in found["problem"]
        assert ("is not the one that is known" in found["problem"]) == (known == "another key")


def test_known_hosts_are_where_the_inventory_says(controller: Controller) -> None:
    elsewhere = controller.folder / "known elsewhere"
    controller.known_hosts.rename(elsewhere)
    assert not controller.status()["load_hosts"][0]["reached"]
    controller.variables["ansible_ssh_common_args"] = f"-o 'UserKnownHostsFile=\"{elsewhere}\"'"
    assert controller.status()["load_hosts"][0]["reached"]


@pytest.mark.parametrize("way", ["-J jump", "-o ProxyJump=jump", "ProxyCommand", "ssh_config", "Include"])
def test_a_host_behind_a_jump_host(controller: Controller, way: str) -> None:
    configuration = controller.folder / "home" / ".ssh" / "config"
    configuration.write_text(
        f"Host jump\n  HostName 127.0.0.1\n  Port {controller.jump.port}\n"
        f"  IdentityFile {controller.variables['ansible_ssh_private_key_file']}\n"
        f"  UserKnownHostsFile {controller.known_hosts}\n"
        + ("Host 127.0.0.1\n  ProxyJump jump\n" if way in ("ssh_config", "Include") else "")
    )
    if way == "Include":
        included = configuration.rename(configuration.with_name("fleet.conf"))
        configuration.write_text(f"Include {included}\n")
    controller.variables["ansible_ssh_common_args"] = {
        "ProxyCommand": f"-o ProxyCommand='ssh -F {configuration} -W %h:%p jump'",
        "ssh_config": "",
        "Include": "",
    }.get(way, way)
    controller.variables["ansible_ssh_args"] = "-C"  # nothing is kept open for the next command
    before = controller.jump.logins
    found = controller.status()["load_hosts"][0]
    assert found["reached"], found
    assert controller.jump.logins > before
    assert not processes_with(str(configuration)), "its ProxyCommand has ended"


def test_a_proxy_command_that_fails_says_why(controller: Controller) -> None:
    # The inner shell keeps its standard output open meanwhile: once it is closed, ssh ends the command.
    command = """sh -c 'echo no way for %r to %h:%p >&2; exit 1'"""
    controller.variables["ansible_ssh_common_args"] = f'-o "ProxyCommand={command}"'
    problem = controller.status()["load_hosts"][0]["problem"]
    assert re.fullmatch(rf"its ProxyCommand fails: no way for \w+ to 127.0.0.1:{controller.host.port}", problem)


@pytest.mark.parametrize("way", ["-J jump", "ssh_config"])
def test_the_key_of_a_jump_host_is_checked_too(controller: Controller, way: str) -> None:
    (controller.folder / "home" / ".ssh" / "config").write_text(
        f"Host jump\n  HostName 127.0.0.1\n  Port {controller.jump.port}\n"
        + ("Host 127.0.0.1\n  ProxyJump jump\n" if way == "ssh_config" else "")
    )
    controller.known_hosts.write_text(controller.host.known_host)
    controller.variables["ansible_ssh_common_args"] = way if way != "ssh_config" else ""
    before = controller.jump.logins
    found = controller.status()["load_hosts"][0]
    assert "host key" in found["problem"]
    assert controller.jump.logins == before


@pytest.fixture
def certified(shared: tuple[Path, SshServer, SshServer], controller: Controller) -> Iterator[Path]:
    """Let the inventory lead to a server that shows and takes certificates; return their authority's key."""
    folder = controller.folder / "certified"
    folder.mkdir()
    make_key(folder / "authority")
    with SshServer(folder / "server", make_key(folder / "key"), folder / "authority") as server:
        controller.variables |= {"ansible_port": server.port, "ansible_ssh_private_key_file": str(folder / "key")}
        controller.known_hosts.write_text(f"@cert-authority * {(folder / 'authority.pub').read_text()}")
        yield folder / "authority"


def test_certificates_of_hosts_and_users(controller: Controller, certified: Path) -> None:
    assert "takes none of the keys" in controller.status()["load_hosts"][0]["problem"]
    sign(certified, certified.with_name("key"), getpass.getuser())
    found = controller.status()["load_hosts"][0]
    assert found["reached"], found
    controller.disconnect()
    make_key(certified.with_name("other"))
    controller.known_hosts.write_text(f"@cert-authority * {certified.with_name('other.pub').read_text()}")
    assert "is not in any file of known hosts" in controller.status()["load_hosts"][0]["problem"]


def test_a_host_that_is_known_by_another_name(controller: Controller) -> None:
    controller.known_hosts.write_text(f"box-of-ours {' '.join(controller.host.host_key.split()[:2])}\n")
    assert not controller.status()["load_hosts"][0]["reached"]
    controller.variables["ansible_ssh_common_args"] = "-o HostKeyAlias=box-of-ours"
    assert controller.status()["load_hosts"][0]["reached"]


def test_a_host_that_only_an_included_match_describes(controller: Controller) -> None:
    folder = controller.folder / "home" / ".ssh"
    (folder / "config").write_text(f"Include {folder}/fleet.conf\n")
    key = controller.variables.pop("ansible_ssh_private_key_file")
    port = controller.variables.pop("ansible_port")
    (folder / "fleet.conf").write_text(
        f'Match originalhost box-of-ours exec "true"\n  HostName 127.0.0.1\n  Port {port}\n'
        f"  IdentityFile {key}\n  IdentitiesOnly yes\n"
    )
    controller.variables["ansible_host"] = "box-of-ours"
    found = controller.status()["load_hosts"][0]
    assert found["reached"], found


def test_the_password_of_ssh_answers_its_question_and_is_in_no_argument(controller: Controller) -> None:
    """As Ansible gives it: by SSH_ASKPASS, from memory that others cannot read."""
    asked = controller.folder / "asked"
    controller.ssh = controller.folder / "asking-ssh"
    controller.ssh.write_text(
        f"""#!/bin/sh
        [ "$1" = -G ] && exec ssh -F none "$@"
        {{ echo "$@"; env; }} > {asked}.seen
        "$SSH_ASKPASS" "ada@box's password: " > {asked}
        for word; do [ "$before" = -E ] && echo "Permission denied (password)." > "$word"; before=$word; done
        exit 255
        """
    )
    controller.ssh.chmod(0o755)
    controller.variables["ansible_password"] = "sea $horse"
    found = controller.status()["load_hosts"][0]
    assert "does not take the password" in found["problem"]
    assert asked.read_text() == "sea $horse"
    assert "horse" not in asked.with_name("asked.seen").read_text()


def test_ctrl_c_leaves_no_connection(controller: Controller) -> None:
    controller.variables |= {"ansible_ssh_timeout": 60}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        controller.variables["ansible_port"] = silent.getsockname()[1]
        status = controller.begin("status")
        until(lambda: len(processes_with(str(controller.shared))) >= 2, 20)
        status.send_signal(signal.SIGINT)
        status.communicate(timeout=60)
        assert status.returncode != 0
        assert not processes_with(str(controller.shared))


def test_a_wrong_key_file_and_a_refused_key(controller: Controller) -> None:
    controller.variables["ansible_ssh_private_key_file"] = "/nowhere/key"
    assert "[/nowhere/key] is no file" in controller.fab("status").stderr
    make_key(controller.folder / "other")
    controller.variables["ansible_ssh_private_key_file"] = str(controller.folder / "other")
    assert "takes none of the keys" in controller.status()["load_hosts"][0]["problem"]


@pytest.mark.parametrize("connection", ["ssh", "local"])
def test_logs_are_read_as_the_become_user(controller: Controller, connection: str) -> None:
    require_root("who may become anybody")
    log = controller.state / "zookeeper" / "zk1" / "log" / "zookeeper.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo\n")
    controller.variables["ansible_connection"] = connection
    controller.variables |= {"ansible_become": True, "ansible_become_user": "nobody"}
    refused = controller.fab("logs", "--host", "zk1")  # pytest's folders are for one user only
    assert (refused.returncode, refused.stdout) == (1, "")
    controller.variables["ansible_become_user"] = "root"
    assert controller.fab("logs", "--host", "zk1", "--lines", "1").stdout == "two\n"


def test_logs_of_the_newest_run(controller: Controller) -> None:
    controller.provision()
    for run, text in (("20261123T000000Z-quick", "old"), (RUN, "new")):
        folder = controller.load / "runs" / run
        folder.mkdir()
        (folder / "master.log").write_text(f"{text} master\n")
        (folder / "worker-1.log").write_text(f"{text} worker\n")
        (folder / "secrets.json").write_text("{}")
    shown = controller.fab("logs", "--host", "box").stdout
    assert "new master" in shown
    assert "new worker" in shown
    assert "old" not in shown
    assert controller.fab("logs", "--host", "box", "--file", "worker-1.log").stdout == "new worker\n"
    listed = controller.fab("logs", "--host", "box", "--list").stdout
    assert f"{RUN}/master.log" in listed
    assert "secrets" not in listed
    unknown = controller.fab("logs", "--host", "box", "--file", "worker-9.log")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("--file [worker-9.log] is not on this host, did you mean worker-1.log?")
    assert controller.fab("logs", "--host", "bax").stderr.startswith("--host [bax] is not in inventory")


@pytest.mark.parametrize("connection", ["ssh", "local"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_following_ends_with_us_and_leaves_no_process(
    controller: Controller, connection: str, end: signal.Signals
) -> None:
    log = controller.state / "zookeeper" / "zk1" / "log" / "zookeeper.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\n")
    controller.variables["ansible_connection"] = connection
    following = controller.begin("logs", "--host", "zk1", "--follow")
    assert following.stdout is not None
    assert following.stdout.readline() == "one\n"
    with log.open("a") as file:
        file.write("two\n")
    assert following.stdout.readline() == "two\n"
    assert tails(log)
    following.send_signal(end)
    rest = following.communicate(timeout=60)[0]
    assert rest == ""
    assert following.returncode == (0 if end is signal.SIGINT else -signal.SIGKILL)
    until(lambda: not tails(log), 30)


def asking_sudo(controller: Controller) -> None:
    controller.variables |= {
        "ansible_become": True,
        "ansible_become_user": "nobody",  # differs from the user of the tests
        "ansible_become_exe": str(stand_in_sudo.make(controller.folder)),
        "ansible_become_password": stand_in_sudo.PASSWORD,
    }


def test_the_password_of_sudo_is_used_and_never_seen(controller: Controller) -> None:
    asking_sudo(controller)
    controller.provision()
    controller.start_run()
    assert controller.status()["load_hosts"][0]["overview"]["runs"]
    stopped = controller.fab("stop")
    assert (stopped.returncode, stopped.stdout.splitlines()[1]) == (0, "  box: ended")
    assert "horse" not in (controller.folder / "sudo.calls").read_text()
    controller.variables["ansible_become_password"] = "haddock"
    problem = controller.status()["load_hosts"][0]["problem"]
    assert problem == "sudo to nobody does not take the password: correct ansible_become_password"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_following_through_a_sudo_that_asks_ends_with_us_too(controller: Controller, end: signal.Signals) -> None:
    asking_sudo(controller)
    log = controller.state / "zookeeper" / "zk1" / "log" / "zookeeper.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\n")
    following = controller.begin("logs", "--host", "zk1", "--follow")
    assert following.stdout is not None
    assert following.stdout.readline() == "one\n", "and no prompt"
    assert tails(log)
    following.send_signal(end)
    assert following.communicate(timeout=60)[0] == ""
    until(lambda: not tails(log), 30)


def test_stop_ends_the_run_and_says_whose_it_was(controller: Controller) -> None:
    controller.provision()
    controller.start_run()
    done = controller.fab("stop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(rf"Ending run {RUN} of ada@desk, started .* ago\) …\n  box: ended\n", done.stdout)
    assert f"ansible-playbook playbooks/collect.yml -i {controller.inventory}" in done.stdout
    status = json.loads((controller.load / "runs" / RUN / "status.json").read_text())
    assert (status["state"], status["ended_by"]) == ("ended", "stop")
    assert f"Run {RUN} of ada@desk: it has ended; its files are still on box" in controller.fab("status").stdout
    again = controller.fab("stop")
    assert (again.returncode, again.stdout) == (0, "Nothing is running on the load hosts.\n")


def test_stop_says_where_it_could_not_ask(controller: Controller) -> None:
    controller.variables["ansible_port"] = free_ports(1)[0]
    done = controller.fab("stop")
    assert done.returncode == 1
    assert "box cannot be asked whether anything is running there: cannot connect to 127.0.0.1 port " in done.stdout


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 300_000)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_ui_opens_a_way_to_the_page(controller: Controller) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        controller.variables["locust_web_port"] = server.server_address[1]
        port = free_ports(1)[0]
        tunnel = controller.begin("ui", "--port", str(port))
        assert tunnel.stdout is not None
        line = tunnel.stdout.readline()
        assert line.startswith(f"http://127.0.0.1:{port}/ "), line
        for _ in range(3):
            with urllib.request.urlopen(line.split()[0], timeout=30) as answer:
                assert len(answer.read()) == 300_000
        taken = controller.fab("ui", "--port", str(port))
        assert taken.returncode == 2
        assert taken.stderr.startswith(f"--port [{port}] cannot be listened on here")
        tunnel.send_signal(signal.SIGINT)
        assert tunnel.communicate(timeout=60)[0] == "\n"
        assert tunnel.returncode == 0
        controller.variables["ansible_connection"] = "local"
        assert controller.fab("ui").stdout.startswith(f"http://127.0.0.1:{server.server_address[1]}/ ")
        server.shutdown()


@pytest.mark.parametrize("connection", ["ssh", "local"])
def test_ui_without_a_page_is_one_line(controller: Controller, connection: str) -> None:
    controller.variables |= {"locust_web_port": free_ports(1)[0], "ansible_connection": connection}
    done = controller.fab("ui")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "no run with a web UI is running; start one with -e locust_web_ui=true" in done.stderr
