"""What preflight says about hosts, and how it says it."""

from typing import Any

import pytest

from zk_locust.contract.inventory.answers import answer_problems, told_by
from zk_locust.contract.inventory.any_host import folder_problems, port_problems, python_problems
from zk_locust.contract.inventory.load_hosts import load_limit_problems, users_lines
from zk_locust.contract.inventory.member_host import member_host_problems, open_secret_warnings, unit_path_problems
from zk_locust.contract.inventory.preflight import after_hosts, joined, problem_report, scenario_request

GOOD_PROBE: dict[str, Any] = {
    "java": {"path": "/usr/bin/java", "major": 17, "error": ""},
    "files": {},
    "folders": {"/state": {"writable": True, "free_mb": 5000, "error": ""}},
}
WANTED: dict[str, Any] = {
    "method": "archive",
    "can_install": False,
    "packaged": False,
    "java": "",
    "home": "",
    "version": "",
    "jars": [],
    "folders": {"zookeeper_state_dir": "/state"},
    "free_disk_mb": 1024,
    "python_version": "3.11.2",
    "ports": {"zookeeper_client_port": 2181},
}


@pytest.mark.parametrize(
    ("probe", "wanted", "expected"),
    [
        ({}, {"python_version": "3.8.10"}, "z: Python [3.8.10] is too old: members need 3.9 or newer"),
        ({}, {"method": "package"}, "z: zookeeper_install_method [package] needs root"),
        (
            {"files": {"/opt/zk": False}},
            {"method": "existing", "home": "/opt/zk"},
            "z: zookeeper_home [/opt/zk] does not",
        ),
        (
            {"java": {"path": "", "major": 0, "error": "there is no java"}},
            {},
            "z: no Java [there is no java], and no root to install it; install a Java runtime",
        ),
        (
            {"folders": {"/state": {"writable": False, "free_mb": 0, "error": "/state is not a folder"}}},
            {},
            "z: zookeeper_state_dir [/state] cannot be written: /state is not a folder",
        ),
        (
            {"folders": {"/state": {"writable": True, "free_mb": 1023, "error": ""}}},
            {},
            "z: zookeeper_state_dir [/state] has 1023 MB of free disk, 1024 MB are wanted",
        ),
    ],
)
def test_a_members_host(probe: dict[str, Any], wanted: dict[str, Any], expected: str) -> None:
    found = member_host_problems("z", GOOD_PROBE | probe, [], WANTED | wanted)
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize("jar", ["/zk/lib/zookeeper-3.8.0.jar", "/usr/share/java/zookeeper-3.8.0.jar"])
def test_an_installation_of_another_version_is_refused(jar: str) -> None:
    probe = GOOD_PROBE | {"files": {"/zk": True}}
    jars = [jar, "/zk/lib/zookeeper-jute-3.8.0.jar", "/zk/lib/zookeeper-it-3.9.3.jar"]
    existing = WANTED | {"method": "existing", "home": "/zk", "version": "3.9.3", "jars": jars}
    (problem,) = member_host_problems("z", probe, [], existing)
    assert problem.startswith(
        "z: zookeeper_version [3.9.3] is not what zookeeper_home [/zk] holds, which is 3.8.0; correct the version"
    )
    assert member_host_problems("z", probe, [], existing | {"version": "3.8.0"}) == []
    assert member_host_problems("z", probe, [], existing | {"version": ""}) == []
    assert member_host_problems("z", probe, [], existing | {"jars": []}) == [], "its release is not known"


def test_fewer_users_than_workers_are_refused() -> None:
    chosen: dict[str, dict[str, Any]] = {name: {"locust_processes": 2} for name in "mwv"}
    (problem,), _ = users_lines(3, {"m": 0, "w": 2, "v": 2}, chosen)
    assert problem.startswith("controller: users [3] are fewer than the workers [4: w 2, v 2]")
    assert users_lines(4, {"w": 2, "v": 2}, chosen)[0] == []


def test_fewer_users_than_workers_of_the_default_are_a_warning() -> None:
    hosts: dict[str, dict[str, Any]] = {"w": {}, "v": {"locust_processes": "4"}}
    assert users_lines(32, {"w": 64, "v": 4}, hosts)[0] == []
    _, (warning,) = users_lines(32, {"w": 64, "v": 4}, hosts)
    assert warning.startswith("controller: users [32] are fewer than the workers [68: w 64, v 4]")
    assert users_lines(68, {"w": 64, "v": 4}, hosts)[1] == []
    assert users_lines(3, {"w": 64, "v": 4}, hosts)[1] == [], "it is a problem then"


def test_a_good_host_has_no_problem() -> None:
    assert member_host_problems("z", GOOD_PROBE, [], WANTED) == []


def test_what_root_can_install_is_no_problem() -> None:
    without_java = GOOD_PROBE | {"java": {"path": "", "major": 0, "error": "there is no java"}}
    assert member_host_problems("z", without_java, [], WANTED | {"can_install": True, "method": "package"}) == []
    assert len(member_host_problems("z", without_java, [], WANTED | {"can_install": True, "java": "/x"})) == 1


def test_ports_are_free_or_the_members_own() -> None:
    listener = {"port": 2181, "address": "0.0.0.0", "pid": 42, "command": "java -jar other.jar", "own": False}
    ports = {"zookeeper_client_port": 2181, "zookeeper_admin_port": 8080}
    assert port_problems("z", [listener], ports) == [
        "z: zookeeper_client_port [2181] is in use by process 42 (java -jar other.jar); stop it, or use another port"
    ]
    assert port_problems("z", [listener | {"own": True}], ports) == []
    [other] = port_problems("z", [listener | {"run": "20260101T000000Z-quick"}], ports)
    assert (
        f"process {listener['pid']} of run 20260101T000000Z-quick; wait for its end (`fab status` shows it), or"
        in other
    )
    [unseen] = port_problems("z", [listener | {"pid": None}], ports)
    assert "in use by another user's process" in unseen


def test_python_versions_are_compared_as_numbers() -> None:
    assert python_problems("w", "3.11.0", "3.11", "load hosts") == []
    assert python_problems("w", "3.9.2", "3.11", "load hosts") != []


def test_folders_without_a_wish_for_room() -> None:
    assert folder_problems("c", "x", "/", {"writable": True, "free_mb": 0, "error": ""}) == []


def test_all_hosts_are_heard() -> None:
    groups = {"zookeeper": ["z", "y"], "locust_master": ["m"], "locust_workers": ["m", "w", "v", "u"]}
    facts = {"ansible_facts": {"ansible_python_version": "3.11.2"}}
    hostvars: dict[str, dict[str, Any]] = {name: {} for name in "zymwvu"} | {
        "z": {"ansible_host": "198.18.0.1"},
        "w": {"ansible_python_interpreter": "/usr/bin/python9"},
    }
    reached: dict[str, dict[str, Any]] = {
        "z": {"unreachable": True, "msg": "no\nroute"},
        "y": {"skipped": True},  # a member of an external ensemble
        "m": facts,
        "w": {"msg": "No module"},
        "v": facts,
        "u": {"skipped": True, "msg": "not asked"},
    }
    found = answer_problems(groups, hostvars, reached, {"m": {"problems": ["m: disk"]}, "v": {}})
    assert [problem.split(";")[0] for problem in found] == [
        "z: ansible_host [198.18.0.1] cannot be reached: no route",
        "m: disk",
        "w: ansible_python_interpreter [/usr/bin/python9] runs no Ansible module: No module",
        "v: its probes failed",
        "u: ansible_python_interpreter [found by Ansible] runs no Ansible module: not asked",
    ]


PREMATURE = "Task failed: Premature end of stream waiting for become success.\n>>> Standard Error\n"


@pytest.mark.parametrize(
    ("answer", "meaning", "remedy"),
    [
        ({"msg": f"{PREMATURE}/bin/sh: 1: sudo: not found"}, "there is no sudo for it", "install sudo there, or set"),
        ({"module_stderr": "bash: line 1: sudo: command not found"}, "there is no sudo for it", "install sudo"),
        ({"module_stderr": "zsh: command not found: sudo"}, "there is no sudo for it", "install sudo"),
        ({"msg": f"{PREMATURE}sudo: sorry, you must have a tty to run sudo"}, "sudo wants a terminal", "requiretty"),
        (
            {"module_stdout": "Sorry, user ada is not allowed to execute '/bin/sh -c echo' as root on zk1."},
            "ada may not become root (",
            "allow ada every command in sudoers",
        ),
        ({"module_stderr": "ada is not in the sudoers file."}, "ada may not become root (", "allow ada every command"),
        ({"msg": "Missing sudo password"}, "without a password", "ansible_become_password"),
        ({"module_stderr": "sudo: a password is required"}, "without a password", "ansible_become_password"),
        (
            {"msg": f"{PREMATURE}sudo: effective uid is not 0, is it a setuid program?"},
            "ada does not become root",
            "see that `sudo -n true` works there for ada",
        ),
    ],
)
def test_a_user_who_does_not_become_root_is_told_so_and_not_to_install_python(
    answer: dict[str, str], meaning: str, remedy: str
) -> None:
    answer = {"msg": "Module result deserialization failed: No start of json char found"} | answer
    (line,) = answer_problems({"zookeeper": ["z"]}, {"z": {"ansible_user": "ada"}}, {"z": answer}, {})
    assert line.startswith("z: ansible_become [true]: ")
    assert meaning in line
    assert remedy in line.rpartition("); ")[2]


def test_of_all_that_ssh_said_only_the_reason_is_shown() -> None:
    said = "Warning: Permanently added 'h' to the list of known hosts.\nbash: line 1: sudo: command not found\n"
    answer = {"msg": "Module result deserialization failed", "module_stderr": said}
    (line,) = answer_problems({"zookeeper": ["z"]}, {"z": {}}, {"z": answer}, {})
    assert "there is no sudo for it (bash: line 1: sudo: command not found); install" in line


def test_a_host_without_python_is_not_taken_for_one_without_root() -> None:
    said = {"msg": "The module interpreter '/usr/bin/python3' was not found.", "module_stderr": "/bin/sh: 1: not found"}
    (line,) = answer_problems({"zookeeper": ["pseudo"]}, {"pseudo": {}}, {"pseudo": said}, {})
    assert "runs no Ansible module" in line


def test_the_report_counts_and_joins() -> None:
    assert joined(["a: no Java", "b: no Java", "a: no disk", "a: no Java"]) == ["a, b: no Java", "a: no disk"]
    assert problem_report(["a: no Java", "b: no Java"])[1:4] == [
        "preflight found 1 problem; nothing was started",
        "",
        "  1. a, b: no Java",
    ]
    assert "preflight found 2 problems; nothing was started" in problem_report(["a: x", "b: y"])


def test_only_overrides_that_are_set_are_sent() -> None:
    variables: dict[str, Any] = {
        "benchmark_users": 0,
        "benchmark_run_time": None,
        "benchmark_label": "x",
        "benchmark_parameters": {},
    }
    assert scenario_request(variables, "/scenarios", True) == {
        "managed": True,
        "max_buffer_bytes": None,
        "scenario": "quick",
        "scenarios_dir": "/scenarios",
        "overrides": {"users": 0, "parameters": {}},
    }
    assert scenario_request({"benchmark_scenario": "/my.yml"}, "/s", False)["scenario"] == "/my.yml"


LOAD = {"users": 8000, "client": "kazoo", "workers": 2, "all_workers": 4, "members": 3, "set_limits": False}
LIMITS = {"open_files": 4096, "ports": [32768, 60999], "root": False}


def test_a_limit_of_open_files_that_would_cap_the_load() -> None:
    (line,) = load_limit_problems("load1", LIMITS, LOAD)
    assert line.startswith("load1: limit of open files [4096] is too low for 2000 sessions in a worker, 6200")
    assert load_limit_problems("load1", LIMITS, LOAD | {"client": "native"}) == []
    assert load_limit_problems("load1", LIMITS | {"root": True}, LOAD) == []  # the run raises it for itself
    assert load_limit_problems("load1", LIMITS | {"open_files": 0}, LOAD) == []
    assert load_limit_problems("load1", LIMITS, LOAD | {"workers": 0}) == []


def test_a_range_of_ports_that_would_cap_the_load() -> None:
    few = LIMITS | {"open_files": 0, "ports": [50000, 50999]}
    (line,) = load_limit_problems("load1", few, LOAD)
    assert line.startswith(
        "load1: net.ipv4.ip_local_port_range [50000 50999] leaves 3000 connections for 4000 sessions; widen it"
    )
    assert load_limit_problems("load1", few, LOAD | {"users": 6000}) == []
    assert load_limit_problems("load1", few | {"root": True}, LOAD | {"set_limits": True}) == []


@pytest.mark.parametrize("workers", [0, 2], ids=["the master's host", "a worker host"])
def test_limits_are_set_by_root_only_also_where_they_suffice(workers: int) -> None:
    asked = LOAD | {"users": 1, "set_limits": True, "workers": workers}
    (line,) = load_limit_problems("load1", LIMITS, asked)
    assert line.startswith("load1: load_host_set_limits [true] needs root on the load host: set ansible_become: true")
    assert load_limit_problems("load1", LIMITS | {"root": True}, asked) == []


LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "/venv/bin/python"}


@pytest.mark.parametrize(
    ("host", "teller"),
    [
        (LOCAL, "load1"),
        (LOCAL | {"ansible_python_interpreter": "/usr/bin/python3"}, "zk1"),
        (LOCAL | {"ansible_become": True}, "zk1"),
        (LOCAL | {"ansible_become_user": "zookeeper"}, "zk1"),
        ({"ansible_python_interpreter": "/venv/bin/python"}, "zk1"),  # over SSH
        ({"ansible_connection": "ssh"}, "zk1"),
    ],
)
def test_only_hosts_that_are_surely_the_same_answer_for_each_other(host: dict[str, Any], teller: str) -> None:
    hostvars = {"zk1": host, "load0": {"ansible_connection": "ssh"}, "load1": LOCAL, "load2": LOCAL}
    assert told_by("zk1", ["load0", "load1", "load2"], hostvars) == teller
    assert told_by("load1", ["load0", "load1", "load2"], hostvars) == "load1"


def test_hosts_that_are_reached_in_the_same_way_over_ssh_are_not_the_same() -> None:
    hostvars: dict[str, dict[str, Any]] = {"zk1": {}, "load1": {}}
    assert told_by("zk1", ["load1"], hostvars) == "zk1"


def test_secrets_that_an_admin_server_shows_are_named_without_their_values() -> None:
    keys = [
        "tickTime",
        "ssl.keyStore.password",
        "DigestAuthenticationProvider.superDigest",
        "ssl.trustStore.passwordPath",
    ]
    for address in ("", "198.18.0.1"):
        (line,) = open_secret_warnings("z", keys, address, 8080)
        assert line.startswith(
            "z: zookeeper_properties [DigestAuthenticationProvider.superDigest, ssl.keyStore.password]: the AdminServer"
            " shows the values to all who reach zookeeper_admin_port [8080]"
        )
    told = {"z": {"problems": [], "warnings": [line]}}
    hostvars: dict[str, dict[str, Any]] = {"z": {}, "localhost": {}}
    assert after_hosts({"zookeeper": ["z"]}, hostvars, {}, told)["warnings"] == [line]


def test_secrets_on_loopback_and_files_with_passwords_give_no_warning() -> None:
    for address in ("127.0.0.1", "127.0.1.1", "::1", "localhost"):
        assert open_secret_warnings("z", ["ssl.keyStore.password"], address, 8080) == []
    assert open_secret_warnings("z", ["tickTime", "ssl.keyStore.passwordPath"], "", 8080) == []


def unit_problems(*options: str, paths: Any = (), **files: bool) -> list[str]:
    probe = {"files": {f"/{name}": found for name, found in files.items()}}
    paths = list(paths) if isinstance(paths, tuple) else paths
    return unit_path_problems("z", probe, {"java_options": options, "own": ["/state/log"], "writable_paths": paths})


@pytest.mark.parametrize(
    ("option", "setting", "path"),
    [
        ("-Xlog:gc:file=/var/log/gc.log", "-Xlog", "/var/log/gc.log"),
        ("-Xlog:gc*,safepoint:/var/log/gc.log:time:filecount=5", "-Xlog", "/var/log/gc.log"),
        ("-Xloggc:/var/log/gc.log", "-Xloggc", "/var/log/gc.log"),
        ("-XX:HeapDumpPath=/srv/dumps", "-XX:HeapDumpPath", "/srv/dumps"),
        ("-XX:HeapDumpPath=/state/log/../x", "-XX:HeapDumpPath", "/state/log/../x"),
        ("-XX:ErrorFile=/tmp/hs_err_%p.log", "-XX:ErrorFile", "/tmp/hs_err_%p.log"),
        ("-XX:StartFlightRecording=dumponexit=true,filename=/srv/r.jfr", "-XX:StartFlightRecording", "/srv/r.jfr"),
        ("-XX:FlightRecorderOptions:repository=/srv/jfr", "-XX:FlightRecorderOptions", "/srv/jfr"),
        ("-Djava.io.tmpdir=/scratch", "-Djava.io.tmpdir", "/scratch"),
    ],
)
def test_an_option_that_writes_where_the_unit_is_read_only_is_named(option: str, setting: str, path: str) -> None:
    (line,) = unit_problems(option)
    assert line.startswith(f"z: zookeeper_java_options [{setting}]: {path} is read-only for the member's systemd unit")
    assert "zookeeper_writable_paths" in line
    assert unit_problems(option, paths=("/var/log", "/srv", "/scratch/", "/tmp", "/state")) == []


def test_options_that_write_to_the_members_folders_or_nowhere_are_no_problem() -> None:
    options = ("-Xlog:gc:file=gc2.log", "-Xlog:gc:file=/state/log/gc2.log", "-Xlog:gc:stdout", "-XX:+UseZGC")
    assert (
        unit_problems(*options, "-XX:HeapDumpPath=dumps", "-Djavax.net.ssl.keyStore=/etc/ks", "-Xlog:x:/dev/null") == []
    )


def test_paths_that_the_unit_is_to_write_must_be_folders_that_exist() -> None:
    assert "[dumps] must be the absolute path of a folder below /" in unit_problems(paths=("dumps",))[0]
    assert "[/] must be the absolute path of a folder below /" in unit_problems(paths=("/",))[0]
    assert "[/srv] does not exist; make it" in unit_problems(paths=("/srv",), srv=False)[0]
    assert "must be a list of folders" in unit_problems(paths="/srv")[0]
    assert unit_problems(paths=("/srv",), srv=True) == []
