"""What the roles of members and of runs make of the answers of members, by their own expressions."""

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig

from fleet.record_tasks import note
from fleet.run_record import read
from lab.places import PROJECT
from lab.zookeeper_server import JARS, JAVA_FOLDER
from zk_locust.contract.run_files import MANIFEST

ROLE = PROJECT / "roles/zookeeper"


def _loaded(file: Path) -> Any:
    return DataLoader().load_from_file(str(file), trusted_as_template=True)


@pytest.fixture(autouse=True, scope="module")
def _filters() -> None:
    if AnsibleCollectionConfig.collection_finder is None:  # once a process
        init_plugin_loader([])
    filter_loader.add_directory(str(PROJECT / "playbooks/filter_plugins"))


def found(expression: str, told: dict[str, dict[str, Any]], of: str = "", **variables: Any) -> Any:
    """Template a variable of the role, or of the task in the file `of`, where the members have told this."""
    hostvars = {name: {"inventory_hostname": name, **answers} for name, answers in told.items()}
    known: dict[str, Any] = _loaded(ROLE / "vars/main.yml")
    if of:
        file, _, task = of.partition(": ")
        (chosen,) = (one for one in _loaded(ROLE / "tasks" / file) if one["name"] == task)
        known |= chosen.get("vars", {}) | chosen.get("show_text", {})
    variables = {"hostvars": hostvars, "ansible_play_hosts": list(told), **hostvars[next(iter(told))], **variables}
    return Templar(loader=DataLoader(), variables=known | variables).template(known[expression])


def test_restarts_follow_what_the_role_has_registered() -> None:
    told: dict[str, dict[str, Any]] = {
        "a": {"zookeeper_compared": {"member_state": "outdated"}, "zookeeper_before": {"mode": "leader"}},
        "b": {"zookeeper_compared": {"member_state": "current"}, "zookeeper_before": {"skipped": True}},
        "c": {"zookeeper_compared": {"member_state": "outdated"}, "zookeeper_before": {"mode": "follower"}},
    }
    assert found("_zookeeper_restarts", told) == {
        "at_once": [],
        "one_by_one": ["c", "a"],
        "silent": [],
        "regrouped": [],
    }


def test_members_are_found_by_their_state_before_anything_was_written() -> None:
    states = {"z1": "stopped", "z2": "regrouped", "z3": "current"}
    told: dict[str, dict[str, Any]] = {
        name: {"zookeeper_checked": {"member_state": state}} for name, state in states.items()
    }
    assert found("_zookeeper_stopped", told) == ["z1"]
    assert found("_regrouped", told, "check.yml: Leave no member out of a changed list") == ["z2"]


def test_a_member_is_not_started_beside_one_with_another_list() -> None:
    listed = {"bind_address": "", "client_port": 1, "peer_port": 2, "election_port": 3, "admin_port": 4}
    members = [{"name": f"z{id}", "id": id, "peer_type": "participant", "address": f"h{id}", **listed} for id in (1, 3)]
    told: dict[str, dict[str, Any]] = {
        "z3": {
            "zookeeper_checked": {"member_state": "stopped", "listed": False},
            "__zookeeper_others": {"results": [{"item": {"name": "z1"}, "mode": "leader"}]},
            "__zookeeper_lists": {"answers": {"z1": {"voting_view": {"current_config": {}}}}},
        },
        "z4": {"zookeeper_checked": {"member_state": "current", "listed": True}},
    }
    task = "check.yml: Start no member beside others with another list"
    assert found("_others", told, task, _zookeeper_members=members) == ["z1 (it has another list)"]
    assert found("_listed", told, task) is False


def test_members_that_do_not_serve_are_explained() -> None:
    told: dict[str, dict[str, Any]] = {
        "b": {
            "zookeeper_status": {"mode": "", "serves": False, "error": "its process has ended"},
            "__zookeeper_tail": {"stdout_lines": ["Invalid config, exiting abnormally"]},
            "__zookeeper_start": {"stderr_lines": ["the process did not start"]},
        },
        "a": {"zookeeper_status": {"mode": "leader", "serves": True}},
    }
    failed = found(
        "_zookeeper_failed", told, "gate.yml: Explain members that do not serve", _zookeeper_gated=["a", "b"]
    )
    assert failed == ["b"]
    assert found("lines", told, "failed.yml: Show the end of the log") == [
        "",
        "b did not come up: its process has ended. The end of its log:",
        "",
        "    Invalid config, exiting abnormally",
        "    the process did not start",
    ]
    silent: dict[str, dict[str, Any]] = {"b": {"zookeeper_status": {"error": ""}, "__zookeeper_tail": {"rc": 1}}}
    lines = found("lines", silent, "failed.yml: Show the end of the log")
    assert "b did not come up: it does not serve requests. The end of its log:" in lines
    assert lines[-1] == "    (there is no log)"


def test_the_last_answer_of_each_member_is_shown() -> None:
    told: dict[str, dict[str, Any]] = {
        "a": {"zookeeper_answer": {"mode": "leader", "version": "3.8.0"}},
        "b": {"zookeeper_answer": {"mode": "follower", "version": "3.8.0"}},
    }
    task = "verify.yml: Say which role each member has"
    assert found("lines", told, task) == ["The ensemble serves: a leader, b follower (ZooKeeper 3.8.0)"]
    unknown: dict[str, dict[str, Any]] = {"a": {"zookeeper_answer": {"mode": "standalone", "version": ""}}}
    assert found("lines", unknown, task) == ["The ensemble serves: a standalone"]


def test_members_of_a_connect_string_are_recorded_as_far_as_they_told(folder: Path) -> None:
    tasks = _loaded(PROJECT / "roles/benchmark_run/tasks/ensemble.yml")
    (task,) = (task for task in tasks if task["name"] == "Note what they have told")
    orders = "\x1b[2Jfollower"
    answers = [
        {"item": {"name": "a.example.org:2181"}, "mode": "leader", "version": "3.9.3"},
        {"item": {"name": "[fd00::2]:2182"}, "mode": orders, "version": ""},
        {"item": {"name": "c.example.org:2181"}, "mode": "", "version": "", "error": "no answer"},
        {"item": {"name": "d.example.org:2181"}, "msg": "it was not run"},
    ]

    def told(expression: Any, **variables: Any) -> Any:
        return Templar(loader=DataLoader(), variables=task["vars"] | variables).template(expression)

    for item in told(task["loop"], __benchmark_run_asked={"results": answers}):
        note(folder=folder, values=told(task["run_record"]["values"], item=item))
    hosts = read(folder / MANIFEST)["hosts"]
    assert hosts["a.example.org:2181"] == {"zookeeper_version": "3.9.3", "zookeeper_mode": "leader"}
    assert hosts["[fd00::2]:2182"]["zookeeper_version"] == "unknown"
    assert "follower" in hosts["[fd00::2]:2182"]["zookeeper_mode"]
    assert hosts["[fd00::2]:2182"]["zookeeper_mode"].isprintable()
    assert len(hosts) == 2, "one that did not answer is left out"
    assert told(task["loop"], __benchmark_run_asked={"skipped": True}) == []


def test_the_run_asks_who_holds_a_member_as_itself_when_it_stops_members() -> None:
    (play,) = _loaded(PROJECT / "playbooks/stop.yml")
    known = {"hostvars": {"localhost": {"run_record_id": "own"}}}
    assert Templar(loader=DataLoader(), variables=known).template(play.get("vars", {}))["run_lease_run_id"] == "own"


def test_a_worker_host_that_is_not_set_up_ends_the_run_with_a_reason_in_its_record() -> None:
    (start,) = _loaded(PROJECT / "roles/benchmark_run/tasks/main.yml")
    assert "rescue" in start
    check = start["block"][0]["ansible.builtin.assert"]
    hostvars: dict[str, dict[str, Any]] = {name: {"inventory_hostname": name} for name in ("load1", "load2")}
    hostvars["load1"]["load_host_workers"] = 2
    known = _loaded(PROJECT / "roles/benchmark_run/vars/main.yml")
    known |= {"hostvars": hostvars, "groups": {"locust_workers": list(hostvars)}}
    templar = Templar(loader=DataLoader(), variables=known)
    assert templar.evaluate_conditional(check["that"]) is False
    assert templar.template(check["fail_msg"]).startswith("load2: not set up in this run")
    (play,) = (play for play in _loaded(PROJECT / "playbooks/run.yml") if play["name"] == "Start the load")
    (plan,) = (task["run_record"] for task in play["tasks"] if "run_record" in task)
    assert Templar(loader=DataLoader(), variables=known | {"_workers": list(hostvars)}).template(plan["workers"]) == {
        "load1": 2,
        "load2": 0,
    }


def test_members_whose_admin_server_is_silent_are_asked_on_their_client_port() -> None:
    tasks = PROJECT / "roles/benchmark_collect/tasks"
    hosts = {name: {"zookeeper_address": f"198.18.0.{number}"} for number, name in enumerate(("z1", "z2"), start=1)}
    answers: dict[str, dict[str, Any]] = {
        "z1": {"environment": {}, "srvr": {"version": "3.8.0"}},
        "z2": {"environment": {}, "srvr": {}},
    }
    known: dict[str, Any] = {
        "groups": {"zookeeper": list(hosts)},
        "hostvars": hosts,
        "__benchmark_collect_members": {"answers": answers},
    }
    (asked,) = (task for task in _loaded(tasks / "members.yml") if "zookeeper_status" in task)
    (silent,) = Templar(loader=DataLoader(), variables=known | asked["vars"]).template(asked["loop"])
    assert (silent["name"], silent["address"], silent["client_port"]) == ("z2", "198.18.0.2", 2181)

    (added,) = (task for task in _loaded(tasks / "fetch.yml") if "run_record" in task)
    for statuses, wanted in (
        (
            [{"item": silent, "mode": "leader"}],
            {"z2": {**answers["z2"], "client_port": {"item": silent, "mode": "leader"}}},
        ),
        ([], {}),
    ):
        variables = known | added["vars"] | {"__benchmark_collect_statuses": {"results": statuses}}
        told = Templar(loader=DataLoader(), variables=variables).template(added["run_record"]["told"]["members"])
        assert told == answers | wanted


def test_members_of_the_package_have_the_class_path_of_the_servers_in_tests() -> None:
    jars = _loaded(ROLE / "vars/main.yml")["_zookeeper_debian_jars"]
    assert jars == [str(JAVA_FOLDER / jar) for jar in JARS]
