"""From inventory variables to connection arguments: user, port, key, jump host, become, host keys."""

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fabric import Connection

from fleet.connections import connection
from fleet.endpoints import Endpoint, endpoint
from fleet.errors import HostError, InputError
from fleet.host_keys import HostKeyRule
from fleet.hosts import Host
from fleet.inventory import HostVariables
from fleet.ssh_config import SshConfig, ask, config_file, expanded
from tests import stand_in_sudo

pytestmark = pytest.mark.usefixtures("home")


def of(**variables: Any) -> Endpoint:
    return endpoint(HostVariables("zk1", {"inventory_hostname": "zk1"} | variables))


def resolved(**variables: Any) -> SshConfig:
    found = of(**variables)
    return ask("zk1", found.ssh, found.address)


def test_what_is_not_said_is_left_to_ssh(home: Path) -> None:
    # As ansible.cfg has it.
    options = ("ControlMaster=auto", "ControlPersist=60s", "ServerAliveInterval=5", "ServerAliveCountMax=3")
    words = (str(home / "ssh"), "-C", *(word for option in options for word in ("-o", option)))
    assert of() == Endpoint("zk1", address="zk1", ssh=words)
    (home / ".ssh" / "id_ed25519").touch()
    made = connection(of())
    assert (made.host, made.port, made.connect_timeout) == ("zk1", 22, 5)
    assert not made.gateway
    assert "key_filename" not in made.connect_kwargs, "defaults are Paramiko's own too, after the agent's keys"


def test_address_user_port_and_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("")
    found = of(ansible_host="192.0.2.7", ansible_user="admin", ansible_port=2222, ansible_ssh_private_key_file=str(key))
    assert (found.address, found.user, found.port, found.key_file) == ("192.0.2.7", "admin", 2222, str(key))
    made = connection(found)
    assert (made.host, made.user, made.port) == ("192.0.2.7", "admin", 2222)
    assert made.connect_kwargs["key_filename"] == [str(key)]
    assert made.connect_timeout == made.connect_kwargs["banner_timeout"] == 5


@pytest.mark.parametrize(
    ("variable", "value", "field"),
    [
        ("ansible_ssh_user", "ada", "user"),
        ("ansible_ssh_host", "192.0.2.7", "address"),
        ("ansible_ssh_port", 22022, "port"),
    ],
)
def test_older_names_of_the_variables_count_too(variable: str, value: object, field: str) -> None:
    assert getattr(of(**{variable: value}), field) == value


def test_a_variable_wins_over_ssh_arguments_and_these_over_ssh_config(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host zk1\n  User third\n  Port 3\n  HostName 192.0.2.9\n")
    made = connection(of(ansible_user="first", ansible_ssh_common_args="-o User=second -p 2"))
    assert (made.host, made.user, made.port) == ("192.0.2.9", "first", 2)


def test_what_is_included_by_ssh_config_counts(home: Path, tmp_path: Path) -> None:
    """Paramiko itself knows no Include."""
    (home / ".ssh" / "config").write_text(f"Include {tmp_path}/config.d/*\n")
    key = tmp_path / "config.d key"
    key.touch()
    (tmp_path / "config.d").mkdir()
    (tmp_path / "config.d" / "fleet").write_text(
        f'Host zk*\n  HostName %h.example.org\n  User ada\n  ConnectTimeout 7\n  IdentityFile "{key}"\n'
        "Match host zk1.example.org\n  Port 2200\n"
    )
    made = connection(of())
    assert (made.host, made.user, made.connect_timeout) == ("zk1.example.org", "ada", 7)
    assert made.connect_kwargs["key_filename"] == [str(key)]


def test_ssh_arguments_in_all_their_ways(home: Path) -> None:
    other = home / "other"
    other.write_text("Host zk1\n  HostName 192.0.2.9\n")
    found = resolved(
        ansible_ssh_common_args=f"-C -oPort=1 -o 'Port 2' -vo User=a -i {other} -F {other} -J j -l b",
        ansible_ssh_extra_args="-o IdentityFile=k2 -o StrictHostKeyChecking=no -o 'UserKnownHostsFile=/a /b'",
    )
    assert [path.name for path in found.identities] == ["other", "k2"]
    names = ("hostname", "port", "user", "proxyjump", "userknownhostsfile")
    assert [found.options[name] for name in names] == ["192.0.2.9", "1", "a", "j", "/a /b"]


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
        connection(of(ansible_ssh_common_args=text))


def test_only_the_file_of_ssh_config_counts_for_jump_hosts_too() -> None:
    assert config_file(["ssh", "-vC", "-Fa", "-o", "Port=2", "-J", "-F", "-F", "b"]) == ["-F", "a", "-F", "b"]
    assert config_file(["ssh", "-?"]) == []


def test_with_identities_only_the_agent_is_asked_for_what_needs_a_passphrase_only(tmp_path: Path) -> None:
    for name, passphrase in (("open", ""), ("closed", "haddock")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", tmp_path / name], check=True)
        arguments = f"-o IdentitiesOnly=yes -i '{tmp_path / name}'"
        found = connection(of(ansible_ssh_common_args=arguments)).connect_kwargs
        assert found["key_filename"] == [str(tmp_path / name)]
        assert (found["allow_agent"], found["look_for_keys"]) == (name == "closed", False)


@pytest.mark.parametrize("arguments", ["-J ada@jump:2200,inner", "-o ProxyJump=ada@jump:2200,inner"])
def test_jump_hosts_are_gone_through_in_their_order(arguments: str) -> None:
    made = connection(of(ansible_ssh_common_args=arguments))
    inner = made.gateway
    outer = inner.gateway
    assert (inner.host, outer.host, outer.user, outer.port) == ("inner", "jump", "ada", 2200)
    assert not outer.gateway
    assert {hop.connect_kwargs["channel_timeout"] for hop in (made, inner, outer)} == {5}
    assert "RejectPolicy" not in type(outer.client._policy).__name__
    assert {type(hop.client._policy).__name__ for hop in (made, inner, outer)} == {"_Unknown"}, "all keys are checked"


def test_the_jump_host_of_ssh_config_counts_unless_the_inventory_says_none(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host zk1\n  ProxyJump jump\n")
    gateway = connection(of()).gateway
    assert isinstance(gateway, Connection)
    assert type(gateway.client._policy).__name__ == "_Unknown"
    assert not connection(of(ansible_ssh_common_args="-o ProxyJump=none")).gateway


def test_a_proxy_command_knows_host_port_and_user() -> None:
    made = connection(of(ansible_ssh_common_args="-o ProxyCommand='nc -X %% %h %p'", ansible_port=2222))
    assert made.gateway == "nc -X %% %h %p"
    assert expanded(made.gateway, {"%%": "%", "%h": "zk1", "%p": "2222"}) == "nc -X % zk1 2222"


def test_local_and_become() -> None:
    assert of(ansible_connection="local") == Endpoint("zk1", local=True)
    assert of(ansible_become=True).become_user == "root"
    assert of(ansible_become="yes", ansible_become_user="zookeeper").become_user == "zookeeper"
    assert of(ansible_become=False, ansible_become_user="zookeeper").become_user is None


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ansible_connection": "docker"}, r"zk1: ansible_connection \[docker\] is none that fab knows"),
        ({"ansible_become": True, "ansible_become_method": "su"}, r"zk1: ansible_become_method \[su\] is none"),
        ({"ansible_port": 70000}, r"zk1: ansible_port \[70000\] must be"),
    ],
)
def test_what_cannot_be_used_is_named(variables: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        of(**variables)


def test_a_key_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"^zk1: ansible_ssh_private_key_file \[/nowhere/key\] is no file"):
        connection(of(ansible_ssh_private_key_file="/nowhere/key"))


def test_a_password_is_used_and_never_shown() -> None:
    found = of(ansible_password="swordfish", ansible_ssh_private_key_passphrase="haddock")
    assert connection(found).connect_kwargs["password"] == "swordfish"
    assert "swordfish" not in repr(found)
    assert "haddock" not in repr(found)


def test_interpreters_that_ansible_would_search_for() -> None:
    assert of(ansible_python_interpreter="auto_silent").python == "python3"
    assert of(ansible_python_interpreter="/opt/py/bin/python").python == "/opt/py/bin/python"


@pytest.mark.parametrize(
    ("variables", "configured", "mode"),
    [
        ({}, "", "strict"),
        ({}, "accept-new", "accept-new"),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=no"}, "yes", "off"),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=yes"}, "no", "strict"),
        ({"ansible_host_key_checking": False}, "", "off"),
        ({"ansible_host_key_checking": False, "ansible_ssh_common_args": "-o StrictHostKeyChecking=yes"}, "", "off"),
        ({"ansible_host_key_checking": False, "ansible_ssh_args": "-o StrictHostKeyChecking=yes"}, "", "strict"),
    ],
)
def test_the_rule_for_host_keys(home: Path, variables: dict[str, Any], configured: str, mode: str) -> None:
    """In the order in which Ansible gives them to ssh: the first counts."""
    if configured:
        (home / ".ssh" / "config").write_text(f"StrictHostKeyChecking {configured}\n")
    assert HostKeyRule.of(resolved(**variables).options).mode == mode


def test_files_of_known_hosts(home: Path) -> None:
    assert HostKeyRule.of({}).user_files == (home / ".ssh/known_hosts", home / ".ssh/known_hosts2")
    rule = HostKeyRule.of({"userknownhostsfile": "/a ~/b", "globalknownhostsfile": "none"})
    assert (rule.user_files, rule.global_files) == ((Path("/a"), home / "b"), ())
    (home / "known to me").touch()  # ssh -G shows no quotes
    rule = HostKeyRule.of({"userknownhostsfile": f"/a {home}/known to me /b"})
    assert rule.user_files == (Path("/a"), home / "known to me", Path("/b"))


def test_commands_become_somebody_only_where_they_must() -> None:
    me = subprocess.check_output(["id", "-un"], text=True).strip()
    host = Host(Endpoint("here", local=True, become_user=me, sudo="/nowhere/sudo"))
    assert host.run('echo "it\'s $(id -un)"').out == f"it's {me}\n"
    other = Host(Endpoint("here", local=True, become_user="somebody-else", sudo="/bin/echo"))
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
    host = Host(Endpoint("here", local=True, **become))
    answer = host.run("echo done; echo why >&2; exit 3")
    assert (answer.code, answer.out, answer.err) == (3, "done\n", "why\n")
    followed = io.StringIO()
    assert host.follow("echo begins; echo why >&2; exit 4", followed) == 4
    assert followed.getvalue() == "begins\nwhy\n"
    assert "horse" not in sudo.with_name("sudo.calls").read_text()


def test_a_wrong_password_is_given_once(tmp_path: Path) -> None:
    sudo = str(stand_in_sudo.make(tmp_path))
    host = Host(Endpoint("here", local=True, become_user="somebody-else", become_password="haddock", sudo=sudo))
    for told in (host.run, lambda script: host.follow(script, io.StringIO())):
        with pytest.raises(HostError, match=r"^sudo to somebody-else does not take the password: correct ansible_be"):
            told("true")


def test_a_sudo_that_asks_nothing_is_told_nothing(tmp_path: Path) -> None:
    free = tmp_path / "sudo"
    free.write_text('#!/bin/sh\nwhile [ "$1" != sh ]; do shift; done\nexec "$@"\n')
    free.chmod(0o755)
    host = Host(Endpoint("here", local=True, become_user="somebody-else", become_password="haddock", sudo=str(free)))
    assert host.run("echo; timeout 0.5 head -n 1").out == "\n"
