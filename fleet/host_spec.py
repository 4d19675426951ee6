"""The share of a load that one load host runs: what `zk-locust host-run start` finds in `spec.json`."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from zk_locust.contract import run_files
from zk_locust.contract.truth import is_true


class Load(TypedDict):
    """The load of a run, the same for all its hosts."""

    run_id: str
    owner: str
    plan: Mapping[str, Any]  # as `zk-locust resolve-plan` prints it
    master: str  # the master's host
    address: str  # where workers reach the master
    bind_host: str  # where it listens for them
    port: int
    web_bind_host: str  # where it serves Locust's pages; empty for none
    web_port: int
    expected_workers: int
    members: Sequence[Mapping[str, Any]]  # of the inventory: name, client and admin (address:port)
    has_ensemble: bool  # whether leases on the members keep other runs away


class Place(TypedDict):
    """What a load host is and has."""

    folder: str  # of the run, on the host
    state_dir: str  # load_host_state_dir
    python: str
    workers: int
    sample_interval_s: float  # of its machine; 0 for none


def host_spec(host: str, load: Load, place: Place) -> dict[str, Any]:
    """Return the content of a load host's `spec.json`, see `zk_locust.agent.spec`."""
    leads = host == load["master"]
    processes = [*([_master(load, place)] if leads else []), *_workers(host, load, place), *_sampler(host, place)]
    return {
        "run_id": load["run_id"],
        "host": host,  # where hosts share a folder unnoticed, one finds the share of another
        "owner": load["owner"],
        "folder": place["folder"],
        "lock": run_files.load_lock(place["state_dir"]),
        "deadline_s": float(load["plan"]["deadline_s"]),
        "processes": processes,
        "leader": "master" if leads else None,
        "secrets": f"{place['folder']}/{run_files.SECRETS}",
        "listens": {"host": load["bind_host"], "port": int(load["port"])} if leads else None,
    }


def host_files(host: str, load: Load, place: Place) -> list[dict[str, str]]:
    """Return the files of a load host's folder of the run, as the module `write_files` takes them, the spec first.

    All processes of the load read the run's token and the secret parameters from one of the files.
    """
    contents = {
        run_files.SPEC: (json.dumps(host_spec(host, load, place), indent=4).encode(), "0640"),
        run_files.SECRETS: (json.dumps(load["plan"]["secret_environment"]).encode(), "0600"),
        run_files.LOCUSTFILE: (Path(load["plan"]["locustfile"]).read_bytes(), "0640"),
    }
    return [
        {"path": f"{place['folder']}/{name}", "content": base64.b64encode(content).decode(), "mode": mode}
        for name, (content, mode) in contents.items()
    ]


def connect_string(load: Load) -> str:
    """Return the connect string of a load: as the parameters give it, else that of the inventory's members."""
    return str(load["plan"]["parameters"].get("hosts") or ",".join(member["client"] for member in load["members"]))


def _environment(load: Load) -> dict[str, str]:
    plan = load["plan"]
    given = plan["environment"]
    root = given.get("ZK_LOCUST_PSEUDO_ROOT", "")
    # A node of the run's own, which its end removes: at the pseudo root, where one is given.
    if not root or is_true(given.get("ZK_LOCUST_REMOVE_NODES", "true")):
        root = f"{root}/zk-locust-{load['run_id']}"
    admin, client = (
        ",".join(f"{member['name']}={member[which]}" for member in load["members"]) for which in ("admin", "client")
    )
    return {
        "ZK_LOCUST_REMOVE_NODES": "true",
        **({"ZK_ADMIN_ADDRESSES": admin, "ZK_CLIENT_ADDRESSES": client} if admin else {}),
        **given,
        "ZK_LOCUST_HOSTS": connect_string(load),
        "ZK_LOCUST_PSEUDO_ROOT": root,
        "ZK_LOCUST_REMOVE_LEFT_TREES": "true" if load["has_ensemble"] else "false",
        "ZK_LOCUST_WARM_UP": plan["warmup"],
        "LOCUST_EXTRA_STATS_CSV": run_files.STATS,
        "LOCUST_EXTRA_STATS_DISTRIB": run_files.DISTRIBUTIONS,
        "LOCUST_EXTRA_STATS_HLOG": run_files.HISTOGRAMS,
        "LOCUST_EXTRA_STATS_SLOWEST": run_files.SLOW_OPERATIONS,
        "LOCUST_EXTRA_STATS_EVENTS": run_files.EVENTS,
        "LOCUST_EXTRA_STATS_PROGRESS": run_files.PROGRESS,
        "ZK_LOCUST_ZK_METRICS_CSV": run_files.METRICS,
    }


def _locust(place: Place) -> list[str]:
    return [place["python"], "-m", "locust", "-f", run_files.LOCUSTFILE]


def _master(load: Load, place: Place) -> dict[str, Any]:
    arguments = {
        "--master-bind-host": load["bind_host"],
        "--master-bind-port": load["port"],
        "--expect-workers": load["expected_workers"],
        "--expect-workers-max-wait": 40,
        "--users": load["plan"]["first_users"],
        "--spawn-rate": load["plan"]["spawn_rate"],
        "--run-time": f"{int(load['plan']['run_time_s'])}s",
        "--stop-timeout": 15,
        "--json-file": run_files.SUMMARY.removesuffix(".json"),
        "--exit-code-on-error": 0,  # failed operations are a result, not a failed run
    }
    mode = ["--headless"]
    if load["web_bind_host"]:
        # The page stays for a moment, so that its reader sees the end.
        address = ["--web-host", load["web_bind_host"], "--web-port", str(load["web_port"])]
        mode = ["--autostart", "--autoquit", "3", *address]
    flags = [str(word) for pair in arguments.items() for word in pair]
    return {
        "name": "master",
        "arguments": [*_locust(place), "--master", *mode, "--only-summary", *flags],
        "environment": _environment(load) | _dispatching(load),
    }


def _dispatching(load: Load) -> dict[str, str]:
    """Return by which file a dispatcher on the master asks for what it wants; nothing where none may."""
    return {} if load["plan"].get("dispatch") is None else {"ZK_DISPATCH_REQUESTS": run_files.DISPATCH_REQUESTS}


def _workers(host: str, load: Load, place: Place) -> list[dict[str, Any]]:
    reaches = ["--master-host", load["address"], "--master-port", str(load["port"])]
    has_faults = bool(load["plan"].get("fault_actions"))
    return [
        {
            "name": f"worker-{number}",
            "arguments": [*_locust(place), "--worker", *reaches],
            "environment": {"ZK_LOCUST_WORKER_NAME": f"{host}/worker-{number}"}
            | ({"LOCUST_EXTRA_STATS_MOMENTS": run_files.moments_of(f"worker-{number}")} if has_faults else {}),
        }
        for number in range(1, int(place["workers"]) + 1)
    ]


def _sampler(host: str, place: Place) -> list[dict[str, Any]]:
    """Return what records the host's machine while its load is running; nothing at 0 seconds."""
    interval_s = place["sample_interval_s"]
    if not float(interval_s):
        return []
    arguments = {
        "--file": run_files.HOST_METRICS,
        "--host": host,
        "--interval-s": str(interval_s),
        "--status": run_files.STATUS,
    }
    flags = [word for pair in arguments.items() for word in pair]
    command = [place["python"], "-m", "host_metrics", "record", *flags]
    return [{"name": "sampler", "arguments": command, "environment": {}, "companion": True}]
