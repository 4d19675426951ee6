"""Tables and lines, as people see them; and what an overview of a load host means."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import Exit

import fabfile
from fleet import leases
from fleet.errors import InputError
from fleet.hosts import Answer
from fleet.inventory import HostVariables, Inventory
from fleet.load_hosts import LoadHost, folder_words
from fleet.logs import AS_OWNER, LogFile, choose, parse, print_plain, tails
from fleet.members import Member
from fleet.progress import clock
from fleet.run_lines import lease_lines, run_lines
from fleet.status import NOTHING, Fleet, as_json, as_text
from fleet.tunnel import web_address

GIB = 2**30
MACHINE = {
    "cores": 2, "load_average": [1.906, 1, 1], "cpu_percent": 97.6,
    "memory_total_bytes": 8 * GIB, "memory_available_bytes": 6.5 * GIB,
}  # fmt: skip


def process(name: str, cpu_percent: float = 10.0) -> dict[str, Any]:
    return {"name": name, "pid": 1, "cpu_percent": cpu_percent, "rss_bytes": GIB, "open_files": 9}


def run(run_id: str = "R1", state: str = "running", **values: Any) -> dict[str, Any]:
    return {
        "run_id": run_id, "state": state, "owner": "ada@desk", "started": "2026-11-24T03:15:00+00:00",
        "progress": None, "processes": [],
    } | values  # fmt: skip


LEASE = {"run_id": "R9", "owner": "bob@desk", "since": "2026-11-24T03:00:00Z", "until": "2026-11-24T03:30:00Z"}


def load_host(
    name: str = "load1", *runs: dict[str, Any], lock: str | None = None, lease: dict[str, str] | None = None
) -> LoadHost:
    overview = {"time": "2026-11-24T03:16:10+00:00", "lock": lock, "runs": list(runs), "host": MACHINE}
    return LoadHost(name, ("workers",), "/state/load", overview=overview, lease=lease)


def fleet(members: list[Member], hosts: list[LoadHost]) -> Fleet:
    return Fleet(Inventory(["inventory/lab"], {}, {}, HostVariables("localhost", {})), members, hosts)


def test_a_sound_fleet() -> None:
    members = [
        Member("zk1", "192.0.2.1:2181", "leader", "", "0x2a", 1033, 0, (0, 0.4263, 12), 25, "3.8.0"),
        Member("zk2", "192.0.2.2:2181", "observer", "", "0x29", 0, 0, None, 25, "3.8.0"),
    ]
    busy = run(processes=[process("worker-1", 60.2), process("worker-2", 90.4), process("master")])
    found = fleet(members, [load_host("load1", busy, lock="run R1 of ada@desk since …"), load_host("load2")])
    assert found.sound
    assert as_text(found) == [
        "member  address         role      zxid  clients  queue  ms min/avg/max  nodes  version",
        "──────  ──────────────  ────────  ────  ───────  ─────  ──────────────  ─────  ───────",
        "zk1     192.0.2.1:2181  leader    0x2a    1,033      0      0/0.426/12     25    3.8.0",
        f"zk2     192.0.2.2:2181  observer  0x29        0      0               {NOTHING}     25    3.8.0",
        "",
        "host   role     lock  processes              CPU    machine  load  memory GiB",
        "─────  ───────  ────  ───────────────────  ─────  ─────────  ────  ──────────",
        "load1  workers  held  1 master, 2 workers  161 %  98 % of 2  1.91     1.5/8.0",
        "load2  workers  free  none                        98 % of 2  1.91     1.5/8.0",
        "",
        "Run R1 of ada@desk, started 2026-11-24 03:15:00 UTC (1:10 ago)",
        "  on load1: no figures yet",
    ]


def test_what_is_wrong_takes_the_rest_of_its_row_and_no_more_columns() -> None:
    reason = "not running: Connection refused, and much more that would not fit into a column"
    hosts = [LoadHost("load1", ("master", "workers"), problem="no route to it", reached=False)]
    found = fleet([Member("zk1", "a:1", problem=reason), Member("zk2", "a:2", "leader", "", "0x1")], hosts)
    assert not found.sound
    lines = as_text(found)
    assert lines[2].startswith("zk2     a:2      leader  0x1 ")
    assert lines[3] == f"zk1     a:1      {reason}"
    assert lines[-1] == "load1  master, workers  unreachable: no route to it"


@pytest.mark.parametrize("hosts", [[LoadHost("load1", ("master",), problem="not provisioned")], [load_host()]])
def test_a_host_that_nobody_has_provisioned_is_no_failure(hosts: list[LoadHost]) -> None:
    assert fleet([], hosts).sound
    assert not fleet([Member("zk1", "a:1", problem="not running: …")], hosts).sound


def test_a_run_that_holds_hosts_without_a_load_is_shown() -> None:
    members = [Member("zk1", "a:1", "leader", lease=LEASE), Member("zk2", "a:2", problem="not running", lease=None)]
    bare = LoadHost("load2", ("workers",), problem="not provisioned", lease=LEASE)
    lines = as_text(fleet(members, [load_host("load1", lease=LEASE), bare, load_host("load3")]))
    assert [line.split()[2] for line in lines if line.startswith(("load1 ", "load3 "))] == ["held", "free"]
    assert lines[-2:] == [
        "",
        "zk1, load1, load2: held by run R9 of bob@desk since 2026-11-24T03:00:00Z, until 2026-11-24T03:30:00Z at the"
        " latest (no load is running)",
    ]
    found = as_json(fleet(members, [bare]))
    assert found["members"][0]["lease"] == found["load_hosts"][0]["lease"] == LEASE


def test_a_run_that_loads_the_hosts_is_shown_once() -> None:
    loading = load_host("load1", run("R9"), lock="run R9 of bob@desk since …", lease=LEASE)
    lines = as_text(fleet([Member("zk1", "a:1", "leader", lease=LEASE)], [loading]))
    assert not [line for line in lines if "held by" in line]
    assert [line for line in lines if "R9" in line] == [
        "Run R9 of ada@desk, started 2026-11-24 03:15:00 UTC (1:10 ago)"
    ]


@pytest.mark.parametrize(
    "shown",
    ["", "now", "1000\n", "1000\n{", "1000\n[]", '1000\n{"run_id": "R9"}', '1000\n{"run_id": "R9", "until_s": 999}'],
)
def test_a_lease_that_is_over_or_says_nothing_holds_nothing(shown: str) -> None:
    assert leases.parse(shown) is None


def test_a_lease_is_judged_by_the_clock_of_its_host() -> None:
    text = json.dumps(LEASE | {"until_s": 1000.5, "controller": {"pid": 1}})
    assert leases.parse(f"1000\n{text}\n") == LEASE
    assert leases.parse(f"1001\n{text}\n") is None


def test_members_that_are_named_by_their_address_have_no_second_column_for_it() -> None:
    assert as_text(fleet([Member("a:1", "", "leader"), Member("b:1", "", problem="gone")], []))[0].startswith(
        "member  role "
    )


def test_the_command_that_adopts_a_run_is_one_line_in_any_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((80, 24)))
    monkeypatch.setattr("fleet.status.place_of", lambda *_: "unknown")
    lines = as_text(fleet([], [load_host("load1", run("20261124T031500Z-quick", "ended"))]))
    assert max(map(len, lines[:3])) <= 80
    adopt = "`ansible-playbook playbooks/collect.yml -i inventory/lab -e run_record_adopt=20261124T031500Z-quick` here"
    assert lines[-1].endswith(adopt)


def test_json_holds_what_the_table_shows() -> None:
    found = as_json(fleet([Member("zk1", "a:1", "leader", latency_ms=(0, 1, 2))], [load_host()]))
    assert found["sound"] is True
    assert found["members"][0]["latency_ms"] == (0, 1, 2)
    assert found["load_hosts"][0]["overview"]["host"] == MACHINE


def test_lines_about_runs() -> None:
    progress = {
        "stage": "measured",
        "time_left_s": 3725,
        "users": 1200,
        "rate_per_s": 12345.6,
        "p99_us": 12345,
        "failures": 1,
    }
    hosts = [
        load_host("load1", run("R2", progress=progress), run("R0", "ended")),
        load_host("load2", run("R2"), run("R1", "lost")),
        load_host("load3", lock="something else"),
    ]
    assert run_lines(hosts, "-i inventory/lab") == [
        "Run R2 of ada@desk, started 2026-11-24 03:15:00 UTC (1:10 ago)",
        "  on load1, load2: measured, 1:02:05 left, 1,200 users, 12,346 op/s, p99 12.3 ms, 1 failure",
        "load3 is held by something else",
        "Run R0 of ada@desk: it has ended; its files are still on load1",
        "  `ansible-playbook playbooks/collect.yml -i inventory/lab` fetches them",
        "Run R1 of ada@desk: it was lost; its files are still on load2",
        "  `ansible-playbook playbooks/collect.yml -i inventory/lab` fetches them",
    ]


def test_what_hosts_say_of_their_runs_is_plain_text() -> None:
    orders = "\x1b[2J\n\x1b]0;owned\x07"
    progress = {"stage": f"measured{orders}", "absent": [orders] * 100_000}
    loading = run(f"R2{orders}", progress=progress, owner=f"ada{orders}", started=orders)
    hosts = [
        load_host("load1", loading, run(f"R0{orders}; reboot", f"odd{orders}", owner=orders)),
        load_host("load2", run("R3", progress={"workers": orders})),
        load_host("load3", lock=orders, lease={key: value + orders for key, value in LEASE.items()}),
    ]
    lines = run_lines(hosts, "-i inventory/lab", lambda _: "unknown") + lease_lines(hosts)
    assert all(line.isprintable() and len(line) < 1500 for line in lines), lines
    assert "run_record_adopt='R0 [2J ]0;owned ; reboot'" in " ".join(lines)
    assert "and 99,980 more" in lines[1]


def test_the_last_line_of_a_complaint_is_plain_text() -> None:
    assert Answer(1, "", "first\nsecond\x1b[2J\x07 \n").reason == "second [2J"
    assert Answer(1, "\x1b", "").reason == ""


def test_fab_shows_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    fabfile._show(["one\x1b[2J", "two\nlines\r"])
    assert capsys.readouterr().out == "one?[2J\ntwo?lines?\n"
    with pytest.raises(Exit) as end:
        fabfile._read(["/no\x1b[2J/inventory"], lambda _: 0)
    assert str(end.value).isprintable()


def test_a_run_whose_record_is_broken_is_shown_all_the_same() -> None:
    broken = run("R1", "unreadable", owner=None, started=None)
    assert run_lines([load_host("load1", broken)], "")[0].startswith(
        "Run R1 of an unknown user: its state is unreadable"
    )
    early = run("R1", owner=None, started=None, progress={"stage": "", "workers": 1})
    assert run_lines([load_host("load1", early)], "") == [
        "Run R1 of an unknown user, started at an unknown time",
        "  on load1: waiting for workers, 1 ready",
    ]


def test_the_folder_of_the_load_is_the_roles() -> None:
    assert folder_words(HostVariables("a", {"load_host_state_dir": "/my state"})) == (
        "state='/my state'; folder=\"$state/load\""
    )
    assert "state=/var/lib/zk-locust;" in folder_words(HostVariables("a", {"load_host_state_dir": ""}))


def test_logs_that_are_listed_and_chosen() -> None:
    files = parse(
        "# /runs/R1\n120 1763953200 /runs/R1/master.log\n0 1763953200 /runs/R1/worker 1.log\n"
        "9 1763953200 /runs/R1/secrets.json\n9 1763953200 /runs/R1/gc.log\n9 1763953200 /runs/R1/status.json\n"
    )
    assert [file.name for file in files] == ["master.log", "worker 1.log", "gc.log", "status.json"]
    assert files[0].written == "2025-11-24 03:00:00 UTC"
    assert [file.name for file in choose(files, [])] == ["master.log"], "what is empty is left out"
    assert [file.name for file in choose(files, ["gc.log"])] == ["gc.log"]
    with pytest.raises(InputError, match=r"--file \[mastre.log\] is not on this host, did you mean master.log\?"):
        choose(files, ["mastre.log"])
    assert choose([LogFile("/a/other", 1, "")], []) == [LogFile("/a/other", 1, "")]


@pytest.mark.parametrize(
    ("bind_host", "port", "seen"),
    [(None, 8089, ("127.0.0.1", 8089)), ("*", "80", ("127.0.0.1", 80)), ("192.0.2.1", 80, ("192.0.2.1", 80))],
)
def test_where_the_web_ui_is_seen_from(bind_host: object, port: object, seen: tuple[str, int]) -> None:
    assert web_address(bind_host, port) == seen
    with pytest.raises(InputError, match=r"locust_web_port \[http\] must be a port"):
        web_address(bind_host, "http")


def test_clocks() -> None:
    assert [clock(seconds) for seconds in (-1, 45.4, 3725)] == ["0:00", "0:45", "1:02:05"]


def test_logs_are_read_as_the_folders_owner_and_reach_the_terminal_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "zookeeper.log"
    log.write_text("one\n\x1b]0;owned\x07two\n")
    commands = tails([LogFile(str(log), 9, "")], 1, follow=False)
    done = subprocess.run(
        ["sh", "-c", f"{AS_OWNER}; {commands[0]}"], capture_output=True, text=True, timeout=30, check=True
    )
    print_plain(done.stdout)
    assert capsys.readouterr().out == "?]0;owned?two\n"
    if os.geteuid() == 0:
        # As in a folder of the service user, who has put a link to a file of root's there.
        secret = tmp_path.parent / "secret"
        secret.write_text("hunter2")
        secret.chmod(0o600)
        log.unlink()
        log.symlink_to(secret)
        os.chown(tmp_path, 65534, 65534)
        refused = subprocess.run(
            ["sh", "-c", f"{AS_OWNER}; {commands[0]}"], capture_output=True, text=True, timeout=30, check=False
        )
        assert refused.returncode != 0
        assert "hunter2" not in refused.stdout
