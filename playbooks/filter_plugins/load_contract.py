"""What the load's roles derive from the inventory: addresses, the processes of a load host, the manifest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fleet.full_disks import times_of_full_disk, told_by_sampler
from zk_locust.contract.plain_text import plain_line, plain_values
from zk_locust.contract.secrets import redacted, secret_names, without_user_info

HostVars = Mapping[str, Mapping[str, Any]]

_CONTRACT_VARIABLE = re.compile(r"(zookeeper|locust|benchmark|load_host)_\w+|ansible_(host|port|user|connection)")
# Facts that our own roles have set while they worked.
_WORKING_FACT = re.compile(
    r"(?!benchmark_run_time$)benchmark_(collect|run|plan)(_\w+)?|load_host_(folder|interpreter|workers|versions|master_address|run_command|kind|environment)"
)
_UNREACHED = "it cannot be reached"
_LONGEST_FAILURE = 2000
_MACHINE_LOCK = "/tmp/zk-locust-load.lock"  # zk_locust.agent.overview looks there too


def _address(name: str, variables: Mapping[str, Any]) -> str:
    address = str(variables.get("zookeeper_address") or variables.get("ansible_host") or name)
    return f"[{address}]" if ":" in address else address


def connect_string(members: Iterable[str], hostvars: HostVars) -> str:
    """Return the connect string of the members, in the order of the group."""
    return ",".join(f"{_address(m, hostvars[m])}:{hostvars[m].get('zookeeper_client_port', 2181)}" for m in members)


def admin_addresses(members: Iterable[str], hostvars: HostVars) -> str:
    """Return the AdminServers of the members, as `--zk-admin-addresses` takes them."""
    return ",".join(f"{m}={_address(m, hostvars[m])}:{hostvars[m].get('zookeeper_admin_port', 8080)}" for m in members)


def load_lock(state_dir: str | None) -> str:
    """Return the file that a run locks on a load host whose `load_host_state_dir` that is.

    Whoever's the run is: folders of users differ, the machine is one. A folder that is given is a place of its own.
    """
    return f"{state_dir}/load/lock" if state_dir else _MACHINE_LOCK


def locust_processes(
    name: str, environment: Mapping[str, str], python: str, master: Mapping[str, Any] | None, workers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the processes of the load host `name`, as `zk-locust host-run` takes them.

    `master` has `bind_host`, `port`, `expect_workers`, the plan's `users`, `spawn_rate` and `run_time_s`, and where its
    web UI listens: `web_bind_host` (empty for none) and `web_port`; it is None where the master runs elsewhere.
    `workers` has their `count` here, and the master's `address` and `port`.
    """
    common = [python, "-m", "locust", "-f", "locustfile.py"]
    processes = []
    if master is not None:
        arguments = {
            "--master-bind-host": master["bind_host"],
            "--master-bind-port": master["port"],
            "--expect-workers": master["expect_workers"],
            "--expect-workers-max-wait": 40,
            "--users": master["users"],
            "--spawn-rate": master["spawn_rate"],
            "--run-time": f"{int(master['run_time_s'])}s",
            "--stop-timeout": 15,
            "--json-file": "locust-summary",
            "--exit-code-on-error": 0,  # failed operations are a result, not a failed run
        }
        flags = [str(word) for pair in arguments.items() for word in pair]
        if master.get("web_bind_host"):
            # The page stays for a moment, so that whoever looks at it sees the end.
            address = ["--web-host", str(master["web_bind_host"]), "--web-port", str(master["web_port"])]
            mode = ["--autostart", "--autoquit", "3", *address]
        else:
            mode = ["--headless"]
        processes.append(
            {
                "name": "master",
                "arguments": [*common, "--master", *mode, "--only-summary", *flags],
                "environment": dict(environment),
            }
        )
    for number in range(1, int(workers["count"]) + 1):
        processes.append(
            {
                "name": f"worker-{number}",
                "arguments": [
                    *common,
                    "--worker",
                    *("--master-host", str(workers["address"]), "--master-port", str(workers["port"])),
                ],
                "environment": {"ZK_LOCUST_WORKER_NAME": f"{name}/worker-{number}"},
            }
        )
    return processes


def sampler_process(name: str, python: str, interval_s: float) -> list[dict[str, Any]]:
    """Return what records the machine of the load host `name` while its load is on its way; nothing at 0 seconds."""
    if not float(interval_s):
        return []
    arguments = [
        "--file",
        "host-metrics.csv",
        "--host",
        name,
        "--interval-s",
        str(interval_s),
        "--status",
        "status.json",
    ]
    return [
        {
            "name": "sampler",
            "arguments": [python, "-m", "host_metrics", "record", *arguments],
            "environment": {},
            "companion": True,
        }
    ]


def contract_variables(hostvars: HostVars) -> dict[str, dict[str, Any]]:
    """Return each host's variables of the inventory contract, secrets removed: what the manifest records."""
    return {
        name: {key: redacted(key, variables[key]) for key in sorted(variables) if _is_contract(key)}
        for name, variables in hostvars.items()
    }


def _is_contract(key: str) -> bool:
    return bool(_CONTRACT_VARIABLE.fullmatch(key)) and not _WORKING_FACT.fullmatch(key)


def host_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the manifest says of a machine, from Ansible's facts; what is not known is left out."""
    # On x86 the list runs: number, vendor, model, number, …; elsewhere it holds models, or nothing.
    processors = facts.get("processor") or []
    models = processors[2:3] if processors and str(processors[0]).isdigit() else processors[:1]
    found = {
        "kernel": facts.get("kernel"),
        "distribution": " ".join(str(facts.get(k, "")) for k in ("distribution", "distribution_version")).strip(),
        "cpu_model": models[0] if models else None,
        "cores": facts.get("processor_vcpus"),
        "memory_mb": facts.get("memtotal_mb"),
        "python": facts.get("python_version"),
    }
    return plain_values({key: value for key, value in found.items() if value})


def clock_offsets(hosts: Iterable[str], hostvars: HostVars) -> dict[str, dict[str, float]]:
    """Return each host's clock minus the controller's, and how far that may be off (ms), where it was measured."""
    clocks = {host: hostvars[host].get("preflight_clock") or {} for host in hosts}
    return {
        host: {"clock_offset_ms": clock["offset_ms"], "clock_error_ms": clock["error_ms"]}
        for host, clock in clocks.items()
        if clock.get("offset_ms") is not None
    }


def uncollected(
    groups: Mapping[str, Iterable[str]], hostvars: HostVars, without_master: bool = False
) -> dict[str, list[str]]:
    """Return what did not come home: `blocking`, for which the record stays open, and `missing`, only reported.

    The master has the run's figures, and as long as it has them they are worth another try. Worker hosts and members
    hold only logs: those are not worth a report, and stay where they are. With `without_master` the figures of a
    master that does not give them are not waited for: `given_up` says so, and so does `missing`. `unknown` names files
    that came and that nobody expects.
    """
    blocking: list[str] = []
    missing: list[str] = []
    given_up: list[str] = []
    unknown: list[str] = []
    master = next(iter(groups["locust_master"]))
    for host in dict.fromkeys([*groups["locust_master"], *groups["locust_workers"]]):
        found = hostvars[host]
        if found.get("benchmark_collect_taken_in"):
            missing += _named(host, found.get("benchmark_collect_missing"), "is missing: it was not written")
            status = found.get("benchmark_collect_status") or {}
            if status.get("state") == "absent" and status.get("problem"):
                missing.append(f"{host}: {status['problem']}")
            unknown += _named(
                host, found.get("benchmark_collect_unknown"), f"is no file of a run; it is kept in logs/{host}"
            )
            missing += _refused(host, found.get("benchmark_collect_refused"), "this host keeps the run's files")
            continue
        if found.get("benchmark_collect_nothing"):
            missing.append(str(found["benchmark_collect_nothing"]))
            continue
        problem = str(found.get("benchmark_collect_problem") or "")
        line = f"{host}: its files could not be fetched, {problem or _UNREACHED}"
        if host == master and without_master:
            given_up.append(f"the master's figures were given up: {line}")
        elif host == master:
            blocking.append(line)
        else:
            missing.append(f"{line}; they are left there" if problem else line)
    for member in groups.get("zookeeper", []):
        found = hostvars[member]
        if (found.get("__reached") or {}).get("unreachable"):
            missing.append(f"{member}: its logs could not be fetched, {_UNREACHED}")
        missing += _refused(member, (found.get("__zookeeper_taken_in") or {}).get("refused"), "")
        missing += [
            f"{member}: {found[fact]}"
            for fact in ("_zookeeper_samples_problem", "_zookeeper_logs_problem", "_collect_problem")
            if found.get(fact)
        ]
    found_lines = {"blocking": blocking, "missing": given_up + missing, "given_up": given_up, "unknown": unknown}
    # Much of it was said by the hosts.
    return {kind: list(map(plain_line, lines)) for kind, lines in found_lines.items()}


def _named(host: str, names: Iterable[str] | None, words: str) -> list[str]:
    """Return a line for each of a host's files `names`; what only counts more of them (`first_of`) stands alone."""
    return [f"{host}: {name}" if str(name).startswith("and ") else f"{host}: {name} {words}" for name in names or []]


def _refused(host: str, lines: Iterable[str] | None, end: str) -> list[str]:
    """Return a line for each entry of a host's pack that was not taken; `end` is what that means, on the last."""
    found = [f"{host}: {line}" for line in lines or []]
    return [*found[:-1], f"{found[-1]}; {end}"] if found and end else found


def machines(hosts: Iterable[str], hostvars: HostVars) -> dict[str, dict[str, Any]]:
    """Return what the manifest says of each host: its machine, what its member has told, when its disk was full."""
    return {
        host: host_facts(hostvars[host].get("ansible_facts") or {})
        | plain_values(hostvars[host].get("benchmark_collect_member"))
        | told_by_sampler(hostvars[host].get("__zookeeper_sampler_ended") or {})
        | times_of_full_disk(hostvars[host].get("benchmark_collect_status") or {})
        for host in hosts
    }


def members_asked(answers: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what the manifest says of members that only the connect string names, from what `srvr` has told of them.

    They are named by address and port: several may share a machine. One that gave no answer is left out.
    """
    found = {}
    for answer in answers:
        address = str(answer["item"]["address"])
        name = f"[{address}]" if ":" in address else address
        if answer.get("mode"):
            told = {"zookeeper_version": answer.get("version") or "unknown", "zookeeper_mode": answer["mode"]}
            found[f"{name}:{answer['item']['client_port']}"] = plain_values(told)
    return found


def start_failures(hosts: Iterable[str], hostvars: HostVars) -> list[str]:
    """Return why hosts have not started their share of the load, each with its name."""
    failures = []
    for host in hosts:
        started = hostvars[host].get("__benchmark_run_started") or {"rc": 1, "stderr": "it was not reached"}
        if started.get("rc", 1) != 0:
            said = plain_line(started.get("stderr") or started.get("msg") or "", _LONGEST_FAILURE)
            failures.append(f"{host}: {said or 'no reason given'}")
    return failures


def master_ended_well(status: Mapping[str, Any]) -> bool:
    """Whether the Locust master came to the end of its load, from `zk-locust host-run status`."""
    exit_code = ((status.get("processes") or {}).get("master") or {}).get("exit_code")
    return status.get("ended_by") in ("leader", "itself") and exit_code == 0


def master_failure(status: Mapping[str, Any], host: str, workers: Mapping[str, Any]) -> str:
    """Return why the Locust master did not end well, from `zk-locust host-run status`; empty where it did.

    `workers` has the number that was `expected`, and the master's `address` and `port` for them.
    """
    if master_ended_well(status):
        return ""
    exit_code = (status.get("processes", {}).get("master") or {}).get("exit_code")
    ended_by = status.get("ended_by")
    progress = status.get("progress") or {}
    log = f"see logs/{host}/master.log in the run folder"
    if ended_by == "leader" and progress and not progress.get("stage"):
        ready = int(progress.get("workers") or 0)
        if ready < int(workers["expected"]):
            return (
                f"only {ready} of {workers['expected']} workers have come to the master: the others do not reach"
                f" locust_master_address [{workers['address']}], port [{workers['port']}] (locust_master_port), or they"
                f" have ended; see logs/<worker host>/worker-*.log, and {log}"
            )
    problem = plain_line(status.get("problem") or "")
    return (
        f"the Locust master did not end well (state {plain_line(status.get('state'))}, ended by"
        f" {plain_line(ended_by or 'nobody')}, exit code"
        f" {'unknown' if exit_code is None else plain_line(exit_code)}); {f'{problem}; ' if problem else ''}{log}"
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "connect_string": connect_string,
            "admin_addresses": admin_addresses,
            "load_lock": load_lock,
            "locust_processes": locust_processes,
            "sampler_process": sampler_process,
            "contract_variables": contract_variables,
            "clock_offsets": clock_offsets,
            "machines": machines,
            "plain_values": plain_values,
            "master_ended_well": master_ended_well,
            "master_failure": master_failure,
            "uncollected": uncollected,
            "secret_names": secret_names,
            "without_user_info": without_user_info,
            "members_asked": members_asked,
            "start_failures": start_failures,
        }
