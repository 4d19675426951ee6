"""What is called to finish a run whose `ansible-playbook` ended too early."""

import importlib.util
import json
from pathlib import Path

PLUGIN = Path(__file__).parents[3] / "playbooks" / "callback_plugins" / "unfinished_run.py"
SPEC = importlib.util.spec_from_file_location("unfinished_run", PLUGIN)
assert SPEC is not None
assert SPEC.loader is not None
unfinished_run = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(unfinished_run)


def command(*words: str, playbooks: list[str]) -> list[str]:
    found: list[str] = unfinished_run.finishing_command(
        ["ansible-playbook", *words], playbooks, Path("/p"), "a 'reason'"
    )
    return found


def test_how_hosts_are_reached_stays_and_what_is_played_does_not() -> None:
    found = command(
        "playbooks/run.yml", "-i", "inventory/prod", "-e", "a=1", "--private-key", "k", "-u", "me", "--tags", "run",
        "--skip-tags=report", "--check", "--limit", "x", playbooks=["playbooks/run.yml"],
    )  # fmt: skip
    assert found[:11] == [
        "ansible-playbook", "-i", "inventory/prod", "-e", "a=1", "--private-key", "k", "-u", "me", "--limit", "x",
    ]  # fmt: skip
    assert found[11:] == [
        "-e",
        '{"benchmark_stop": true, "benchmark_interruption": "a \'reason\'"}',
        "/p/collect.yml",
    ]


def test_a_benchmark_is_also_stopped_and_reported() -> None:
    found = command("playbooks/benchmark.yml", playbooks=["playbooks/benchmark.yml"])
    assert found[-3:] == ["/p/collect.yml", "/p/stop.yml", "/p/report.yml"]
    assert json.loads(found[-4])["stop_only_unkept"] is True
