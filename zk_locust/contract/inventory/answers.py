"""What hosts have answered when preflight asked them, those included that did not answer."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from zk_locust.contract.inventory.reading import Groups, HostVars, hosts_of_contract, load_hosts

# Messages of sudo and its like, what each means, and the remedy. The first match counts.
_BECOME_FAILURES: Final = (
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
# What decides how a module runs: the connection, the user and the Python.
_WAY: Final = (
    *("ansible_connection", "ansible_python_interpreter", "ansible_become", "ansible_become_user"),
    *("ansible_become_method", "ansible_become_exe"),
)


def become_problem(name: str, answer: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    """Return the line for a host where the SSH user could not become another user; empty for other failures."""
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


def answer_problems(
    groups: Groups,
    hostvars: HostVars,
    reached: Mapping[str, Mapping[str, Any]],
    found: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Collect what the probes found on all hosts, those included that did not answer.

    `reached` has each host's answer to the first question, and `found` what its probes then said: `problems`; it is
    empty where a probe failed.
    """
    problems: list[str] = []
    loaded = load_hosts(groups)
    for name in hosts_of_contract(groups):
        variables, answer = hostvars[name], reached.get(name) or {}
        reason = " ".join(str(answer.get("msg", "no answer")).split())
        if answer.get("skipped") and name not in loaded:
            continue  # a member of an external ensemble
        if answer.get("unreachable"):
            problems.append(
                f"{name}: ansible_host [{variables.get('ansible_host', name)}] cannot be reached: {reason};"
                " check the address, that the machine is up, and that `ssh` reaches it without a question"
            )
        elif not answer.get("ansible_facts", {}).get("ansible_python_version"):
            interpreter = variables.get("ansible_python_interpreter", "found by Ansible")
            problems.append(
                become_problem(name, answer, variables)
                or f"{name}: ansible_python_interpreter [{interpreter}] runs no Ansible module: {reason};"
                " install Python 3.9 or newer (a load host: 3.11) or name another interpreter"
            )
        elif not found.get(name):
            problems.append(f"{name}: its probes failed; the reason is above")
        else:
            problems += found[name]["problems"]
    return problems


def told_by(name: str, candidates: Iterable[str], hostvars: HostVars) -> str:
    """Return which host to ask for the facts of `name`: the first of `candidates` that is the same, else itself.

    Only hosts on the controller are known to be the same: a local connection, the same user and the same Python.
    """
    way = [hostvars[name].get(variable) for variable in _WAY]
    if way[0] != "local":
        return name
    return next((other for other in candidates if [hostvars[other].get(v) for v in _WAY] == way), name)
