"""What a member's host does by itself: a fault, its deadline, its note. The member is a process that sleeps."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import waiting
from zk_locust.contract.process_identity import identity_of
from zk_locust.host_faults import deadline, jvm, moment, network, shaping
from zk_locust.host_faults import faults as faults_of_host
from zk_locust.host_faults.cli import main
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.faults import Faults

LONG_S = 300.0
SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


class Sleeper:
    """A member's folder, whose control script starts and stops a process that sleeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pid_file = folder / "zookeeper.pid"
        (folder / "faults").mkdir()
        self.launcher = folder / "faults" / "run"
        control = folder / "control"
        control.write_text(f'#!/bin/sh\necho "$1" >>{folder}/asked\nexec {sys.executable} {folder}/control.py "$1"\n')
        control.chmod(0o755)
        (folder / "control.py").write_text(
            "import os, subprocess, sys, time\n"
            f"pid_file = {str(self.pid_file)!r}\n"
            "if sys.argv[1] == 'stop':\n"
            "    os.kill(int(open(pid_file).read().split()[0]), 9)\n"
            "else:\n"
            f"    pid = subprocess.Popen({SLEEPS!r}, start_new_session=True, stdin=-3, stdout=-3, stderr=-3).pid\n"
            "    ticks = open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[19]\n"
            "    open(pid_file + '.new', 'w').write(f'{pid} {ticks}')\n"
            "    os.replace(pid_file + '.new', pid_file)\n"
        )
        self.begin()

    def begin(self) -> None:
        process = subprocess.Popen(SLEEPS, start_new_session=True)
        self.child = process
        self.pid_file.write_text(" ".join(map(str, identity_of(process.pid))))

    @property
    def pid(self) -> int:
        """The id of its newest process, which may be gone."""
        return int(self.pid_file.read_text().split()[0])

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.pid)

    def faults(self) -> Faults:
        return Faults(self.folder, self.launcher)

    def end(self) -> None:
        for pid in {self.child.pid, self.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.child.wait()


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sleeper]:
    monkeypatch.setattr(deadline, "has_systemd", lambda: False)
    made = Sleeper(tmp_path)
    try:
        yield made
    finally:
        made.faults().heal_all()
        made.end()


def fault(do: str, for_s: float, **more: Any) -> dict[str, Any]:
    return {"id": "run.1.zk1", "run_id": "run", "number": 1, "member": "zk1", "do": do, "for_s": for_s, **more}


def until(holds: Callable[[], bool]) -> None:
    waiting.until(holds, limit_s=60)


def test_a_paused_member_is_resumed_by_its_host_at_the_deadline(member: Sleeper) -> None:
    faults = member.faults()
    note = faults.do(fault("pause", 0.3))
    until(lambda: not faults.notes.is_active("run.1.zk1"))
    assert member.process.status() != psutil.STATUS_STOPPED
    (healed,) = faults.notes.of_run("run")
    assert healed["state"] == "healed"
    assert healed["began"] == note["began"]
    assert healed["lasted_s"] >= 0.3
    assert healed["ended"] >= healed["began"]


def test_a_fault_is_there_until_it_is_healed(member: Sleeper) -> None:
    faults = member.faults()
    faults.do(fault("pause", LONG_S))
    until(lambda: member.process.status() == psutil.STATUS_STOPPED)
    assert faults.notes.active() == ["run.1.zk1"]
    assert [note["state"] for note in faults.notes.of_run("run")] == ["begun"]
    assert faults.heal_all() == (["run.1.zk1"], [])
    until(lambda: member.process.status() != psutil.STATUS_STOPPED)
    assert faults.notes.active() == []
    assert faults.heal_all() == ([], [])
    faults.notes.forget("run")
    assert faults.notes.of_run("run") == []


def test_a_killed_member_comes_back_at_once_or_after_a_time(member: Sleeper) -> None:
    first = member.pid
    member.faults().do(fault("kill", 0.0))
    second = member.pid
    assert second != first
    assert member.faults().notes.active() == []
    member.faults().do(fault("kill", 0.3) | {"id": "run.2.zk1", "number": 2})
    until(lambda: member.pid != second)
    until(lambda: member.faults().notes.active() == [])
    assert (member.folder / "asked").read_text().split() == ["start", "start"]


def test_a_fault_waits_for_its_moment_by_the_hosts_clock(member: Sleeper) -> None:
    at = time.time() + 0.5
    note = member.faults().do(fault("pause", LONG_S, at=at, in_s=0.5))
    assert note["began"] >= at - 0.01
    assert 0 <= note["late_s"] < LONG_S
    assert member.faults().notes.read("run.1.zk1")["late_s"] == note["late_s"]


@pytest.mark.parametrize(("told", "left_s"), [({}, 0.0), ({"in_s": 3.0}, 3.0), ({"in_s": 3.0, "at": 1e9}, 3.0)])
def test_a_clock_that_was_set_meanwhile_does_not_count(told: dict[str, float], left_s: float) -> None:
    assert moment.seconds_left(told) == left_s
    assert moment.seconds_left({"in_s": 3.0, "at": time.time() + 2}) < 2.5


def test_a_restart_stops_and_starts(member: Sleeper) -> None:
    member.faults().do(fault("restart", 0.0))
    assert (member.folder / "asked").read_text().split() == ["stop", "start"]


def test_a_member_that_does_not_run_is_neither_paused_nor_noted(member: Sleeper) -> None:
    member.child.kill()
    member.child.wait()
    with pytest.raises(FaultError, match="its process does not run"):
        member.faults().do(fault("pause", LONG_S))
    assert member.faults().notes.active() == []


def test_nothing_is_done_where_the_deadline_cannot_be_set(member: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise FaultError("systemd-run failed: no bus")

    monkeypatch.setattr(deadline, "arm", refuse)
    with pytest.raises(FaultError, match="no bus"):
        member.faults().do(fault("pause", LONG_S))
    assert member.process.status() != psutil.STATUS_STOPPED
    assert [note["state"] for note in member.faults().notes.of_run("run")] == ["refused"]


def test_a_fault_is_done_once(member: Sleeper) -> None:
    member.faults().do(fault("kill", 0.0))
    with pytest.raises(FaultError, match=r"the fault run\.1\.zk1 was done before"):
        member.faults().do(fault("kill", 0.0))


def test_the_process_has_one_fault_at_a_time(member: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_of_host, "_LATE_LIMIT_S", 0.2)
    member.faults().do(fault("pause", LONG_S))
    with pytest.raises(FaultError, match=r"the fault run\.1\.zk1 is still in the member"):
        member.faults().do(fault("kill", 0.0) | {"id": "run.2.zk1"})
    assert member.faults().heal_all() == (["run.1.zk1"], [])


@pytest.mark.parametrize(
    ("first", "second"), [("delay", "bandwidth"), ("clock-step", "clock-step"), ("reconfigure", "reconfigure")]
)
def test_of_these_a_host_has_one_fault_at_a_time(
    member: Sleeper, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    monkeypatch.setattr(faults_of_host, "_LATE_LIMIT_S", 0.2)
    faults = member.faults()
    faults.notes.begin(fault(first, LONG_S))
    with pytest.raises(FaultError, match=r"the fault run\.1\.zk1 is still in the member"):
        faults.do(fault(second, LONG_S) | {"id": "run.2.zk1"})
    assert faults.notes.active() == ["run.1.zk1"]


def test_a_broken_note_keeps_no_other_fault_from_being_healed(member: Sleeper) -> None:
    member.faults().do(fault("pause", LONG_S))
    broken = member.folder / "faults" / "notes" / "a.active"
    broken.write_text("{")
    healed, problems = member.faults().heal_all()
    assert healed == ["run.1.zk1"]
    assert len(problems) == 1
    assert problems[0].startswith("a: ")
    broken.unlink()


def test_a_jvm_that_sigquit_would_end_is_not_asked(member: Sleeper) -> None:
    with subprocess.Popen([*SLEEPS, "-Xrs"]) as process:
        # The kernel tells who waits for the new program a moment before its arguments can be read.
        waiting.until(lambda: psutil.Process(process.pid).cmdline(), limit_s=60)
        with pytest.raises(FaultError, match="remove -Xrs from its options"):
            jvm.collect_garbage(identity_of(process.pid))
        assert process.poll() is None
        process.kill()
    assert member.process.is_running()


@pytest.mark.parametrize("name", ["../run", "", ".x", "a b", "x" * 300])
def test_an_id_cannot_leave_the_folder(member: Sleeper, name: str) -> None:
    with pytest.raises(FaultError, match="cannot name a fault"):
        member.faults().heal(name)


def test_a_command_prints_one_object(member: Sleeper, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(member.launcher, ["heal"]) == 0
    assert main(member.launcher, ["told", "run"]) == 0
    assert main(member.launcher, ["role", "127.0.0.1", "1"]) == 0
    assert main(member.launcher, ["heal", "../x"]) == 1
    healed, told, role, refused = map(json.loads, capsys.readouterr().out.splitlines())
    assert healed == {"healed": [], "problems": []}
    assert told == {"faults": []}
    assert role["role"] == ""
    assert "cannot name a fault" in refused["error"]


NETWORK = {
    "id": "run.1.zk1",
    "owner": "0a1b2c",
    "ports": [2888, 3888],
    "peers": [{"address": "192.0.2.7", "ports": [2889, 3889]}, {"address": "2001:db8::7", "ports": [2888, 3888]}],
    "way": "both",
    "percent": 100,
}


def test_a_partition_drops_the_ports_between_members_only() -> None:
    text = network.rules(NETWORK)
    assert "ip saddr 192.0.2.7 tcp sport { 2889, 3889 } counter name met drop" in text
    assert "ip saddr 192.0.2.7 tcp dport { 2888, 3888 } counter name met drop" in text
    assert "ip daddr 192.0.2.7 tcp dport { 2889, 3889 } counter name met drop" in text
    assert "ip daddr 192.0.2.7 tcp sport { 2888, 3888 } counter name met drop" in text
    assert "ip6 saddr 2001:db8::7 tcp sport { 2888, 3888 } counter name met drop" in text
    assert text.count("drop") == 8


def test_one_way_and_a_share_of_packets() -> None:
    text = network.rules(NETWORK | {"way": "in", "percent": 20})
    assert "hook input" in text
    assert "hook output" not in text
    assert "counter name met numgen random mod 10000 < 2000 drop" in text
    of_load = NETWORK | {"ports": [2181], "peers": [{"address": "192.0.2.9", "ports": []}]}
    assert "ip saddr 192.0.2.9 tcp dport { 2181 } counter name met drop" in network.rules(of_load)
    assert "sport { }" not in network.rules(of_load)
    with pytest.raises(FaultError, match=r"address \[no such host\.invalid\] cannot be resolved"):
        network.rules(NETWORK | {"peers": [{"address": "no such host.invalid", "ports": [1]}]})


def test_the_names_of_a_member_are_no_other_members(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "a").mkdir()
    owners = [network.owner_of(tmp_path / name) for name in ("a", "b", "link")]
    assert owners[0] == owners[2] != owners[1]
    faults = [SHAPED | {"owner": owner, "id": fault_id} for owner in owners for fault_id in ("run.1", "run.2")]
    assert len({network.table_of(fault) for fault in faults}) == 4
    assert len({shaping._ifb(fault) for fault in faults}) == 4
    assert len({shaping.taps_of(fault)["eth0"] for fault in faults}) == 4


SHAPED = NETWORK | {"devices": ["eth0"], "by_process": False}


def test_packets_of_a_limited_bandwidth_get_a_class_or_pass_another_interface() -> None:
    text = shaping.rules(SHAPED)
    out, _, inward = text.partition("table netdev")
    assert "ip daddr 192.0.2.7 tcp dport { 2889, 3889 } counter name met meta priority set 7a6b:a1b" in out
    assert "saddr" not in out
    assert 'type filter hook ingress device "eth0" priority -300; policy accept;' in inward
    assert re.search(
        r'ip saddr 192\.0\.2\.7 tcp sport \{ 2889, 3889 \} counter name met fwd to "zkf[0-9a-f]{12}"', inward
    )
    assert "daddr" not in inward
    assert "netdev" not in shaping.rules(SHAPED | {"way": "out"})
    assert "priority set" not in shaping.rules(SHAPED | {"way": "in"})


def test_packets_that_a_process_delays_pass_its_tap_both_ways() -> None:
    fault = SHAPED | {"by_process": True}
    text = shaping.rules(fault)
    assert shaping.taps_of(fault)["eth0"] in text
    assert len(shaping.taps_of(fault)["eth0"]) == 15  # what Linux takes
    assert [text.count(f"hook {hook} device") for hook in ("ingress", "egress")] == [1, 1]
    assert "priority set" not in text
    assert "ingress" not in shaping.rules(fault | {"way": "out"})


class Tools:
    """What tc and ip answer on a host whose interface has a certain qdisc."""

    def __init__(self, qdisc: str, device: str = "eth0") -> None:
        self.answers = {
            "ip": f"192.0.2.7 via 192.0.2.1 dev {device} src 192.0.2.2 uid 0 \\    cache",
            "tc": f"qdisc {qdisc} refcnt 2\nqdisc fq_codel 0: parent :1 limit 10240p\n",
        }

    def run(self, words: list[str], _limit_s: float, _text: str = "") -> str:
        return self.answers[words[0]]


@pytest.mark.parametrize("qdisc", ["mq 0: root", "noqueue 0: root", "fq_codel 0: root"])
def test_a_qdisc_of_the_kernels_choice_may_be_replaced(qdisc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shaping, "run", Tools(qdisc).run)
    assert shaping.devices({"peers": [{"address": "192.0.2.7"}]}) == ["eth0"]


@pytest.mark.parametrize(
    ("qdisc", "device", "said"),
    [
        ("fq 8001: root", "eth0", r"eth0 has a qdisc of its own \[fq 8001:\], which the fault would replace"),
        ("htb 7a6b: root", "eth0", "another delay or bandwidth is still on eth0"),
        ("mq 0: root", "lo", "192.0.2.7 is an address of this host"),
        ("mq 0: root", "x;y", "there is no route to 192.0.2.7"),
    ],
)
def test_an_interface_that_cannot_be_shaped_is_named(
    qdisc: str, device: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shaping, "run", Tools(qdisc, device).run)
    with pytest.raises(FaultError, match=said):
        shaping.devices({"peers": [{"address": "192.0.2.7"}]})


def test_how_many_packets_were_met_is_read_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    name, deleted = network.table_of(NETWORK), []

    def run(words: list[str], _limit_s: float, _text: str = "") -> str:
        if words[1:] == ["list", "tables"]:
            return f"table inet {name}\ntable netdev {name}\ntable inet filter\n"
        if words[1] == "delete":
            deleted.append(tuple(words[3:]))
            return ""
        return "table inet x {\n\tcounter met {\n\t\tpackets 20 bytes 300\n\t}\n}\n"

    monkeypatch.setattr(network, "run", run)
    note = dict(NETWORK)
    network.join(note)
    assert note["met"] == 40
    assert deleted == [("inet", name), ("netdev", name)]
    assert network.remove_tables(network.table_of(NETWORK | {"id": "another"})) is None


def test_the_deadline_holds_no_pipe_of_its_caller(member: Sleeper) -> None:
    """A connection over which a fault was done must end, although what heals it goes on."""
    code = (
        "import json, sys; from pathlib import Path\n"
        "from zk_locust.host_faults import deadline\n"
        "deadline.has_systemd = lambda: False\n"
        "from zk_locust.host_faults.cli import main\n"
        f"sys.exit(main(Path({str(member.launcher)!r}), ['do']))"
    )
    given = json.dumps(fault("pause", LONG_S))
    done = subprocess.run(
        [sys.executable, "-c", code], input=given, capture_output=True, text=True, check=True, timeout=LONG_S / 2
    )
    assert json.loads(done.stdout)["state"] == "begun"
