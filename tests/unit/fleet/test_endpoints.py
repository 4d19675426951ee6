"""From inventory variables to ssh's arguments: user, port, key, jump host, become, passwords, host keys."""

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.loader import connection_loader

from fleet.endpoints import Endpoint, endpoint
from fleet.errors import HostError, InputError
from fleet.hosts import Host
from fleet.inventory import HostVariables
from fleet.ssh import Ssh
from tests import stand_in_sudo

pytestmark = pytest.mark.usefixtures("home")

NO_PASSWORD = (
    "KbdInteractiveAuthentication=no",
    "PreferredAuthentications=gssapi-with-mic,gssapi-keyex,hostbased,publickey",
    "PasswordAuthentication=no",
)


def of(**variables: Any) -> Endpoint:
    return endpoint(HostVariables("zk1", {"inventory_hostname": "zk1"} | variables))


def ssh(**variables: Any) -> Ssh:
    made = of(**variables).ssh
    assert made is not None
    return made


def resolved(**variables: Any) -> dict[str, str]:
    """What ssh itself makes of its arguments and of ssh_config(5)."""
    made = ssh(**variables)
    return made._configured([*made.arguments(), made.address])


def test_the_arguments_are_those_of_ansible(home: Path) -> None:
    # As ansible.cfg has it.
    options = ("ControlMaster=auto", "ControlPersist=60s", "ServerAliveInterval=5", "ServerAliveCountMax=3")
    words = ssh().arguments()
    control_path = words.pop(-3)
    assert control_path.startswith(f'ControlPath="{home}/.ansible/cp/')
    expected = (*options, *NO_PASSWORD, "ConnectTimeout=5")
    assert words == [
        str(home / "ssh"), "-C", *(word for option in expected for word in ("-o", option)),
        "-o", "-o", "NumberOfPasswordPrompts=1",
    ]  # fmt: skip


def test_hosts_share_a_connection_with_ansible_and_never_with_each_other(home: Path) -> None:
    plugin = connection_loader.get("ssh", class_only=True)
    hosts = [{"ansible_host": "192.0.2.1"}, {"ansible_host": "192.0.2.2"}, {"ansible_user": "ada"}, {}]
    paths = [ssh(**host).arguments()[-3] for host in hosts]
    assert len(set(paths)) == len(hosts)
    for host, path in zip(hosts, paths, strict=True):
        expected = plugin._create_control_path(host.get("ansible_host", "zk1"), None, host.get("ansible_user"))
        assert path == f'ControlPath="{expected % {"directory": home / ".ansible/cp"}}"'


def test_address_user_port_and_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("")
    variables = {"ansible_host": "192.0.2.7", "ansible_user": "admin", "ansible_port": 2222}
    found = ssh(**variables, ansible_ssh_private_key_file=str(key))
    assert (found.address, found.user, found.port, found.key_file) == ("192.0.2.7", "admin", 2222, str(key))
    options = resolved(**variables, ansible_ssh_private_key_file=str(key))
    assert (options["hostname"], options["user"], options["port"]) == ("192.0.2.7", "admin", "2222")
    assert options["identityfile"] == str(key)


@pytest.mark.parametrize(
    ("variable", "value", "field"),
    [
        ("ansible_ssh_user", "ada", "user"),
        ("ansible_ssh_host", "192.0.2.7", "address"),
        ("ansible_ssh_port", 22022, "port"),
    ],
)
def test_older_names_of_the_variables_count_too(variable: str, value: object, field: str) -> None:
    assert getattr(ssh(**{variable: value}), field) == value


def test_a_variable_wins_over_ssh_arguments_and_these_over_ssh_config(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host zk1\n  User third\n  Port 3\n  HostName 192.0.2.9\n")
    made = resolved(ansible_user="first", ansible_ssh_common_args="-o User=second -p 2")
    assert (made["hostname"], made["user"], made["port"]) == ("192.0.2.9", "first", "2")


def test_the_time_to_connect_is_short_unless_ansible_is_told_another() -> None:
    assert resolved()["connecttimeout"] == "5"
    assert resolved(ansible_ssh_timeout=7)["connecttimeout"] == "7"
    assert resolved(ansible_ssh_args="-o ConnectTimeout=3")["connecttimeout"] == "3"


def test_ssh_arguments_in_all_their_ways(home: Path) -> None:
    other = home / "other"
    other.write_text("Host zk1\n  HostName 192.0.2.9\n")
    found = resolved(
        ansible_ssh_common_args=f"-C -oPort=1 -o 'Port 2' -vo User=a -i {other} -F {other} -J j -l b",
        ansible_ssh_extra_args="-o IdentityFile=k2 -o StrictHostKeyChecking=no -o 'UserKnownHostsFile=/a /b'",
    )
    names = ("hostname", "port", "user", "proxyjump", "userknownhostsfile", "stricthostkeychecking")
    assert [found[name] for name in names] == ["192.0.2.9", "1", "a", "j", "/a /b", "false"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("-o 'unclosed", r"ansible_ssh_common_args \[-o 'unclosed\] cannot be split"),
        ("-J", "ansible_ssh_common_args"),
        ("-o Nonsense=1", r"Bad configuration option: nonsense\); correct ansible_ssh_args"),
        ("-o ConnectTimeout=soon", "invalid time value"),
        ("-F /nowhere/config", "/nowhere/config: No such file"),
        ("-J a:b:c", ""),
        ("-J one", r"ProxyJump \[\w+\] leads in a circle"),
    ],
)
def test_ssh_arguments_that_cannot_be_used(home: Path, text: str, says: str) -> None:
    (home / ".ssh" / "config").write_text("Host one\n  ProxyJump two\nHost two\n  ProxyJump one\n")
    with pytest.raises(InputError, match=rf"^zk1: .*{says}"):
        Host(of(ansible_ssh_common_args=text)).run("true")


def test_an_ssh_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"^zk1: /nowhere/ssh cannot be run .*correct ansible_ssh_executable"):
        Host(of(ansible_ssh_executable="/nowhere/ssh")).run("true")


@pytest.mark.parametrize("arguments", ["-J ada@jump:2200,inner", "-o ProxyJump=ada@jump:2200,inner"])
def test_the_way_to_a_host_is_known(home: Path, arguments: str) -> None:
    assert ssh().route() == ""
    assert ssh(ansible_ssh_common_args=arguments).route() == "jump host"
    assert ssh(ansible_ssh_common_args="-o ProxyCommand='nc %h %p'").route() == "ProxyCommand"
    (home / ".ssh" / "config").write_text("Host zk1\n  ProxyJump jump\n")
    assert ssh().route() == "jump host"
    assert ssh(ansible_ssh_common_args="-o ProxyJump=none").route() == ""


def test_local_and_become() -> None:
    assert of(ansible_connection="local") == Endpoint("zk1")
    assert of(ansible_become=True).become_user == "root"
    assert of(ansible_become="yes", ansible_become_user="zookeeper").become_user == "zookeeper"
    assert of(ansible_become=False, ansible_become_user="zookeeper").become_user is None


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ansible_connection": "docker"}, r"zk1: ansible_connection \[docker\] is not supported by fab; use ssh"),
        ({"ansible_become": True, "ansible_become_method": "su"}, r"zk1: ansible_become_method \[su\] is not"),
        ({"ansible_become": "maybe"}, r"zk1: ansible_become \[maybe\] must be true or false"),
        ({"ansible_port": 70000}, r"zk1: ansible_port \[70000\] must be"),
        ({"ansible_port": "2x"}, r"zk1: .*ansible_port.*2x.*; correct it in the inventory"),
        ({"ansible_ssh_password_mechanism": "sshpass", "ansible_password": "swordfish"}, r"zk1: .*sshpass program"),
    ],
)
def test_what_cannot_be_used_is_named(variables: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_loader.get("ssh", class_only=True), "_sshpass_available", lambda _: False)
    with pytest.raises(InputError, match=says) as error:
        of(**variables)
    assert "swordfish" not in str(error.value)


def test_a_key_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"^zk1: ansible_ssh_private_key_file \[/nowhere/key\] is no file"):
        of(ansible_ssh_private_key_file="/nowhere/key")


@pytest.mark.parametrize("mechanism", ["ssh_askpass", "sshpass"])
def test_a_password_is_in_no_argument_and_no_environment(mechanism: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_loader.get("ssh", class_only=True), "_sshpass_available", lambda _: True)
    found = of(ansible_password="swordfish", ansible_ssh_password_mechanism=mechanism)
    assert "swordfish" not in repr(found)
    assert found.ssh is not None
    shared = Path("/dev/shm")
    with found.ssh.remote("true") as (words, options, _):
        assert "swordfish" not in repr((words, options))
        assert "PasswordAuthentication=no" not in words
        if mechanism == "ssh_askpass":
            assert options["env"]["SSH_ASKPASS_REQUIRE"] == "force"
            memory = shared / options["env"]["_ANSIBLE_SSH_ASKPASS_SHM"]
            assert memory.stat().st_mode & 0o077 == 0
        else:
            assert words[:2] == ["sshpass", f"-d{options['pass_fds'][0]}"]
    if mechanism == "ssh_askpass":
        assert not memory.exists()


@pytest.mark.parametrize(
    ("code", "says"), [(5, "zk1 does not take the password"), (6, "not in any file of known hosts")]
)
def test_what_sshpass_says_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    monkeypatch.setattr(connection_loader.get("ssh", class_only=True), "_sshpass_available", lambda _: True)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    stand_in = tmp_path / "sshpass"
    stand_in.write_text(f'#!/bin/sh\nread -r word </dev/fd/"${{1#-d}}"; echo "$word" > {tmp_path}/word; exit {code}\n')
    stand_in.chmod(0o755)
    with pytest.raises(HostError, match=says):
        Host(of(ansible_password="sea $horse", ansible_ssh_password_mechanism="sshpass")).run("true")
    assert (tmp_path / "word").read_text() == "sea $horse\n"


def test_the_log_of_ssh_is_in_no_folder() -> None:
    """A killed fab leaves no log behind."""
    with ssh().remote("true") as (words, _, log):
        path = Path(words[words.index("-E") + 1])
        assert "(deleted)" in str(path.readlink())
        subprocess.run(["sh", "-c", 'echo why >>"$0"', path], check=True)
        assert log.read() == b"why\n"


def test_a_host_with_a_local_connection_starts_no_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.endpoints.Ssh", None)
    assert Host(of(ansible_connection="local")).run("echo $PPID").out == f"{os.getpid()}\n"


def test_without_a_password_no_window_asks_for_one() -> None:
    with ssh().remote("true") as (_, options, _log):
        assert options["env"]["SSH_ASKPASS_REQUIRE"] == "never"


def test_interpreters_that_ansible_would_search_for() -> None:
    assert of(ansible_python_interpreter="auto_silent").python == "python3"
    assert of(ansible_python_interpreter="/opt/py/bin/python").python == "/opt/py/bin/python"


@pytest.mark.parametrize(
    ("variables", "configured", "mode"),
    [
        ({}, "", "ask"),
        ({}, "accept-new", "accept-new"),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=no"}, "yes", "false"),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=yes"}, "no", "true"),
        ({"ansible_host_key_checking": False}, "", "false"),
        ({"ansible_host_key_checking": False, "ansible_ssh_common_args": "-o StrictHostKeyChecking=yes"}, "", "false"),
        ({"ansible_host_key_checking": False, "ansible_ssh_args": "-o StrictHostKeyChecking=yes"}, "", "true"),
    ],
)
def test_the_rule_for_host_keys(home: Path, variables: dict[str, Any], configured: str, mode: str) -> None:
    """In the order in which Ansible gives them to ssh: the first counts."""
    if configured:
        (home / ".ssh" / "config").write_text(f"StrictHostKeyChecking {configured}\n")
    assert resolved(**variables)["stricthostkeychecking"] == mode


def test_commands_become_another_user_only_where_they_must() -> None:
    me = subprocess.check_output(["id", "-un"], text=True).strip()
    host = Host(Endpoint("here", become_user=me, sudo="/nowhere/sudo"))
    assert host.run('echo "it\'s $(id -un)"').out == f"it's {me}\n"
    other = Host(Endpoint("here", become_user="somebody-else", sudo="/bin/echo"))
    assert other.run("id").out == "-H -n -u somebody-else sh -c id\n"
    assert other.run("id -un", become=False).out == f"{me}\n"


@pytest.mark.parametrize("variable", ["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"])
def test_the_password_of_sudo_has_several_names_and_is_never_shown(variable: str) -> None:
    found = of(ansible_become=True, **{variable: "swordfish"})
    assert found.become_password == "swordfish"
    assert "swordfish" not in repr(found)


def test_sudo_is_told_the_password_when_it_asks(tmp_path: Path) -> None:
    sudo = stand_in_sudo.make(tmp_path)
    become: dict[str, Any] = {
        "become_user": "somebody-else",
        "become_password": stand_in_sudo.PASSWORD,
        "sudo": str(sudo),
    }
    host = Host(Endpoint("here", **become))
    answer = host.run("echo done; echo why >&2; exit 3")
    assert (answer.code, answer.out, answer.err) == (3, "done\n", "why\n")
    followed = io.StringIO()
    assert host.follow("echo begins; echo why >&2; exit 4", followed.write) == 4
    assert followed.getvalue() == "begins\nwhy\n"
    assert "horse" not in sudo.with_name("sudo.calls").read_text()


def test_a_wrong_password_is_given_once(tmp_path: Path) -> None:
    sudo = str(stand_in_sudo.make(tmp_path))
    host = Host(Endpoint("here", become_user="somebody-else", become_password="haddock", sudo=sudo))
    for told in (host.run, lambda script: host.follow(script, io.StringIO().write)):
        with pytest.raises(HostError, match=r"^sudo to somebody-else does not take the password: correct ansible_be"):
            told("true")


def test_a_sudo_that_asks_nothing_is_told_nothing(tmp_path: Path) -> None:
    free = tmp_path / "sudo"
    free.write_text('#!/bin/sh\nwhile [ "$1" != sh ]; do shift; done\nexec "$@"\n')
    free.chmod(0o755)
    host = Host(Endpoint("here", become_user="somebody-else", become_password="haddock", sudo=str(free)))
    assert host.run("echo; timeout 0.5 head -n 1").out == "\n"
