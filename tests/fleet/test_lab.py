"""The lab's hosts have the properties that fleet tests rely on."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab import Host, Lab, LabError, LabOptions
from lab.commands import run

pytestmark = pytest.mark.fleet

ANSIBLE = Path(sys.executable).parent / "ansible"


def reaches(host: Host, name: str) -> bool:
    """Return whether a TCP connection to another host's sshd succeeds."""
    return host.run(["timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{name}/22"], check=False).returncode == 0


@pytest.mark.parametrize("user", ["admin", "plain", "root"])
def test_each_user_can_log_in_on_each_host(lab: Lab, user: str) -> None:
    answers = {host.name: host.ssh("id -un; hostname", user=user).stdout.split() for host in lab.hosts.values()}
    assert answers == {name: [user, name] for name in lab.hosts}


def test_a_wrong_host_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    zk1, zk2 = lab.hosts["zk1"], lab.hosts["zk2"]
    run(["cp", "-p", lab.key, tmp_path / "id_ed25519"])
    (tmp_path / "known_hosts").write_text(lab.known_hosts.read_text().replace(f"{zk2.address},", f"{zk1.address},"))
    known = [line for line in (tmp_path / "known_hosts").read_text().splitlines() if ",zk1 " not in line]
    (tmp_path / "known_hosts").write_text("\n".join(known) + "\n")
    answer = replace(zk1, ssh_dir=tmp_path).ssh("true")
    assert answer.returncode == 255
    assert "Host key verification failed" in answer.stderr


def test_ansible_reaches_all_hosts_through_the_inventory(lab: Lab) -> None:
    command = [str(ANSIBLE), "all", "-i", str(lab.inventory), "-m", "command", "-a", "id -un", "--one-line"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=lab.inventory)
    assert done.returncode == 0, done.stdout + done.stderr
    became = {line.split()[0] for line in done.stdout.splitlines() if line.endswith("root")}
    assert became == set(lab.hosts), done.stdout


def test_each_host_knows_the_others_by_name(lab: Lab) -> None:
    for host in lab.hosts.values():
        found = host.run(["getent", "ahostsv4", *lab.hosts]).stdout
        assert {line.split()[0] for line in found.splitlines()} == {other.address for other in lab.hosts.values()}
        assert all(reaches(host, name) for name in lab.hosts)


def test_admin_may_become_root_and_plain_may_not(lab: Lab) -> None:
    for host in lab.hosts.values():
        assert host.ssh("sudo -n id -u", user="admin").stdout.strip() == "0"
        assert host.ssh("sudo -n id -u", user="plain").returncode == 1


def test_hosts_run_the_release_they_were_asked_to(lab: Lab) -> None:
    for host in lab.hosts.values():
        assert host.run('. /etc/os-release; echo "$VERSION_ID"').stdout.strip() == host.release
        assert host.run("systemctl is-system-running", check=False).stdout.strip() == "running"


def test_hosts_have_a_bare_python_and_no_server_that_starts_by_itself(lab: Lab) -> None:
    for host in lab.hosts.values():
        assert host.run("python3 -c 'import ensurepip'", check=False).returncode == 1
        assert host.run("test -e /usr/share/java/zookeeper.jar && command -v java").stdout.strip()
        # Members that a playbook has started may run; their units are zookeeper-NAME.service.
        servers = host.run("ps -C java -o unit=", check=False).stdout.split()
        assert servers in ([], [f"zookeeper-{host.name}.service"])


def test_nothing_of_the_range_leaves_the_machine(lab: Lab) -> None:
    assert not [host for host in lab.hosts.values() if "default" in host.run("ip route").stdout]
    nobody = run(["ip", "route", "get", "198.19.255.1"], check=False)
    assert (nobody.returncode, nobody.stdout) == (2, "")


def test_no_host_has_processes_of_another_in_its_control_groups(lab: Lab) -> None:
    for host in lab.hosts.values():
        found = host.run("find /sys/fs/cgroup -name cgroup.procs -exec cat {} +").stdout.split()
        assert "1" in found
        assert "0" not in found, host.name  # the kernel's id for a process outside of this host


def test_a_host_without_power_does_not_answer_and_keeps_its_files(lab: Lab) -> None:
    host = lab.hosts["zk3"]
    host.put("kept\n", "/var/lib/lab-test/kept")
    host.power_off()
    assert not host.running
    assert host.ssh("true", connect_timeout_s=1).returncode == 255
    with pytest.raises(LabError, match="does not run"):
        host.run("true")
    host.start()
    assert host.ssh("cat /var/lib/lab-test/kept").stdout == "kept\n"
    host.run("rm -r /var/lib/lab-test")


def test_a_host_that_is_shut_down_stops_its_units_first(lab: Lab) -> None:
    for host in (lab.hosts["load2"], lab.hosts["load3"]):  # one of each release
        stop = "--property=ExecStop=/bin/sh -c 'sleep 1; touch /var/tmp/stopped-in-good-order'"
        host.run(["systemd-run", "--unit=lab-test", stop, "sleep", "600"])
        host.shut_down()
        host.start()
        assert host.run("rm /var/tmp/stopped-in-good-order", check=False).returncode == 0, host.name


def test_a_cut_network_silences_a_host_until_it_is_healed(lab: Lab) -> None:
    host = lab.hosts["zk2"]
    host.cut_network()
    try:
        assert host.ssh("true", connect_timeout_s=2).returncode == 255
        assert not reaches(lab.hosts["zk1"], "zk2")
        assert host.run("hostname").stdout.strip() == "zk2"
    finally:
        host.heal_network()
    host.wait_ready(20)
    assert reaches(lab.hosts["zk1"], "zk2")


def test_a_paused_host_holds_connections_and_answers_nothing(lab: Lab) -> None:
    host = lab.hosts["zk2"]
    host.pause()
    try:
        assert reaches(lab.hosts["zk1"], "zk2")  # its kernel still accepts
        assert host.ssh("true", connect_timeout_s=2).returncode == 255
    finally:
        host.resume()
    host.wait_ready(20)


def test_a_host_that_is_reset_is_as_new_with_the_same_keys(small_lab: Lab) -> None:
    host = small_lab.hosts["load2"]
    host.put("gone\n", "/root/gone")
    host.reset()
    assert host.ssh("sudo test -e /root/gone").returncode == 1


def test_hosts_can_be_added_and_removed(small_lab: Lab) -> None:
    zk2 = small_lab.add_host("zk2", observer=True)
    assert reaches(small_lab.hosts["zk1"], "zk2")
    assert reaches(zk2, "zk1")
    text = (small_lab.inventory / "hosts.yml").read_text()
    assert f"    zk2:\n      ansible_host: {zk2.address}\n      zookeeper_peer_type: observer\n" in text
    assert list(Lab.load(small_lab.name).hosts) == ["zk1", "zk2", "load1", "load2"]

    small_lab.remove_host("zk2")
    assert not zk2.running
    assert not zk2.folder.exists()
    assert "zk2" not in (small_lab.inventory / "hosts.yml").read_text()
    assert small_lab.hosts["zk1"].run("getent hosts zk2", check=False).returncode == 2


def test_up_again_starts_what_does_not_run(small_lab: Lab) -> None:
    small_lab.hosts["load1"].power_off()
    lines: list[str] = []
    again = Lab.up(small_lab.options, say=lines.append)
    assert again.hosts["load1"].running
    assert lines == ["Starting load1 …"]


def test_up_with_other_options_is_refused(small_lab: Lab) -> None:
    with pytest.raises(LabError, match="with other options"):
        Lab.up(LabOptions(name=small_lab.name, members=2))


def test_labs_stand_side_by_side(lab: Lab, small_lab: Lab) -> None:
    mine, theirs = lab.hosts["zk1"], small_lab.hosts["zk1"]
    assert mine.address != theirs.address
    assert theirs.ssh("hostname").stdout == "zk1\n"
    assert mine.run("cat /etc/machine-id").stdout != theirs.run("cat /etc/machine-id").stdout
