"""The hosts of the load: their variables, their limits, and whether there are enough users."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, Field

from zk_locust.contract.inventory.reading import (
    CONFIG,
    Groups,
    HostVars,
    Number,
    Port,
    Whole,
    checked,
    field_problems,
    hosts_of_contract,
)

# Descriptors of one session, and of all else in a worker.
_FILES_PER_SESSION: Final = {"kazoo": 3, "native": 1, "libzookeeper": 1, "zkpython": 1}
_FILES_PER_WORKER: Final = 200


def _is_interval(seconds: float) -> float:
    if seconds != 0 and not 0.1 <= seconds <= 3600:
        raise ValueError("out of range")
    return seconds


class LoadVariables(BaseModel):
    """The variables of the load and of samples that are judged, with the defaults of the roles."""

    model_config = CONFIG

    locust_processes: Annotated[
        Whole, Field(ge=0, description="must be a number of workers, or 0 for one on each core")
    ] = 0
    locust_master_port: Port = 5557
    benchmark_host_metrics_interval_s: Annotated[
        Number,
        AfterValidator(_is_interval),
        Field(description="must be seconds from 0.1 to 3600, or 0 for no samples of the machines"),
    ] = 1


def load_host_problems(groups: Groups, hostvars: HostVars) -> Iterator[str]:
    """Say what is wrong with the variables of load hosts, and with the intervals of samples on all hosts."""
    for variable, names in {
        "locust_processes": groups.get("locust_workers", []),
        "locust_master_port": groups.get("locust_master", []),
        "benchmark_host_metrics_interval_s": hosts_of_contract(groups),
    }.items():
        for name in names:
            wrong = checked(LoadVariables, hostvars[name])[1]
            yield from field_problems(name, LoadVariables, {key: wrong[key] for key in wrong.keys() & {variable}})


def users_lines(users: int, workers: Mapping[str, int], hostvars: HostVars) -> tuple[list[str], list[str]]:
    """Return a line where users are fewer than workers: a problem where `locust_processes` asks for so many.

    Where there are more workers only because some hosts have one on each core, it is a warning, the second of the two.
    `workers` counts the workers of every host, also where they are the host's cores.
    """
    chosen = {name: n for name, n in workers.items() if checked(LoadVariables, hostvars[name])[0].locust_processes}
    problems = _fewer_users(users, chosen)
    return problems, [] if problems else _fewer_users(users, workers)


def _fewer_users(users: int, workers: Mapping[str, int]) -> list[str]:
    total = sum(workers.values())
    if users >= total:
        return []
    per_host = ", ".join(f"{name} {count}" for name, count in workers.items() if count)
    return [
        f"controller: users [{users}] are fewer than the workers [{total}: {per_host}], so that some workers"
        f" have no user; set benchmark_users (or the most of benchmark_user_stages) to {total} or more, or"
        " locust_processes to fewer workers"
    ]


def set_limits_problems(name: str, root: bool) -> list[str]:
    """Return a line where the host's limits are to be raised, and there is no `root` to do it."""
    if root:
        return []
    return [
        f"{name}: load_host_set_limits [true] needs root on the load host: set ansible_become: true for it, or leave"
        " load_host_set_limits out"
    ]


def load_limit_problems(name: str, limits: Mapping[str, Any], load: Mapping[str, Any]) -> list[str]:
    """Return which limits of the host would cap the load before the ensemble does.

    `limits` is that of `host_probe`. `load` has the plan's `users` and `client`, the `workers` of this host and
    `all_workers`, the number of `members`, and `set_limits`: whether the role is to raise limits.
    """
    if load["set_limits"]:
        return set_limits_problems(name, root=limits["root"])
    if not load["workers"]:
        return []
    sessions_per_worker = -(-int(load["users"]) // max(int(load["all_workers"]), 1))
    sessions = sessions_per_worker * int(load["workers"])
    problems = []
    files = sessions_per_worker * _FILES_PER_SESSION.get(str(load["client"]), 3) + _FILES_PER_WORKER
    # As root the run raises it for itself.
    if limits["open_files"] and limits["open_files"] < files and not limits["root"]:
        problems.append(
            f"{name}: limit of open files [{limits['open_files']}] is too low for {sessions_per_worker} sessions in a"
            f" worker, {files} are wanted; raise it, or set load_host_set_limits: true with ansible_become: true, or"
            " spread the users over more workers"
        )
    low, high = limits["ports"]
    free = (high - low + 1) * max(int(load["members"]), 1)
    if free < sessions:
        problems.append(
            f"{name}: net.ipv4.ip_local_port_range [{low} {high}] leaves {free} connections for {sessions} sessions;"
            " widen it, or set load_host_set_limits: true with ansible_become: true, or use more load hosts"
        )
    return problems
