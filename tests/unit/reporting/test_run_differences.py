"""What differs between runs, from their manifests."""

from typing import Any

from reporting.analyse import run_differences
from reporting.read import manifest as manifests
from reporting.read.manifest import Manifest
from reporting.read.problems import ProblemLog


def _manifest(**parts: Any) -> Manifest:
    return manifests.parse({"schema_version": 1, **parts}, ProblemLog())


def _hosts(**variables: dict[str, Any]) -> Manifest:
    return _manifest(inventory={"groups": {"zookeeper": list(variables)}, "hosts": variables})


def _between(*sides: list[Manifest]) -> dict[str, tuple[str, ...]]:
    return {each.name: each.values for each in run_differences.between(sides)}


def test_settings_and_versions_of_single_runs() -> None:
    first = _manifest(scenario={"name": "quick", "parameters": {"val-size": 8}}, versions={"locust": "2.46.0"})
    second = _manifest(scenario={"name": "quick", "parameters": {"val-size": 9}}, versions={"kazoo": "2.11.0"})
    assert _between([first], [second]) == {
        "val-size": ("8", "9"),
        "locust": ("2.46.0", "\N{EN DASH}"),
        "kazoo": ("\N{EN DASH}", "2.11.0"),
    }
    assert _between([first], [first]) == {}


def test_a_parameter_is_named_once() -> None:
    sides = [
        _manifest(
            scenario={"parameters": {"client": client}},
            inventory={"hosts": {"zk1": {"benchmark_parameters": {"client": client}}}},
        )
        for client in ("kazoo", "native")
    ]
    assert _between(*([side] for side in sides)) == {"client": ("kazoo", "native")}


def test_what_varies_within_a_side_is_left_out_if_asked_and_so_is_what_followed_from_a_run() -> None:
    def side(version: str, *kernels: str) -> list[Manifest]:
        return [
            _manifest(
                versions={"zookeeper": version},
                hosts={"zk1": {"kernel": kernel, "zookeeper_mode": "leader" if version == "3.8.0" else "follower"}},
            )
            for kernel in kernels
        ]

    sides = side("3.8.0", "6.1", "6.2"), side("3.9.3", "6.2")
    assert {each.name for each in run_differences.between(sides)} == {"zookeeper", "kernel", "zookeeper_mode"}
    (found,) = run_differences.between(sides, constant=True)
    assert (found.name, found.values) == ("zookeeper", ("3.8.0", "3.9.3"))


def test_a_side_with_several_values_names_all() -> None:
    runs = [_manifest(versions={"locust": version}) for version in ("2.46.0", "2.47.0")]
    assert _between(runs, runs[1:]) == {"locust": ("2.46.0 or 2.47.0", "2.47.0")}
    assert _between(runs, runs) == {}


def test_a_setting_that_all_hosts_share_is_named_once() -> None:
    small = _hosts(zk1={"zookeeper_heap": "256m"}, zk2={"zookeeper_heap": "256m"})
    large = _hosts(zk1={"zookeeper_heap": "1g"}, zk2={"zookeeper_heap": "1g"})
    assert _between([small], [large]) == {"zookeeper_heap": ("256m", "1g")}


def test_a_setting_that_differs_on_one_host_names_it() -> None:
    both = _hosts(zk1={"zookeeper_heap": "256m"}, zk2={"zookeeper_heap": "256m"})
    one = _hosts(zk1={"zookeeper_heap": "256m"}, zk2={"zookeeper_heap": "1g"})
    assert _between([both], [one]) == {"zookeeper_heap of zk2": ("256m", "1g")}


def test_more_hosts_of_the_same_kind_differ_only_in_their_group() -> None:
    hosts = {f"zk{number}": {"zookeeper_id": number, "zookeeper_heap": "256m"} for number in range(1, 6)}
    three = _hosts(**{name: hosts[name] for name in list(hosts)[:3]})
    assert _between([three], [_hosts(**hosts)]) == {"group zookeeper": ("zk1 zk2 zk3", "zk1 zk2 zk3 zk4 zk5")}


def test_fleets_without_a_common_host_are_compared_by_their_values() -> None:
    first = _hosts(a1={"heap": "1g", "disk": "x"}, a2={"heap": "2g", "disk": "x"})
    second = _hosts(b1={"heap": "1g", "disk": "x"}, b2={"heap": "4g", "disk": "x"})
    assert _between([first], [second]) == {"group zookeeper": ("a1 a2", "b1 b2"), "heap": ("1g 2g", "1g 4g")}


def test_what_each_run_has_of_its_own_is_no_difference() -> None:
    first, second = (
        _manifest(
            run_id=name,
            label=name,
            scenario={"scenario_file": f"/{name}/quick.yml", "locustfile": f"/{name}/a.py", "planned_s": len(name)},
            hosts={"zk1": {"clock_offset_ms": len(name), "not_sampled": name}},
            inventory={"hosts": {"zk1": {"benchmark_label": name}}},
        )
        for name in ("a", "bb")
    )
    assert _between([first], [second]) == {}


def test_the_controller_and_the_hosts_have_a_python_each() -> None:
    first = _manifest(versions={"python": "3.11"}, hosts={"zk1": {"python": "3.9"}})
    second = _manifest(versions={"python": "3.11"}, hosts={"zk1": {"python": "3.11"}})
    assert _between([first], [second]) == {"python": ("3.9", "3.11")}


def test_secrets_and_long_values_are_not_shown() -> None:
    first = _manifest(inventory={"hosts": {"zk1": {"ansible_password": "one", "text": "a" * 500}}})
    second = _manifest(inventory={"hosts": {"zk1": {"ansible_password": "two", "text": "b" * 500}}})
    found = _between([first], [second])
    assert list(found) == ["text"]
    assert len(found["text"][0]) == 120
