"""Which wheels are gathered for which load hosts."""

from typing import Any

from playbooks.filter_plugins.wheelhouse import wheelhouse_kinds, without_environment

HOSTVARS: dict[str, dict[str, Any]] = {
    "has": {"load_host_kind": "3.11-x86_64", "__load_host_found": {"rc": 0, "delta": "0:00:00.4", "stdout": "{}"}},
    "broken": {"load_host_kind": "3.11-x86_64", "__load_host_found": {"rc": 1, "delta": "0:00:00.4"}},
    "lacks": {"load_host_kind": "3.13-x86_64", "__load_host_found": {"rc": 0, "delta": None, "stdout": "skipped, …"}},
    "own": {"load_host_kind": ""},  # with a Python of its own, nothing is looked for
}


def test_only_hosts_whose_environment_is_not_there_lack_it() -> None:
    assert without_environment(HOSTVARS, HOSTVARS) == ["lacks"]


def test_each_kind_is_gathered_once() -> None:
    assert wheelhouse_kinds(HOSTVARS, HOSTVARS) == ["--kind", "3.11-x86_64", "--kind", "3.13-x86_64"]
