"""What preflight says about an inventory, before any host is touched."""

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from zk_locust.contract.inventory.load_hosts import LoadVariables
from zk_locust.contract.inventory.members import MemberVariables, ensemble_is_managed, ensemble_members
from zk_locust.contract.inventory.preflight import (
    after_hosts,
    heap_problems,
    inventory_problems,
    inventory_warnings,
    largest_request_bytes,
)
from zk_locust.contract.inventory.sharing import sharing_problems

ROLES = Path(__file__).parents[3] / "roles"
Inventory = tuple[dict[str, list[str]], dict[str, dict[str, Any]]]


def inventory(**changes: dict[str, Any]) -> Inventory:
    """Return groups and hostvars without a problem, but for `changes` by host."""
    groups = {"zookeeper": ["a", "b", "c"], "locust_master": ["m"], "locust_workers": ["m", "w"]}
    return groups, {name: changes.get(name, {}) for name in ("a", "b", "c", "m", "w")}


def problems(**changes: dict[str, Any]) -> list[str]:
    groups, hostvars = inventory(**changes)
    return inventory_problems(groups, hostvars, {})


def test_a_plain_inventory_has_no_problem() -> None:
    assert problems() == []


def test_several_members_on_one_machine_have_no_problem_with_ports_of_their_own() -> None:
    def member(base: int) -> dict[str, Any]:
        names = ("client", "peer", "election", "admin")
        return {
            "ansible_connection": "local",
            "zookeeper_address": "127.0.0.1",
            **{f"zookeeper_{name}_port": base + place for place, name in enumerate(names)},
        }

    assert problems(a=member(100), b=member(200), c=member(300)) == []


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"zookeeper_id": 0}, "a: zookeeper_id [0] must be a whole number from 1 to 255"),
        ({"zookeeper_id": 256}, "a: zookeeper_id [256] must be a whole number from 1 to 255"),
        ({"zookeeper_id": "one"}, "a: zookeeper_id [one] must be a whole number from 1 to 255"),
        ({"zookeeper_id": True}, "a: zookeeper_id [True] must be a whole number from 1 to 255"),
        ({"zookeeper_id": "2.0"}, "a: zookeeper_id [2.0] must be a whole number from 1 to 255"),
        ({"zookeeper_client_port": "2_181"}, "a: zookeeper_client_port [2_181] must be a port from 1 to 65535"),
        ({"zookeeper_client_port": "2181.0"}, "a: zookeeper_client_port [2181.0] must be a port from 1 to 65535"),
        ({"zookeeper_client_port": 2181.0}, "a: zookeeper_client_port [2181.0] must be a port from 1 to 65535"),
        ({"zookeeper_heap": "512M\n"}, "a: zookeeper_heap [512M\n] must be a number with a unit"),
        ({"zookeeper_version": "3.9.3\n"}, "a: zookeeper_version [3.9.3\n] must be a release such as 3.9.3"),
        ({"zookeeper_id": 2}, "a, b: zookeeper_id [2] is used by each of them"),
        ({"zookeeper_id": "2"}, "a, b: zookeeper_id [2] is used by each of them"),
        ({"zookeeper_peer_type": "observe"}, "must be participant or observer, did you mean observer?"),
        ({"zookeeper_install_method": "arhive"}, "package, archive, existing, did you mean archive?"),
        ({"zookeeper_install_method": "existing"}, "a: zookeeper_home [not set]"),
        (
            {"zookeeper_install_method": "package", "zookeeper_version": "3.9.3"},
            "a: zookeeper_version [3.9.3] cannot be chosen with zookeeper_install_method package",
        ),
        ({"zookeeper_version": "latest"}, "a: zookeeper_version [latest] must be a release"),
        ({"zookeeper_client_port": 0}, "a: zookeeper_client_port [0] must be a port from 1 to 65535"),
        ({"zookeeper_admin_port": 65536}, "a: zookeeper_admin_port [65536] must be a port from 1 to 65535"),
        ({"zookeeper_peer_port": "x"}, "a: zookeeper_peer_port [x] must be a port from 1 to 65535"),
        (
            {"zookeeper_election_port": 2888},
            "a: zookeeper_election_port [2888] is also zookeeper_peer_port of a on the same machine (a:22)",
        ),
        ({"zookeeper_heap": "512"}, "a: zookeeper_heap [512] must be a number with a unit"),
        ({"zookeeper_heap": "0m"}, "a: zookeeper_heap [0m] must be a number with a unit"),
        (
            {"zookeeper_java_options": ["-Dzookeeper.ssl.keyStore.password=hunter2"]},
            "a: zookeeper_java_options [-Dzookeeper.ssl.keyStore.password=…] would show a secret in process lists; "
            "set zookeeper_properties: {ssl.keyStore.password: …}",
        ),
        (
            {"zookeeper_java_options": ["-Dzookeeper.DigestAuthenticationProvider.superDigest=super:hunter2"]},
            "a: zookeeper_java_options [-Dzookeeper.DigestAuthenticationProvider.superDigest=…] would show a secret in "
            "process lists; set zookeeper_properties: {DigestAuthenticationProvider.superDigest: …}",
        ),
        (
            {"zookeeper_java_options": ["-Dapi_key=hunter2"]},
            "a: zookeeper_java_options [-Dapi_key=…] would show a secret in process lists",
        ),
        (
            {"zookeeper_java_options": "-Xss1m"},
            "a: zookeeper_java_options must be a list, e.g. ['-XX:+UseZGC'], and is text",
        ),
        (
            {"zookeeper_properties": "tickTime=1"},
            "a: zookeeper_properties must be a dictionary, e.g. {tickTime: 2000}, and is text",
        ),
        ({"zookeeper_properties": {"clientPort": 1}}, "zookeeper_properties.clientPort [1] belongs to the role"),
        ({"zookeeper_properties": {"server.4": "x:1:2"}}, "zookeeper_properties.server.4 [x:1:2] belongs to the role"),
        ({"zookeeper_properties": {"a": [1]}}, "zookeeper_properties.a must be a single value, and is a list"),
        (
            {"zookeeper_properties": {"tickTime": "abc"}},
            "a: zookeeper_properties.tickTime [abc] must be a whole number from 1",
        ),
        (
            {"zookeeper_properties": {"tickTime": True}},
            "a: zookeeper_properties.tickTime [True] must be a whole number",
        ),
        (
            {"zookeeper_properties": {"initLimit": 0}},
            "a: zookeeper_properties.initLimit [0] must be a whole number from 1",
        ),
        (
            {"zookeeper_properties": {"snapCount": "1e5"}},
            "a: zookeeper_properties.snapCount [1e5] must be a whole number",
        ),
        (
            {"zookeeper_properties": {"sslQuorum": "yes"}},
            "a: zookeeper_properties.sslQuorum [yes] must be true or false",
        ),
        (
            {"zookeeper_properties": {"ticktime": 2000}},
            "would be ignored by ZooKeeper, whose key is tickTime; write it so",
        ),
        ({"zookeeper_properties": {"a b": 1}}, "a: zookeeper_properties.a b [1] is not a key of zoo.cfg"),
        ({"zookeeper_properties": {"a": "1\x1b[2J"}}, "zookeeper_properties.a must be a single line without control"),
        ({"zookeeper_properties": {"a": "1\nb=2"}}, "zookeeper_properties.a must be a single line"),
        ({"zookeeper_managed": False}, "a: zookeeper_managed [false] must be the same for all members"),
    ],
)
def test_a_variable_of_a_member(variables: dict[str, Any], expected: str) -> None:
    found = problems(a=variables)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    "variables",
    [
        {"zookeeper_java_options": "-Xss1m -Dzookeeper.ssl.keyStore.password=hunter2"},
        {"zookeeper_properties": "ssl.keyStore.password=hunter2"},
        {"zookeeper_properties": ["ssl.keyStore.password=hunter2"]},
        {"zookeeper_properties": {"ssl": {"keyStore": {"password": "hunter2"}}}},
        {"zookeeper_properties": {"server.1": "hunter2", "dataDir.password": "hunter2\n"}},
    ],
)
def test_a_value_that_may_hold_a_secret_is_not_shown_where_it_is_refused(variables: dict[str, Any]) -> None:
    lines = problems(a=variables)
    assert lines
    shown = [line for line in lines if "hunter2" in line]
    # A member's address is no secret.
    assert shown == [line for line in lines if "zookeeper_properties.server.1" in line]


def test_a_template_that_fails_quotes_no_value_that_may_hold_a_secret() -> None:
    class Failing(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if key in ("zookeeper_properties", "zookeeper_heap"):
                raise ValueError(f"cannot read [hunter2] for {key}")
            return super().get(key, default)

    groups, hostvars = inventory(a={})
    found = inventory_problems(groups, hostvars | {"a": Failing(hostvars["a"])}, {})
    (properties,) = [line for line in found if "zookeeper_properties" in line]
    assert properties == (
        "a: zookeeper_properties cannot be evaluated: ValueError; correct its template in the inventory"
    )
    assert any("zookeeper_heap cannot be evaluated: cannot read [hunter2]" in line for line in found)


def test_further_keys_of_a_changed_zookeeper_can_be_allowed() -> None:
    own = {"zookeeper_properties": {"myFork.threads": 4}}
    (problem,) = problems(a=own)
    assert "name it in zookeeper_properties_allowed" in problem
    assert problems(a=own | {"zookeeper_properties_allowed": ["myFork.threads"]}) == []
    problem, _ = problems(a=own | {"zookeeper_properties_allowed": "myFork.threads"})
    assert problem.startswith("a: zookeeper_properties_allowed must be a list of keys, e.g. ['my.key'], and is text")


def test_heaps_above_the_memory_of_a_machine_are_refused() -> None:
    shared = {"ansible_host": "10.0.0.1", "zookeeper_heap": "3g"}
    groups, hostvars = inventory(a=shared, b=shared, c={"zookeeper_heap": "8g"})
    (problem,) = heap_problems(groups, hostvars, {"a": 6000, "b": 6000, "c": 8192})
    assert problem.startswith("a, b: zookeeper_heap [3g + 3g] is more than the machine's memory of 6000 MB; choose a")
    assert heap_problems(groups, hostvars, {"a": 6144, "b": 6144}) == []
    assert heap_problems(groups, hostvars, {"a": 0}) == [], "memory is not known"


def test_the_smallest_buffer_of_the_members_limits_requests() -> None:
    groups, hostvars = inventory(
        a={"zookeeper_properties": {"jute.maxbuffer": 4096}},
        b={"zookeeper_properties": {"jute.maxbuffer": 1024}, "zookeeper_java_options": ["-Djute.maxbuffer=0x2000"]},
    )
    assert largest_request_bytes(groups, hostvars, {}) == 4096
    assert largest_request_bytes(groups, {name: {} for name in hostvars}, {}) == 0xFFFFF
    assert largest_request_bytes(groups, {name: {"zookeeper_managed": "no"} for name in hostvars}, {}) is None


def test_the_same_words_are_true_everywhere() -> None:
    for word in ("yes", "Yes", "on", "1", "TRUE"):
        assert ensemble_is_managed({}, {}, {"zookeeper_managed": word})
    for other in ("no", "No", "off", "0", "FALSE", 0):
        assert not ensemble_is_managed({}, {}, {"zookeeper_managed": other})


def test_options_about_digests_are_no_secrets() -> None:
    assert problems(a={"zookeeper_java_options": ["-Dzookeeper.digest.enabled=false"]}) == []


def test_values_that_come_as_text_are_understood() -> None:
    assert problems(a={"zookeeper_id": "9", "zookeeper_client_port": "2182", "zookeeper_managed": "yes"}) == []


def test_one_machine_cannot_serve_two_members_on_one_port() -> None:
    found = problems(
        a={"ansible_host": "198.18.0.1"}, b={"ansible_host": "198.18.0.1", "zookeeper_bind_address": "198.18.0.1"}
    )
    assert len(found) == 4  # client, peer, election and admin
    assert found[0].startswith("b: zookeeper_client_port [2181] is also zookeeper_client_port of a on the same machine")


def test_one_machine_serves_two_members_on_two_addresses() -> None:
    def bound(address: str) -> dict[str, Any]:
        return {"ansible_connection": "local", "zookeeper_address": address, "zookeeper_bind_address": address}

    assert problems(a=bound("127.0.0.1"), b=bound("127.0.0.2")) == []


def test_two_members_cannot_be_reached_under_one_address_and_port() -> None:
    found = problems(a={"zookeeper_address": "vip"}, b={"zookeeper_address": "vip"})
    assert found[0] == (
        "b: zookeeper_client_port [2181] is also zookeeper_client_port of a, and both are reached as [vip];"
        " give each its own port, or its own zookeeper_address"
    )


def test_the_masters_port_is_a_members() -> None:
    groups, hostvars = inventory(m={"locust_master_port": 2181})
    groups["locust_master"] = groups["locust_workers"] = ["a"]
    hostvars["a"] = {"locust_master_port": 2181}
    [problem] = inventory_problems(groups, hostvars, {})
    assert problem.startswith("a: locust_master_port [2181] is also zookeeper_client_port of a")


@pytest.mark.parametrize("value", [-1, "many", 1.5, True])
def test_a_number_of_workers_without_sense(value: object) -> None:
    [problem] = problems(w={"locust_processes": value})
    assert problem.startswith(f"w: locust_processes [{value}] must be a number of workers")


@pytest.mark.parametrize("value", ["often", -1, 0.01, 3601, "nan", True, [1]])
def test_samples_of_machines_need_an_interval(value: Any) -> None:
    [problem] = problems(b={"benchmark_host_metrics_interval_s": value})
    assert problem.startswith(
        f"b: benchmark_host_metrics_interval_s [{value}] must be seconds from 0.1 to 3600, or 0 for"
    )


@pytest.mark.parametrize("value", [0, "0", 0.1, "2.5", 3600, None])
def test_an_interval_of_samples_may_be_text_or_nothing(value: Any) -> None:
    assert problems(b={"benchmark_host_metrics_interval_s": value}) == []


def test_groups_without_a_host() -> None:
    found = inventory_problems({}, {}, {})
    assert [problem.partition(":")[0] for problem in found] == [
        "group zookeeper [no host]",
        "group locust_master [no host]",
        "group locust_workers [no host]",
    ]


def test_two_masters() -> None:
    groups, hostvars = inventory()
    groups["locust_master"] = ["m", "w"]
    [problem] = inventory_problems(groups, hostvars, {})
    assert problem.startswith("group locust_master [m, w]: there is one master")


def test_observers_only() -> None:
    found = problems(**{name: {"zookeeper_peer_type": "observer"} for name in "abc"})
    assert len(found) == 1
    assert found[0].startswith("group zookeeper [observers only]")


def test_an_external_ensemble_needs_a_connect_string_and_nothing_more() -> None:
    groups, hostvars = inventory(**{name: {"zookeeper_managed": False, "zookeeper_id": 999} for name in "abc"})
    [problem] = inventory_problems(groups, hostvars, {})
    assert problem.startswith("benchmark_parameters.hosts [not set]")
    assert inventory_problems(groups, hostvars, {"benchmark_parameters": {"hosts": "z:2181"}}) == []
    groups["zookeeper"] = []
    controller = {"zookeeper_managed": False, "benchmark_parameters": {"hosts": "z:2181"}}
    assert inventory_problems(groups, hostvars, controller) == []


def test_whose_ensemble_it_is_members_say_first_then_the_controller() -> None:
    groups, hostvars = inventory()
    assert ensemble_is_managed(groups, hostvars, {})
    assert not ensemble_is_managed(groups, hostvars, {"zookeeper_managed": "false"})
    groups, hostvars = inventory(**{name: {"zookeeper_managed": False} for name in "abc"})
    assert not ensemble_is_managed(groups, hostvars, {})
    assert not ensemble_is_managed({}, {}, {"zookeeper_managed": False})


def test_a_template_that_fails_is_a_problem_like_others() -> None:
    class Failing(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if key == "zookeeper_heap":
                raise KeyError("'memory' is undefined")
            return super().get(key, default)

    groups, hostvars = inventory()
    hostvars["a"] = Failing()
    [problem] = inventory_problems(groups, hostvars, {})
    assert problem.startswith("a: zookeeper_heap cannot be evaluated: ")
    assert "'memory' is undefined" in problem


def test_members_are_resolved() -> None:
    groups, hostvars = inventory(
        b={
            **{"zookeeper_id": "7", "ansible_host": "198.18.0.2", "zookeeper_admin_port": 8081},
            "zookeeper_properties": {"tickTime": 1000, "syncLimit": 3},
        },
        c={"zookeeper_address": "2001:db8::3", "zookeeper_peer_type": "observer"},
    )
    a, b, c = ensemble_members(groups, hostvars)
    assert (a["id"], b["id"], c["id"]) == (1, 7, 3)
    assert (a["client"], b["client"], b["admin"]) == ("a:2181", "198.18.0.2:2181", "198.18.0.2:8081")
    assert c["client"] == "[2001:db8::3]:2181"
    assert (a["waits_s"], b["waits_s"]) == (10.0, 3.0)


def test_a_wrong_port_is_not_replaced_by_its_default() -> None:
    groups, hostvars = inventory(b={"zookeeper_client_port": 99999})
    with pytest.raises(ValueError, match=r"b: zookeeper_client_port \[99999\] must be a port from 1 to 65535"):
        ensemble_members(groups, hostvars)


def choices_of(variable: str) -> list[str]:
    return list(get_args(MemberVariables.model_fields[variable].annotation))


def test_the_contracts_defaults_are_the_roles() -> None:
    """They stand in two places, because other hosts do not see a role's defaults."""
    defaults = yaml.safe_load((ROLES / "zookeeper/defaults/main.yml").read_text())
    judged = {name: field.default for name, field in MemberVariables.model_fields.items() if name != "zookeeper_id"}
    assert {name: defaults[name] for name in judged} == judged
    options = yaml.safe_load((ROLES / "zookeeper/meta/argument_specs.yml").read_text())
    options = options["argument_specs"]["main"]["options"]
    assert options["zookeeper_install_method"]["choices"] == choices_of("zookeeper_install_method")
    assert options["zookeeper_peer_type"]["choices"] == choices_of("zookeeper_peer_type")
    assert set(options) == set(defaults), "argument_specs.yml mirrors defaults/main.yml"
    assert not any("default" in option for option in options.values()), "they stand in defaults/main.yml"
    benchmark_run = yaml.safe_load((ROLES / "benchmark_run/defaults/main.yml").read_text())
    assert benchmark_run["locust_master_port"] == LoadVariables().locust_master_port


def test_an_odd_vote_on_machines_of_its_own_gives_no_warning() -> None:
    groups, hostvars = inventory()
    assert inventory_warnings(groups, hostvars) == []
    assert inventory_warnings({"locust_workers": ["w"]}, {"w": {}}) == []


def test_an_even_number_of_participants_is_a_warning() -> None:
    groups, hostvars = inventory(c={"zookeeper_peer_type": "observer"})
    (line,) = inventory_warnings(groups, hostvars)
    assert line.startswith(
        "group zookeeper [2 participants]: an even number survives the loss of no more members than 1 would (0)"
    )


def test_load_on_a_members_machine_is_a_warning() -> None:
    groups, hostvars = inventory(w={"ansible_host": "b"}, m={"ansible_host": "10.0.0.1"})
    (line,) = inventory_warnings(groups, hostvars)
    assert line.startswith("w: load and members share the machine of b: ")


def tunnelled(port: int, address: str) -> dict[str, Any]:
    return {"ansible_host": "127.0.0.1", "ansible_port": port, "zookeeper_address": address}


def test_members_behind_forwarded_ports_are_machines_of_their_own() -> None:
    behind = {name: tunnelled(2201 + place, f"10.0.0.{place}") for place, name in enumerate("abc")}
    assert problems(**behind) == []
    assert len(problems(**behind | {"b": tunnelled(2201, "10.0.0.9")})) == 1
    groups, hostvars = inventory(**behind, w={"ansible_connection": "local"})
    assert inventory_warnings(groups, hostvars) == []


@pytest.mark.parametrize(
    "host",
    [
        {"ansible_host": "localhost"},
        {"ansible_host": "127.0.0.1", "ansible_port": "22"},
        {"ansible_connection": "local", "ansible_port": 2201},
    ],
)
def test_the_controller_has_several_names(host: dict[str, Any]) -> None:
    (line,) = problems(a={"ansible_connection": "local"}, b=host)
    assert line.startswith("b: is a once more: the same machine (the controller)")


def test_a_member_that_is_listed_by_address_and_by_name_is_found_when_it_has_told_what_it_is() -> None:
    one = {"preflight_machine": "machine-one"}
    groups, hostvars = inventory(a=one | {"ansible_host": "10.0.0.1"}, b=one | {"ansible_host": "zk1.example.org"})
    assert inventory_problems({**groups, "zookeeper": ["a", "c"]}, hostvars, {}) == []
    (line,) = sharing_problems(groups, hostvars)
    assert line.startswith("b: is a once more: the same machine (10.0.0.1:22) and the same ports; list a member once")
    hostvars["b"]["zookeeper_client_port"] = 2182
    clashes = list(sharing_problems(groups, hostvars))
    assert len(clashes) == 3
    assert clashes[0].startswith("b: zookeeper_peer_port [2888] is also zookeeper_peer_port of a on the same machine")
    for managed, found in ((True, clashes), (False, [])):
        told = after_hosts(groups, {**hostvars, "localhost": {"zookeeper_managed": managed}}, {}, {})["problems"]
        assert [line for line in told if line in clashes] == found


def test_hosts_that_have_told_different_machines_have_no_problem() -> None:
    groups, hostvars = inventory(**{name: {"preflight_machine": f"machine {name}"} for name in "abcmw"})
    assert list(sharing_problems(groups, hostvars)) == []
    assert inventory_warnings(groups, hostvars) == []


def test_load_on_a_members_machine_is_seen_under_another_address_and_said_once() -> None:
    same = {"preflight_machine": "machine b"}
    groups, hostvars = inventory(b=same | {"ansible_host": "10.0.0.2"}, m=same, w=same | {"ansible_host": "10.0.0.2"})
    assert [line.partition(" share")[0] for line in inventory_warnings(groups, hostvars)] == [
        "m: load and members",
        "w: load and members",
    ]
    hostvars["b"].pop("preflight_machine")  # of an external ensemble: it is not asked
    assert len(inventory_warnings(groups, hostvars)) == 2


def test_a_master_on_a_members_machine_is_a_warning_too() -> None:
    groups, hostvars = inventory(m={"ansible_host": "b"})
    groups["locust_workers"] = ["w"]
    (line,) = inventory_warnings(groups, hostvars)
    assert line.startswith("m: load and members share the machine of b: ")


def test_a_member_that_is_listed_twice_is_named_once() -> None:
    (line,) = problems(b={"ansible_host": "a"})
    assert line.startswith("b: is a once more: the same machine (a:22) and the same ports; list a member once")
    clashes = problems(b={"ansible_host": "a", "zookeeper_client_port": 2182})
    assert len(clashes) == 3  # the other ports


@pytest.mark.parametrize(
    "properties",
    ["superDigest=hunter2", [{"ssl.keyStore.password": "hunter2"}], {"ssl.keyStore.password": ["hunter2"]}],
)
def test_properties_of_the_wrong_type_are_named_without_what_may_be_a_secret(properties: Any) -> None:
    (found,) = problems(a={"zookeeper_properties": properties})
    assert found.startswith("a: zookeeper_properties")
    assert "hunter2" not in found


def test_values_that_zookeeper_takes_are_no_problem() -> None:
    good = {
        "tickTime": "2000",
        "snapCount": 50_000,
        "forceSync": False,
        "sslQuorum": "TRUE",
        "fsync.warningthresholdms": 20,
        "authProvider.sasl": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    }
    assert problems(a={"zookeeper_properties": good}) == []
