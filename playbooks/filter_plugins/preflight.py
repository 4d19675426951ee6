"""What preflight asks of the command line, and how it reports problems."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

HostVars = Mapping[str, Mapping[str, Any]]

# Variables that override a scenario, by the scenario's own names.
_OVERRIDES = ("locustfile", "users", "spawn_rate", "warmup", "run_time", "parameters")


def scenario_request(variables: Mapping[str, Any], scenarios_dir: str, managed: bool) -> dict[str, Any]:
    """Return the question for `zk-locust resolve-plan`: the scenario and those overrides that are set."""
    return {
        "managed": managed,
        "scenario": variables.get("benchmark_scenario", "quick"),
        "scenarios_dir": scenarios_dir,
        "overrides": {
            name: variables[f"benchmark_{name}"]
            for name in _OVERRIDES
            if variables.get(f"benchmark_{name}") is not None
        },
    }


# What the way to another user says where it fails, what that means, and what to do; the first that fits counts.
_BECOME_FAILURES = (
    (
        r"\b(sudo|su|doas)['\"]?: (command )?not found|command not found: (sudo|su|doas)\b"
        r"|\b(sudo|su|doas)['\"]?: No such file",
        "there is no {method} for it",
        "install {method} there, or set ansible_become_method to what is there (su, doas), or ansible_become: false",
    ),
    (
        r"must have a tty",
        "sudo wants a terminal, which Ansible does not give it",
        "take requiretty out of sudoers for {user} (Defaults !requiretty), or set ansible_become: false",
    ),
    (
        r"is not allowed to (execute|run)|not in the sudoers file|may not run sudo|doas: Operation not permitted",
        "{user} may not become root",
        "allow {user} every command in sudoers (ALL=(ALL) NOPASSWD: ALL), or set ansible_become: false",
    ),
    (
        r"\b(sudo|su|doas|become)\b.*password|waiting for privilege escalation prompt",
        "{user} may not become root without a password",
        "allow it in sudoers, or set ansible_become_password (in a vault), or ansible_become: false",
    ),
    (
        r"(^|\s)(sudo|doas): |waiting for (become|privilege escalation)",
        "{user} does not become root",
        "see that `{method} -n true` works there for {user}, or set ansible_become: false",
    ),
)


def become_problem(name: str, answer: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    """Return the line for a host where the SSH user did not become another; empty where something else is wrong."""
    # Latest first: before what matters there may be a banner, or Ansible's own summary.
    parts = (str(answer.get(part) or "") for part in ("msg", "module_stdout", "module_stderr"))
    lines = [line.strip() for part in parts for line in part.splitlines()][::-1]
    words = {
        "user": variables.get("ansible_user", "the SSH user"),
        "method": variables.get("ansible_become_method", "sudo"),
    }
    for pattern, meaning, remedy in _BECOME_FAILURES:
        said = next((line for line in lines if re.search(pattern, line, re.IGNORECASE)), None)
        if said is not None:
            return f"{name}: ansible_become [true]: {meaning.format(**words)} ({said}); {remedy.format(**words)}"
    return ""


def probe_problems(groups: Mapping[str, Iterable[str]], hostvars: HostVars) -> list[str]:
    """Collect what the probes found on all hosts, those included that did not answer."""
    problems: list[str] = []
    load_hosts = {*groups.get("locust_master", []), *groups.get("locust_workers", [])}
    for name in groups_names(groups):
        variables = hostvars[name]
        answer = variables.get("__host_facts", {})
        address = variables.get("ansible_host", name)
        reason = " ".join(str(answer.get("msg", "no answer")).split())
        if answer.get("skipped") and name not in load_hosts:
            continue  # a member of an ensemble that is not ours
        if answer.get("unreachable"):
            problems.append(
                f"{name}: ansible_host [{address}] cannot be reached: {reason};"
                " check the address, that the machine is up, and that `ssh` reaches it without a question"
            )
        elif not answer.get("ansible_facts", {}).get("ansible_python_version"):
            if not_root := become_problem(name, answer, variables):
                problems.append(not_root)
                continue
            interpreter = variables.get("ansible_python_interpreter", "found by Ansible")
            problems.append(
                f"{name}: ansible_python_interpreter [{interpreter}] runs no Ansible module: {reason};"
                " install Python 3.9 or newer (a load host: 3.11) or name another interpreter"
            )
        elif not variables.get("preflight_probed"):
            problems.append(f"{name}: its probes failed; the reason is above")
        else:
            for source in ("preflight_problems", "preflight_load_problems", "_zookeeper_problems"):
                problems += variables.get(source, [])
    return problems


# What makes a module's answer: where it runs, as whom, and by which Python.
_WAY = (
    *("ansible_connection", "ansible_python_interpreter", "ansible_become", "ansible_become_user"),
    *("ansible_become_method", "ansible_become_exe"),
)


def told_by(name: str, candidates: Iterable[str], hostvars: HostVars) -> str:
    """Return which host to ask for the facts of `name`: the first of `candidates` that is the same, else itself.

    Only hosts on the controller are known to be the same: a local connection, the same user and the same Python.
    """
    way = [hostvars[name].get(variable) for variable in _WAY]
    if way[0] != "local":
        return name
    return next((other for other in candidates if [hostvars[other].get(v) for v in _WAY] == way), name)


def groups_names(groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the hosts of the contract's groups, each once."""
    names = [name for group in ("zookeeper", "locust_master", "locust_workers") for name in groups.get(group, [])]
    return list(dict.fromkeys(names))


def probe_warnings(groups: Mapping[str, Iterable[str]], hostvars: HostVars) -> list[str]:
    """Collect what the probes found that a run may go on with, but whose reader should know."""
    sources = ("preflight_host_warnings", "_zookeeper_warnings")
    return [line for name in groups_names(groups) for source in sources for line in hostvars[name].get(source, [])]


def warning_report(warnings: Sequence[str]) -> list[str]:
    """Return the lines that show warnings on screen."""
    return [f"  warning: {line}" for line in joined(warnings)]


def joined(problems: Iterable[str]) -> list[str]:
    """Write once what is said of several hosts: `a: text` and `b: text` become `a, b: text`."""
    subjects: dict[str, list[str]] = {}
    for problem in problems:
        subject, _, text = problem.partition(": ")
        subjects.setdefault(text, []).append(subject)
    return [f"{', '.join(dict.fromkeys(names))}: {text}" for text, names in subjects.items()]


def problem_report(problems: Sequence[str]) -> list[str]:
    """Return the lines that show problems on screen."""
    problems = joined(problems)
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return [
        "",
        f"preflight found {count}; nothing was started",
        "",
        *(f"  {number}. {problem}" for number, problem in enumerate(problems, 1)),
        "",
    ]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "probe_problems": probe_problems,
            "groups_names": groups_names,
            "told_by": told_by,
            "probe_warnings": probe_warnings,
            "problem_report": problem_report,
            "warning_report": warning_report,
            "scenario_request": scenario_request,
        }
