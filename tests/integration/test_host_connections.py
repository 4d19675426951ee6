"""The actions that ask hosts over the connection: with and without pipelining, and with a password for sudo."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.places import PROJECT
from lab.plays import environment
from tests import stand_in_sudo
from tests.integration.ssh_server import SshServer, make_key, require_sshd

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SshServer]]:
    require_sshd()
    folder = tmp_path_factory.mktemp("ssh")
    with SshServer(folder / "host", make_key(folder / "key")) as server:
        (folder / "known_hosts").write_text(server.known_host)
        yield folder, server


def answers(server: tuple[Path, SshServer], folder: Path, pipelining: bool, asks_password: bool) -> dict[str, Any]:
    """Ask one host by each of the actions; return what they have returned."""
    keys, host = server
    (folder / "lease.json").write_text("")
    (folder / "pack").write_bytes(bytes(range(256)) * 1000)
    tasks: dict[str, dict[str, Any]] = {
        "ran": {"host_command": {"argv": ["sh", "-c", "echo out; echo err >&2"], "removes": str(folder / "pack")}},
        "not_run": {"host_command": {"argv": ["echo", "out"], "removes": str(folder / "none")}},
        "failed": {"host_command": {"argv": ["sh", "-c", "exit 3"]}, "failed_when": False},
        "read": {"host_command": {"argv": ["cat"], "stdin": "for it"}},
        "folder": {"host_command": {"argv": ["pwd"]}},
        "lease": {"run_lease": {"folders": [str(folder)]}},
        "brought": {"bring_file": {"src": str(folder / "pack"), "dest": str(folder / "brought"), "max_mib": 1}},
        "too_large": {
            "bring_file": {"src": str(folder / "pack"), "dest": str(folder / "too-large"), "max_mib": 0},
            "ignore_errors": True,
        },
    }
    variables: dict[str, Any] = {
        "ansible_host": "127.0.0.1",
        "ansible_port": host.port,
        "ansible_ssh_private_key_file": str(keys / "key"),
        "ansible_ssh_args": f"-o UserKnownHostsFile={keys / 'known_hosts'} -o ControlMaster=auto -o ControlPersist=5s",
        "ansible_python_interpreter": sys.executable,
        "ansible_pipelining": pipelining,
    }
    if asks_password:
        variables |= {
            "ansible_become": True,
            "ansible_become_user": "nobody",  # the stand-in stays who it is
            "ansible_become_exe": str(stand_in_sudo.make(folder)),
            "ansible_become_password": stand_in_sudo.PASSWORD,
            "ansible_shell_allow_world_readable_temp": True,
        }
    content = "{{ {" + ", ".join(f"'{name}': {name}" for name in tasks) + "} | to_json }}"
    write = {"copy": {"content": content, "dest": str(folder / "answers")}, "delegate_to": "localhost"}
    local = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
    play = [
        {
            "hosts": "box",
            "gather_facts": False,
            "tasks": [*({**task, "register": name} for name, task in tasks.items()), write],
        }
    ]
    (folder / "play.yml").write_text(yaml.safe_dump(play, sort_keys=False))
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"box": variables, "localhost": local}}}))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(folder / "hosts.yml"), str(folder / "play.yml")),
        ],
        cwd=PROJECT,
        env=environment() | {"ANSIBLE_PIPELINING": str(int(pipelining))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "horse" not in done.stdout
    found: dict[str, Any] = json.loads((folder / "answers").read_text())
    return found


@pytest.mark.parametrize(
    ("pipelining", "asks_password"),
    [(True, False), (True, True), (False, True)],
    ids=["pipelining", "pipelining-sudo", "no-pipelining-sudo"],
)
def test_answers_are_the_same_however_a_host_is_asked(
    server: tuple[Path, SshServer], tmp_path: Path, pipelining: bool, asks_password: bool
) -> None:
    found = answers(server, tmp_path, pipelining, asks_password)
    said = {name: tuple(found[name][key] for key in ("rc", "stdout", "stderr", "changed")) for name in list(found)[:5]}
    assert said == {
        "ran": (0, "out", "err", True),
        "not_run": (0, "", "", False),
        "failed": (3, "", "", True),
        "read": (0, "for it", "", True),
        "folder": (0, "/", "", True),
    }
    assert found["ran"]["delta"]
    assert "delta" not in found["not_run"]
    assert found["lease"]["holder"] is None
    assert "lease.json is empty or damaged" in str(found["lease"]["warnings"])
    assert (tmp_path / "brought").read_bytes() == (tmp_path / "pack").read_bytes()
    assert "benchmark_collect_max_mib [0]" in found["too_large"]["msg"]
    assert not (tmp_path / "too-large").exists()
    assert (tmp_path / "sudo.calls").exists() == asks_password
    if asks_password:
        assert "horse" not in (tmp_path / "sudo.calls").read_text()
    assert os.path.lexists(tmp_path / "lease.json")
