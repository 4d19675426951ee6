"""The command `zk-locust`: what the playbooks ask of this package. It loads no Locust.

Playbooks call it for each small step of a run, so each command imports only what it needs.

zk-locust resolve-plan < request.json     a scenario and its overrides, checked: a plan with the token of a new run, or
                                          every problem
zk-locust host-run start --spec FILE      start this host's share of a run
zk-locust host-run status --folder DIR    how it goes, as JSON
zk-locust host-run stop --folder DIR      end it, and wait until it has ended
zk-locust host-run overview --state DIR   all that runs on this host, and what it uses of it, as JSON
zk-locust versions                        what is installed here, as JSON
zk-locust parameters                      the page of all parameters, Markdown
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from zk_locust.contract.errors import ZKLocustError

_DISTRIBUTIONS = ("zk-locust", "locust", "kazoo", "gevent", "hdrhistogram")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 2 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="zk-locust", description="Load-test Apache ZooKeeper: the load's own tools.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "resolve-plan", help="check a scenario, or a list of them (JSON on standard input), and print its plan"
    )
    commands.add_parser("versions", help="print what is installed here")
    commands.add_parser("parameters", help="print the page of all parameters")
    host_run = commands.add_parser("host-run", help="start, look at or end this host's share of a run")
    actions = host_run.add_subparsers(dest="action", required=True)
    start = actions.add_parser("start")
    start.add_argument("--spec", type=Path, required=True)
    start.add_argument("--host", default="", help="this host's name in the inventory; the spec must be for it")
    for action in ("status", "stop"):
        actions.add_parser(action).add_argument("--folder", type=Path, required=True)
    actions.add_parser("overview").add_argument("--state", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        print(_answer(options))
    except ZKLocustError as error:
        print(f"zk-locust: {error}", file=sys.stderr)
        return 2
    return 0


def _answer(options: argparse.Namespace) -> str:
    match options.command:
        case "resolve-plan":
            asked: dict[str, Any] | list[dict[str, Any]] = json.load(sys.stdin)
            return json.dumps([_plan(each) for each in asked] if isinstance(asked, list) else _plan(asked))
        case "versions":
            return json.dumps(_versions())
        case "parameters":
            from zk_locust.contract.parameters_page import parameters_page

            return parameters_page()
    from zk_locust.agent import control

    match options.action:
        case "start":
            from zk_locust.agent import supervisor
            from zk_locust.agent.spec import HostRunSpec

            spec = HostRunSpec.read(options.spec, options.host)
            supervisor.start_detached(spec)
            return json.dumps(control.status_of(spec.folder))
        case "stop":
            return json.dumps(control.stop(options.folder))
        case "overview":
            from zk_locust.agent.overview import overview

            return json.dumps(overview(options.state))
    return json.dumps(control.status_of(options.folder))


def _plan(request: dict[str, Any]) -> dict[str, Any]:
    from zk_locust.contract.faults.fleet import FaultFleet
    from zk_locust.contract.run_token import VARIABLE, new_token
    from zk_locust.workload.scenario_plan import plan_as_json
    from zk_locust.workload.scenarios import resolve_plan

    plan, problems = resolve_plan(
        str(request["scenario"]),
        Path(request["scenarios_dir"]),
        request.get("overrides", {}),
        managed=bool(request.get("managed", True)),
        max_buffer_bytes=request.get("max_buffer_bytes"),
        fleet=FaultFleet.of(request["fleet"]) if "fleet" in request else None,
    )
    answer = plan_as_json(plan, problems)
    if plan is not None:
        answer["plan"]["secret_environment"] = plan.secret_environment | {VARIABLE: new_token()}
    return answer


def _versions() -> dict[str, str]:
    import importlib.metadata
    import platform

    versions = {"python": platform.python_version()}
    for distribution in _DISTRIBUTIONS:
        versions[distribution.replace("-", "_")] = importlib.metadata.version(distribution)
    return versions


if __name__ == "__main__":
    sys.exit(main())
