"""One load host's share of a run: it starts and ends, whatever happens to whom."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil
import pytest

from tests.integration.load_host import (
    COMMAND,
    DEAF,
    ORDERLY,
    SECRET,
    SLEEP,
    Host,
    processes_of,
    script,
    until,
)
from zk_locust.agent.process_identity import find
from zk_locust.contract.process_identity import identity_of
from zk_locust.contract.sent_counts import path_of

pytestmark = pytest.mark.integration

COUNTING = """
import sys, time
from zk_locust.load.tally import Tally
tally = Tally(sys.argv[1])
tally.sent[0] = 7
print("counted", flush=True)
time.sleep(300)
"""


def test_processes_may_open_as_many_files_as_the_host_lets_them(host: Host) -> None:
    said = script("import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))")
    spec = host.spec(processes=[{"name": "worker-1", "arguments": said}])
    started = host.call("start", "--spec", spec, under=["prlimit", "--nofile=256:4096"])
    assert started.returncode == 0, started.stderr
    status = host.ended()
    soft, hard = map(int, host.log("worker-1").split())
    assert soft == hard == status["open_files_limit"]
    # Root of a machine, unlike that of some containers, may raise the hard limit too.
    assert hard == 4096 or (os.geteuid() == 0 and hard > 4096)


def test_a_run_starts_runs_and_ends_by_itself(host: Host) -> None:
    quick = [{"name": f"worker-{n}", "arguments": script(f"import sys; print({n}); sys.exit({n})")} for n in (0, 3)]
    started = host.start(processes=quick)
    assert started["run_id"] == "run"
    status = host.ended()
    assert (status["state"], status["ended_by"], status["problem"]) == ("ended", "itself", None)
    assert {name: process["exit_code"] for name, process in status["processes"].items()} == {
        "worker-0": 0,
        "worker-3": 3,
    }
    assert all(process["ended"] >= status["started"] for process in status["processes"].values())
    assert (host.log("worker-0"), host.log("worker-3")) == ("0\n", "3\n")
    assert find(status["supervisor"]) is None or until(lambda: find(status["supervisor"]) is None)
    assert host.status()["state"] == "ended"


def test_a_run_is_running_until_it_has_ended(host: Host) -> None:
    status = host.start()
    assert status["state"] == host.status()["state"] == "running"
    assert all(processes_of(status))
    assert all(process["exit_code"] is None for process in status["processes"].values())
    (host.folder / "progress.json").write_text('{"stage": "measured"}')
    assert host.status()["progress"] == {"stage": "measured"}


def test_nothing_was_started_in_an_empty_folder(host: Host) -> None:
    assert host.status("nowhere") == {"state": "absent", "processes": {}, "progress": None}
    assert host.stop("nowhere")["state"] == "absent"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"state": "run'])
def test_a_status_that_a_power_loss_has_damaged_is_taken_for_missing(host: Host, content: str) -> None:
    host.folder.mkdir()
    (host.folder / "status.json").write_text(content)
    for found in (host.stop(), host.status()):
        assert (found["state"], found["processes"]) == ("absent", {})
        assert "status.json" in found["problem"]
        assert found["problem"].endswith("it counts as missing")
    (host.folder / "status.json").unlink()


def test_a_spec_that_a_power_loss_has_damaged_is_said_in_a_line(host: Host) -> None:
    file = host.spec()
    for content in ("", "{"):
        file.write_text(content)
        refused = host.call("start", "--spec", file)
        assert refused.returncode == 2
        assert "spec.json is empty or damaged" in refused.stderr
        assert refused.stderr.endswith("write it anew\n")
    assert len(refused.stderr.splitlines()) == 1


def test_a_host_does_not_start_what_another_is_to_run(host: Host) -> None:
    refused = host.call("start", "--spec", host.spec(host="load2"), "--host=load1")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "is for load host load2, not for load1: both use the same folder" in line
    assert line.endswith("set load_host_state_dir to a folder on a disk of each host's own, such as /var/tmp/zk-locust")
    assert not (host.folder / "status.json").exists()
    assert host.call("start", "--spec", host.spec(host="load1"), "--host=load1").returncode == 0
    host.stop()


def test_the_end_of_the_master_is_the_end_of_the_run(host: Host) -> None:
    master = {"name": "master", "arguments": script("import time; time.sleep(0.5)")}
    follower = {"name": "worker-1", "arguments": script("import time; time.sleep(1)")}
    host.start(processes=[master, follower], leader="master")
    status = host.ended()
    assert status["ended_by"] == "leader"
    assert [process["exit_code"] for process in status["processes"].values()] == [0, 0], "the worker had its moment"


def test_a_companion_is_neither_waited_for_nor_missed_and_has_no_secrets(host: Host) -> None:
    worker = {"name": "worker-1", "arguments": script("import time; time.sleep(1)")}
    companions = [
        {"name": "sampler", "arguments": ORDERLY, "companion": True},
        {
            "name": "gone",
            "arguments": script("import os; print(os.environ.get('ZK_LOCUST_KAZOO_SASL_OPTIONS'))"),
            "companion": True,
        },
    ]
    host.folder.mkdir()
    secrets = host.folder / "secrets.json"
    secrets.write_text(json.dumps({"ZK_LOCUST_KAZOO_SASL_OPTIONS": SECRET}))
    host.start(processes=[*companions, worker], secrets=str(secrets))
    status = host.ended(limit_s=6.0)
    assert status["ended_by"] == "itself"
    assert {name: process["exit_code"] for name, process in status["processes"].items()} == {
        "sampler": 0,
        "gone": 0,
        "worker-1": 0,
    }
    assert host.log("sampler") == "ready\norderly end\n"
    assert host.log("gone") == "None\n"


def test_a_machine_is_sampled_until_the_load_is_stopped_when_its_workers_were_killed(host: Host) -> None:
    sampler = {"name": "sampler", "arguments": ORDERLY, "companion": True}
    status = host.start(processes=[{"name": "worker-1", "arguments": SLEEP}, sampler])
    until(lambda: "ready" in host.log("sampler"))
    os.kill(status["processes"]["worker-1"]["pid"], signal.SIGKILL)
    until(lambda: host.status()["processes"]["worker-1"]["exit_code"] == -signal.SIGKILL)
    assert host.status()["state"] == "running"
    stopped = host.stop()
    assert (stopped["ended_by"], stopped["processes"]["sampler"]["exit_code"]) == ("stop", 0)
    assert not any(processes_of(status))


def test_a_machine_is_sampled_until_the_deadline_at_the_latest(host: Host) -> None:
    sampler = {"name": "sampler", "arguments": ORDERLY, "companion": True}
    status = host.start(deadline_s=1.5, processes=[{"name": "worker-1", "arguments": script("1 / 0")}, sampler])
    assert host.ended(10)["ended_by"] == "deadline"
    assert not any(processes_of(status))


def test_what_killed_workers_have_sent_is_in_the_status(host: Host, tmp_path: Path) -> None:
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        ids = [f"host_{token_hex(16)}" for _ in range(2)]
        lost = killed_workers(Host(folder), ids)
        if path_of(ids[1]).exists():
            break  # else a load that has begun elsewhere on this machine has removed what nobody asks for
    assert [process.get("sent") for process in lost["processes"].values()] == [7, 7], "also without a supervisor"
    host.start(run_id="next")
    assert not any(path_of(name).exists() for name in ids), "the next run removes what nobody asks for"


def killed_workers(host: Host, ids: list[str]) -> dict[str, Any]:
    """Kill two workers, the second one with its supervisor; return the status after a stop."""
    workers = [
        {"name": f"worker-{number}", "arguments": [*script(COUNTING), name]} for number, name in enumerate(ids, start=1)
    ]
    status = host.start(processes=workers)
    until(lambda: all("counted" in host.log(f"worker-{number}") for number in (1, 2)))
    os.kill(status["processes"]["worker-1"]["pid"], signal.SIGKILL)
    until(lambda: host.status()["processes"]["worker-1"].get("sent") == 7)
    supervisor = find(status["supervisor"])
    assert supervisor is not None
    supervisor.kill()
    until(lambda: not any(processes_of(status)), limit_s=5)
    return host.stop()


def test_a_run_that_ends_leaves_no_count_of_its_workers(host: Host) -> None:
    name = f"host_{token_hex(16)}"
    status = host.start(processes=[{"name": "worker-1", "arguments": [*script(COUNTING), name]}])
    until(lambda: "counted" in host.log("worker-1"))
    os.kill(status["processes"]["worker-1"]["pid"], signal.SIGKILL)
    ended = host.ended()
    assert (ended["ended_by"], ended["processes"]["worker-1"]["sent"]) == ("itself", 7)
    assert not path_of(name).exists()


def test_a_master_that_has_ended_does_not_wait_for_companions(host: Host) -> None:
    master = {"name": "master", "arguments": script("import time; time.sleep(0.3)")}
    sampler = {"name": "sampler", "arguments": ORDERLY, "companion": True}
    host.start(processes=[master, sampler], leader="master")
    status = host.ended(limit_s=6.0)  # before followers lose patience
    assert (status["ended_by"], status["processes"]["sampler"]["exit_code"]) == ("leader", 0)


def test_stop_ends_the_master_first_and_in_good_order(host: Host) -> None:
    processes = [{"name": "master", "arguments": ORDERLY}, {"name": "worker-1", "arguments": ORDERLY}]
    status = host.start(processes=processes, leader="master")
    until(lambda: "ready" in host.log("master") and "ready" in host.log("worker-1"))
    began = time.monotonic()
    stopped = host.stop()
    assert time.monotonic() - began < 10, "nobody had to be killed"
    assert (stopped["state"], stopped["ended_by"]) == ("ended", "stop")
    assert "orderly end" in host.log("master")
    assert "orderly end" in host.log("worker-1")
    ends = {name: process["ended"] for name, process in stopped["processes"].items()}
    assert ends["master"] < ends["worker-1"]
    assert not any(processes_of(status))
    assert host.stop() == stopped, "to stop again changes nothing"


def test_the_deadline_ends_everything(host: Host) -> None:
    status = host.start(deadline_s=1.0, processes=[{"name": "worker-1", "arguments": ORDERLY}])
    ended = host.ended(10)
    assert ended["ended_by"] == "deadline"
    assert not any(processes_of(status))


def test_a_process_that_does_not_listen_is_killed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    # In this process, with shorter patience than the command line has.
    from zk_locust.agent import supervisor
    from zk_locust.agent.spec import HostRunSpec

    for patience in ("LEADER_S", "OTHERS_S"):
        monkeypatch.setattr(supervisor, patience, 0.3)
    spec = HostRunSpec.read(host.spec(deadline_s=1.5, processes=[{"name": "worker-1", "arguments": DEAF}]))
    supervisor.start_detached(spec)
    until(lambda: "ready" in host.log("worker-1"))
    assert host.ended(10)["processes"]["worker-1"]["exit_code"] == -signal.SIGKILL


def test_a_leader_is_asked_once_and_given_the_time_that_it_has_left(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zk_locust.agent import supervisor
    from zk_locust.agent.spec import HostRunSpec

    monkeypatch.setattr(supervisor, "LEADER_S", 0.3)
    # As a master that removes a large tree: it ends later than the patience after a deadline would let it.
    slow = script(
        "import signal, sys, time\n"
        "def end(*_): print('asked', flush=True); time.sleep(1.5); print('orderly end', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(300)"
    )
    processes = [{"name": "master", "arguments": slow}, {"name": "worker-1", "arguments": ORDERLY}]
    supervisor.start_detached(HostRunSpec.read(host.spec(processes=processes, leader="master")))
    until(lambda: "ready" in host.log("master") and "ready" in host.log("worker-1"))
    status = host.stop()
    assert host.log("master").splitlines() == ["ready", "asked", "orderly end"]
    assert {name: process["exit_code"] for name, process in status["processes"].items()} == {"master": 0, "worker-1": 0}


def test_a_load_has_ended_60_s_after_its_planned_end() -> None:
    from zk_locust.agent.supervisor import KILL_S, LEADER_S, OTHERS_S
    from zk_locust.contract.run_plan import ENDING_S, deadline_s

    assert LEADER_S + OTHERS_S + KILL_S == ENDING_S
    assert deadline_s(30.0) + ENDING_S < 30.0 + 60


def test_what_was_killed_leaves_the_host_free_and_no_process(host: Host) -> None:
    status = host.start(processes=[{"name": "worker-1", "arguments": DEAF}, {"name": "worker-2", "arguments": SLEEP}])
    supervisor = find(status["supervisor"])
    assert supervisor is not None
    supervisor.kill()
    until(lambda: not any(processes_of(status)), limit_s=5)
    lost = host.status()
    assert lost["state"] == "lost"
    assert host.stop()["state"] == "lost"
    assert host.start(run_id="next")["state"] == "running"


def test_the_run_does_not_end_with_the_session_that_started_it(host: Host) -> None:
    file = host.spec()
    starter = subprocess.Popen(
        [*COMMAND, "start", "--spec", str(file)], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    output, _ = starter.communicate(timeout=30)
    status = json.loads(output)
    with pytest.raises(ProcessLookupError):
        os.killpg(starter.pid, signal.SIGHUP)  # nobody of the session is left
    supervisor = find(status["supervisor"])
    assert supervisor is not None
    supervisor.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert host.status()["state"] == "running"


def test_the_starter_is_not_kept_waiting_by_open_files(host: Host) -> None:
    """`ssh` waits until nobody holds its pipes: the supervisor must not."""
    starter = subprocess.Popen(
        [*COMMAND, "start", "--spec", str(host.spec())], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = starter.communicate(timeout=60)
    assert starter.returncode == 0, err
    assert b'"running"' in out


def test_a_secret_reaches_the_process_and_nothing_else(host: Host) -> None:
    secrets = host.runs / "secrets.json"
    secrets.write_text(json.dumps({"ZK_LOCUST_PASSWORD": SECRET}))
    secrets.chmod(0o600)
    report = script(
        "import os, time; print(len(os.environ['ZK_LOCUST_PASSWORD']), os.environ['ZK_LOCUST_KEY_SIZE'], flush=True); "
        "time.sleep(300)"
    )
    processes = [{"name": "master", "arguments": report, "environment": {"ZK_LOCUST_KEY_SIZE": "4"}}]
    status = host.start(secrets=str(secrets), processes=processes)
    assert not secrets.exists()
    assert until(lambda: host.log("master")) == f"{len(SECRET)} 4\n"
    listed = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert any("time.sleep(300)" in command for command in listed)
    assert not any(SECRET in command for command in listed)
    assert SECRET not in json.dumps(status) + json.dumps(host.stop())
    written = [file for file in host.runs.rglob("*") if file.is_file()]
    assert len(written) >= 4
    assert not [file for file in written if SECRET in file.read_text(errors="replace")]


def test_a_process_has_the_parameters_of_its_plan_only(host: Host) -> None:
    report = script("import os; print(sorted(k for k in os.environ if k.startswith(('ZK_', 'LOCUST_', 'KAZOO_'))))")
    host.start(processes=[{"name": "worker-1", "arguments": report, "environment": {"ZK_LOCUST_KEY_SIZE": "4"}}])
    host.ended()
    assert host.log("worker-1") == "['ZK_LOCUST_KEY_SIZE']\n"


def test_a_master_that_cannot_listen_is_refused_before_anything_is_started(host: Host) -> None:
    secrets = host.runs / "secrets.json"
    secrets.write_text(json.dumps({"PASSWORD": SECRET}))
    listens = {"host": "192.0.2.1", "port": 5557}
    refused = host.call("start", "--spec", host.spec(secrets=str(secrets), listens=listens))
    assert refused.returncode == 2
    assert refused.stderr.startswith("zk-locust: locust_master_bind_host [192.0.2.1]: this host cannot listen there (")
    assert refused.stderr.count("\n") == 1
    assert not secrets.exists()
    assert not (host.folder / "status.json").exists()
    host.start(listens={"host": "127.0.0.1", "port": 0})
    host.call("stop", "--folder", host.folder)


def test_secrets_of_a_share_that_was_never_started_are_removed_when_it_is_stopped(host: Host) -> None:
    secrets = host.spec().with_name("secrets.json")
    secrets.write_text(json.dumps({"PASSWORD": SECRET}))
    assert host.call("stop", "--folder", host.folder).returncode == 0
    assert not secrets.exists()


@pytest.mark.parametrize("bad", ["not JSON", "[1]", None])
def test_secrets_that_cannot_be_used_end_the_start_with_a_line_and_are_removed(host: Host, bad: str | None) -> None:
    secrets = host.runs / "secrets.json"
    if bad is not None:
        secrets.write_text(bad + SECRET)
    refused = host.call("start", "--spec", host.spec(secrets=str(secrets)))
    assert refused.returncode == 2
    assert refused.stderr.startswith("zk-locust: the run's processes cannot be started: ")
    assert str(secrets) in refused.stderr
    assert SECRET not in refused.stderr + host.log("supervisor")
    assert not secrets.exists()


def test_a_program_that_is_not_there_is_said_at_once_and_nothing_is_left(host: Host) -> None:
    processes = [{"name": "worker-1", "arguments": SLEEP}, {"name": "master", "arguments": ["/no/such/program"]}]
    began = time.monotonic()
    refused = host.call("start", "--spec", host.spec(processes=processes, leader="master"))
    assert time.monotonic() - began < 10
    assert refused.returncode == 2
    assert (
        "the run's processes cannot be started: [Errno 2] No such file or directory: '/no/such/program'"
        in refused.stderr
    )
    assert len(refused.stderr.splitlines()) == 1
    ended = host.ended()
    assert ended["ended_by"] == "failure"
    assert not any(processes_of(ended))
    assert "Traceback" in host.log("supervisor")


@pytest.mark.parametrize(
    "content", ["", "not JSON", "[]", "{}", '{"run_id": 1}', '{"run_id":"a","owner":"b","folder":3}']
)
def test_a_spec_that_cannot_be_used_is_one_line(host: Host, content: str) -> None:
    file = host.runs / "spec.json"
    file.write_text(content)
    refused = host.call("start", "--spec", file)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"zk-locust: --spec [{file}]: it cannot be used")
    assert len(refused.stderr.splitlines()) == 1


def test_a_process_that_has_another_ones_id_is_not_touched(host: Host) -> None:
    """The supervisor has died, and another process has its id."""
    status = host.start()
    supervisor = find(status["supervisor"])
    assert supervisor is not None
    supervisor.kill()
    until(lambda: find(status["supervisor"]) is None)
    stranger = subprocess.Popen(SLEEP)
    try:
        file = host.folder / "status.json"
        content = json.loads(file.read_text())
        content["supervisor"] = {"pid": stranger.pid, "start_ticks": identity_of(stranger.pid).start_ticks - 1}
        file.write_text(json.dumps(content))
        assert host.stop()["state"] == "lost"
        assert stranger.poll() is None
        assert find(identity_of(stranger.pid)._asdict()) is not None
    finally:
        stranger.kill()
        stranger.wait(60)
    content["supervisor"] = {"pid": stranger.pid, "start_ticks": content["supervisor"]["start_ticks"] + 1}
    assert find(content["supervisor"]) is None


def test_a_process_that_has_ended_and_was_not_waited_for_is_found_no_more() -> None:
    child = subprocess.Popen(SLEEP)
    identity = identity_of(child.pid)._asdict()
    assert find(identity) is not None
    child.kill()
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert find(identity) is None
    child.wait(60)
    assert find(identity) is None
    assert find(None) is None
