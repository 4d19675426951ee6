"""Every parameter of zk_locust and of its collectors: the only place where one is named.

From this table come Locust's command line, the environment variables, the checking of a scenario's
`parameters`, and `docs/parameters.md`. Precedence: flag, environment, default.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from zk_locust.contract import parameter_values as values
from zk_locust.contract.arrival import DEFAULT_QUEUE, DEFAULT_SEED, PROCESSES
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.parameter import Parameter, RefusedValueError, Value
from zk_locust.contract.parameter_values import WEB, parse_admin_addresses
from zk_locust.contract.request_size import DEFAULT_MAX_BUFFER_BYTES
from zk_locust.contract.secrets import REDACTED, is_secret, redacted

__all__ = [
    "BY_NAME",
    "PARAMETERS",
    "WEB",
    "Parameter",
    "Value",
    "add_parameters",
    "check",
    "environment_of",
    "find",
    "parameter_of",
    "parse_admin_addresses",
    "showable",
]

LOAD: Final = "Load"
CLIENT: Final = "Client"
STATISTICS: Final = "Statistics"
METRICS: Final = "ZooKeeper metrics"
DISPATCH: Final = "Dispatcher"
REPORT: Final = "Report"
BENCH: Final = "Benchmark"

BENCH_ENVIRONMENT: Final = "ZK_LOCUST_BENCH_"
_BENCH_NAME: Final = re.compile(r"bench(-[a-z0-9]+)+")

CLIENTS: Final = ("kazoo", "native", "libzookeeper", "zkpython")
KAZOO_HANDLERS: Final = ("gevent", "gevent-fast", "threading")
EXCEPTION_BEHAVIORS: Final = ("log-failure", "try-suppress", "propagate")

PARAMETERS: Final[tuple[Parameter, ...]] = (
    Parameter(
        "--hosts", "ZK_LOCUST_HOSTS", values.connect_string, None,
        "connect string of the ensemble: host:port,host:port[/chroot]", LOAD, "CONNECT_STRING",
        older_environment="KAZOO_LOCUST_HOSTS",
    ),
    Parameter(
        "--pseudo-root", "ZK_LOCUST_PSEUDO_ROOT", values.node_path, "/kl",
        "node below which the load works; not a chroot: the clients see its full path", LOAD, "PATH",
        older_environment="KAZOO_LOCUST_PSEUDO_ROOT",
    ),
    Parameter(
        "--remove-nodes", "ZK_LOCUST_REMOVE_NODES", values.flag, False,
        "work below a node of the load's own at the pseudo root, and remove that node when the load has ended", LOAD,
        switch=True,
    ),
    Parameter(
        "--remove-left-trees", "ZK_LOCUST_REMOVE_LEFT_TREES", values.flag, False,
        "with --remove-nodes: first remove what killed runs of the playbooks have left; for an ensemble that one run "
        "at a time has for itself", LOAD, switch=True, in_form=False,
    ),
    Parameter(
        "--min-wait", "ZK_LOCUST_MIN_WAIT", values.milliseconds, 0.0,
        "least time a user waits between two operations, milliseconds or with a unit", LOAD, "MS",
    ),
    Parameter(
        "--max-wait", "ZK_LOCUST_MAX_WAIT", values.milliseconds, None,
        "most time a user waits between two operations; the least time where it is not given", LOAD, "MS",
    ),
    Parameter(
        "--key-size", "ZK_LOCUST_KEY_SIZE", values.size, 8,
        "length of the node names that the load makes, bytes", LOAD, "BYTES",
    ),
    Parameter(
        "--val-size", "ZK_LOCUST_VAL_SIZE", values.size, 8,
        "length of the values that the load writes, bytes", LOAD, "BYTES",
    ),
    Parameter(
        "--jute-maxbuffer", "ZK_LOCUST_JUTE_MAXBUFFER", values.size, DEFAULT_MAX_BUFFER_BYTES,
        "the servers' jute.maxbuffer, where it was raised: larger values are refused before the load starts", LOAD,
        "BYTES",
    ),
    Parameter(
        "--workload", "ZK_LOCUST_WORKLOAD", values.workload, None,
        "what locust_workload.py does: JSON, or the path of a JSON or YAML file; see docs/workloads.md", LOAD, "JSON",
    ),
    Parameter(
        "--warm-up", "ZK_LOCUST_WARM_UP", values.warm_up, 0.0,
        "after all users have started, load that is recorded apart and enters no result; --run-time then counts from "
        "its end. With auto it ends when rate, p50 and p99 are stationary, after 12 s at the earliest and 60 s "
        "at the latest (auto:120s: after 120 s), which needs --stats-collect", LOAD, "SECONDS",
    ),
    Parameter(
        "--user-stages", "ZK_LOCUST_USER_STAGES", values.user_stages, None,
        'in place of --users, how many users run at which time of the measured stage, JSON: [{"users": 10, "for": '
        '"30s"}, {"from": 10, "to": 100, "for": "60s"}]; "steps": 5 makes a staircase of a ramp. The measured stage '
        "ends with the last one; a step takes place at --spawn-rate", LOAD, "JSON", in_form=False,
    ),
    Parameter(
        "--control-program", "LOCUST_EXTRA_CONTROL_PROGRAM", values.control_program, None,
        "instructions that change the number of users while the load goes on, one a line; see docs/users-over-time.md",
        LOAD, "PROGRAM", in_form=False,
    ),
    Parameter(
        "--arrival-rate", "ZK_LOCUST_ARRIVAL_RATE", values.arrival_rate, None,
        "operations a second over all workers, due at times that are fixed beforehand (open loop); without it each "
        "user sends its next operation after the reply (closed loop)", LOAD, "RATE",
    ),
    Parameter(
        "--arrival-stages", "ZK_LOCUST_ARRIVAL_STAGES", values.arrival_stages, None,
        'in place of --arrival-rate, a list of rates and ramps, JSON: [{"rate": 1000, "for": "30s"}, {"from": 1000, '
        '"to": 5000, "for": "60s"}]; "steps": 5 makes a staircase of a ramp. The measured stage ends with the last one',
        LOAD, "JSON",
    ),
    Parameter(
        "--arrival-process", "ZK_LOCUST_ARRIVAL_PROCESS", values.choice(*PROCESSES), PROCESSES[0],
        "how the operations of an open loop arrive: uniform, or poisson (at random)", LOAD, "NAME",
    ),
    Parameter(
        "--arrival-seed", "ZK_LOCUST_ARRIVAL_SEED", values.whole(0), DEFAULT_SEED,
        "seed of --arrival-process poisson: the same seed and the same number of workers give the same due times",
        LOAD, "NUMBER",
    ),
    Parameter(
        "--arrival-queue", "ZK_LOCUST_ARRIVAL_QUEUE", values.whole(1), DEFAULT_QUEUE,
        "how many due operations may wait for a free session on one worker; those beyond it are dropped, and counted. "
        "The default is 10 s, the time limit of an operation, at 10,000/s, the most that one worker sends", LOAD,
        "COUNT",
    ),
    Parameter(
        "--arrival-workers", "ZK_LOCUST_ARRIVAL_WORKERS", values.count, None,
        "number of workers that share the operations of an open loop; by default those that are there at the start, or "
        "are expected. The share of a worker that is not there is missed, and counted", LOAD, "COUNT",
    ),
    Parameter(
        "--exception-behavior", "ZK_LOCUST_EXCEPTION_BEHAVIOR", values.choice(*EXCEPTION_BEHAVIORS), "log-failure",
        "what becomes of a failed operation: counted as a failure (log-failure), dropped (try-suppress), "
        "or raised into the task (propagate)", LOAD, "BEHAVIOR",
    ),
    Parameter(
        "--ignore-connection-down", "ZK_LOCUST_IGNORE_CONNECTION_DOWN", values.flag, False,
        "do not count operations that fail because the connection is down; connecting itself is counted all the same",
        LOAD, switch=True,
    ),
    Parameter(
        "--client", "ZK_LOCUST_CLIENT", values.choice(*CLIENTS), "kazoo",
        "the client that the users drive: kazoo, native (our own, for more load from the same machine), or "
        "libzookeeper (the official C library; zkpython is its older name)", CLIENT, "NAME",
    ),
    Parameter(
        "--operation-timeout", "ZK_LOCUST_OPERATION_TIMEOUT", values.time_limit, 10_000.0,
        "time limit of every operation, milliseconds or with a unit; one without reply by then has failed",
        CLIENT, "MS",
    ),
    Parameter(
        "--kazoo-handler", "KAZOO_LOCUST_HANDLER", values.choice(*KAZOO_HANDLERS), "gevent",
        "kazoo's concurrency handler: gevent, gevent-fast (with a cheaper select: half of the CPU), or threading",
        CLIENT, "NAME",
    ),
    Parameter(
        "--kazoo-timeout-s", "KAZOO_LOCUST_TIMEOUT_S", values.time_limit_s, 10.0,
        "time limit of connecting, and session timeout to ask for, seconds or with a unit", CLIENT, "SECONDS",
    ),
    Parameter(
        "--kazoo-sasl-options", "KAZOO_LOCUST_SASL_OPTIONS", values.sasl_options, None,
        'SASL options for kazoo, a JSON object: {"mechanism": "DIGEST-MD5", "username": "…", "password": "…"}; better '
        "by environment variable, which no process list shows", CLIENT, "JSON", secret=True,
    ),
    Parameter(
        "--kazoo-tls", "KAZOO_LOCUST_TLS", values.flag, False,
        "speak TLS to the members; their certificates are checked, their names are not. Implied by --kazoo-tls-ca "
        "and --kazoo-tls-cert", CLIENT, switch=True,
    ),
    Parameter(
        "--kazoo-tls-ca", "KAZOO_LOCUST_TLS_CA", values.text, None,
        "file with the authorities to trust, PEM, on every load host; by default those of the system", CLIENT, "FILE",
    ),
    Parameter(
        "--kazoo-tls-cert", "KAZOO_LOCUST_TLS_CERT", values.text, None,
        "file with the client's own certificate, PEM, on every load host", CLIENT, "FILE",
    ),
    Parameter(
        "--kazoo-tls-key", "KAZOO_LOCUST_TLS_KEY", values.text, None,
        "file with the key of --kazoo-tls-cert, PEM, on every load host", CLIENT, "FILE",
    ),
    Parameter(
        "--kazoo-tls-key-password", "KAZOO_LOCUST_TLS_KEY_PASSWORD", values.text, None,
        "password of --kazoo-tls-key, where it has one", CLIENT, secret=True,
    ),
    Parameter(
        "--kazoo-create-client", "KAZOO_LOCUST_CREATE_CLIENT", values.create_client, None,
        "what makes the kazoo client: the dotted path of a callable that takes KazooClient's arguments "
        "(package.module:callable), or Python code that gets them as kwargs and assigns client", CLIENT, "CODE",
        secret=True,
    ),
    Parameter(
        "--digest-credential", "ZK_LOCUST_DIGEST_CREDENTIAL", values.digest_credential, None,
        "user:password, which every session of any client adds as its identity of the scheme digest", CLIENT,
        "CREDENTIAL", secret=True,
    ),
    Parameter(
        "--history", "ZK_LOCUST_HISTORY", values.flag, False,
        "record every operation and watch event, so that the report can say whether the ensemble was consistent; "
        "see docs/consistency.md", STATISTICS, switch=True, in_form=False,
    ),
    Parameter(
        "--stats-collect", "LOCUST_EXTRA_STATS_COLLECT", values.interval, 0.0,
        "interval of the statistics series, from 100 ms, milliseconds or with a unit; 0 records none", STATISTICS, "MS",
    ),
    Parameter(
        "--stats-csv", "LOCUST_EXTRA_STATS_CSV", values.text, None,
        "file for the statistics series (locust-stats.csv)", STATISTICS, "FILE", writes=True,
    ),
    Parameter(
        "--stats-distrib", "LOCUST_EXTRA_STATS_DISTRIB", values.text, None,
        "file for the series of full latency distributions (locust-distrib.jsonl)", STATISTICS, "FILE", writes=True,
    ),
    Parameter(
        "--stats-hlog", "LOCUST_EXTRA_STATS_HLOG", values.text, None,
        "file for the same distributions in the HdrHistogram log format (latency.hlog)", STATISTICS, "FILE",
        writes=True,
    ),
    Parameter(
        "--stats-slowest", "LOCUST_EXTRA_STATS_SLOWEST", values.text, None,
        "file for the slowest operations of each worker in each interval (slow-operations.csv)", STATISTICS, "FILE",
        writes=True,
    ),
    Parameter(
        "--stats-moments", "LOCUST_EXTRA_STATS_MOMENTS", values.text, None,
        "file for what ends in each 50 ms, of this process alone, with one beside it for what becomes of its sessions; "
        "a run with faults has one for each worker",
        STATISTICS, "FILE", writes=True,
    ),
    Parameter(
        "--stats-objective", "LOCUST_EXTRA_STATS_OBJECTIVE", values.time_limit, None,
        "latency that operations are to keep to, milliseconds or with a unit: a run with faults counts those above it; "
        "see docs/faults.md", STATISTICS, "MS",
    ),
    Parameter(
        "--stats-events", "LOCUST_EXTRA_STATS_EVENTS", values.text, None,
        "file for what happened when: stages, workers (events.csv)", STATISTICS, "FILE", writes=True,
    ),
    Parameter(
        "--stats-progress", "LOCUST_EXTRA_STATS_PROGRESS", values.text, None,
        "file that always says how far the load is, as JSON (progress.json)", STATISTICS, "FILE", writes=True,
    ),
    Parameter(
        "--zk-metrics-collect", "ZK_LOCUST_ZK_METRICS_COLLECT", values.collection, WEB,
        "how often every member's metrics are read while a test runs, milliseconds or with a unit; 0 reads none; "
        "web reads them at the interval of the page /zk-metrics of Locust's web UI, only while somebody has it open",
        METRICS, "MS",
    ),
    Parameter(
        "--zk-metrics-csv", "ZK_LOCUST_ZK_METRICS_CSV", values.text, None,
        "file for the members' metrics (zk-metrics.csv)", METRICS, "FILE", writes=True,
    ),
    Parameter(
        "--zk-admin-addresses", "ZK_ADMIN_ADDRESSES", values.admin_addresses, None,
        "AdminServer of each member, as name=host:port,…; by default the hosts of --hosts with --zk-admin-port",
        METRICS, "LIST", in_form=False,
    ),
    Parameter(
        "--zk-client-addresses", "ZK_CLIENT_ADDRESSES", values.member_addresses, None,
        "client port of each member, as name=host:port,…, with the names of --zk-admin-addresses; by default those of "
        "--hosts. Asked with the four-letter words mntr and srvr where an AdminServer does not answer",
        METRICS, "LIST", in_form=False,
    ),
    Parameter(
        "--zk-prometheus-addresses", "ZK_PROMETHEUS_ADDRESSES", values.member_addresses, None,
        "Prometheus endpoint of each member, as name=host:port,…, with the same names; asked where neither its "
        "AdminServer nor mntr gives metrics",
        METRICS, "LIST", in_form=False,
    ),
    Parameter(
        "--zk-admin-port", "ZK_ADMIN_PORT", values.port, 8080,
        "port of the members' AdminServers", METRICS, "PORT", in_form=False,
    ),
    Parameter(
        "--zk-admin-scheme", "ZK_ADMIN_SCHEME", values.choice("http", "https"), "http",
        "how to speak to the AdminServers: http or https", METRICS, "SCHEME", in_form=False,
    ),
    Parameter(
        "--zk-dispatch-program", "ZK_DISPATCH_PROGRAM", values.dispatch_program, None,
        "instructions that disable and enable members while the load goes on, one a line; see docs/dispatcher.md",
        DISPATCH, "PROGRAM", in_form=False,
    ),
    Parameter(
        "--zk-dispatch-config", "ZK_DISPATCH_CONFIG", values.dispatch_config, "{}",
        "JSON object with the times of a dispatcher, milliseconds: sleep_ms (5000), sleep_after_disable_ms (2000) and "
        "sleep_after_enable_ms (5000) of a random one, script_limit_ms (60000) of a script", DISPATCH, "JSON",
        in_form=False,
    ),
    Parameter(
        "--zk-dispatch-disable-script", "ZK_DISPATCH_DISABLE_SCRIPT", values.text, None,
        "shell script that disables the member of ZK_MEMBER_HOST_AND_PORT; in a run of the playbooks, the member is "
        "stopped by the fault stop instead", DISPATCH, "SCRIPT", in_form=False,
    ),
    Parameter(
        "--zk-dispatch-enable-script", "ZK_DISPATCH_ENABLE_SCRIPT", values.text, None,
        "shell script that enables it again", DISPATCH, "SCRIPT", in_form=False,
    ),
    Parameter(
        "--zk-dispatch-requests", "ZK_DISPATCH_REQUESTS", values.text, None,
        "file in which a dispatcher asks the controller of a run to disable and enable members, in place of scripts",
        DISPATCH, "FILE", writes=True,
    ),
    Parameter(
        "--zk-admin-ping-timeout", "ZK_ADMIN_PING_TIMEOUT_MS", values.time_limit, 1000.0,
        "how long a dispatcher waits for each answer as it asks a member for its role, milliseconds or with a unit",
        DISPATCH, "MS", in_form=False,
    ),
    Parameter(
        "--report-dir", "ZK_LOCUST_REPORT_DIR", values.text, None,
        "new folder for all statistics and metrics, unless other flags name other files, and for the report that is "
        "written from them when Locust exits", REPORT, "DIR", in_form=False,
    ),
    Parameter(
        "--bench-step-duration", "ZK_LOCUST_BENCH_STEP_DURATION", values.step_duration, 10.0,
        "locust_sequence.py: how long each step runs, seconds or with a unit", BENCH, "SECONDS",
    ),
    Parameter(
        "--bench-repetitions", "ZK_LOCUST_BENCH_REPETITIONS", values.count, 1,
        "locust_sequence.py: how often all steps run", BENCH, "COUNT",
    ),
    Parameter(
        "--bench-include", "ZK_LOCUST_BENCH_INCLUDE", values.text, None,
        "locust_sequence.py: the steps to run, as names or patterns (set_512,get_*,watch); else all", BENCH, "LIST",
    ),
)  # fmt: skip

BY_NAME: Final[dict[str, Parameter]] = {parameter.name: parameter for parameter in PARAMETERS}


Checks = Mapping[str, Callable[[str], Value]]
"""What converts the text of a parameter in place of `convert`, by its name: checks that the contract does not have."""
NO_CHECKS: Final[Checks] = {}


def add_parameters(parser: argparse.ArgumentParser, checks: Checks = NO_CHECKS) -> None:
    """Add all parameters to Locust's parser."""
    for parameter in (*PARAMETERS, *_open_ended(sys.argv[1:], os.environ)):
        parameter.add_to(parser, checks.get(parameter.name))


def find(name: str) -> Parameter | None:
    """Return the parameter of that flag name: one of the table, or any `bench-NAME`, which is not validated."""
    name = name.removeprefix("--").replace("_", "-")
    if name in BY_NAME:
        return BY_NAME[name]
    if not _BENCH_NAME.fullmatch(name):
        return None
    environment = BENCH_ENVIRONMENT + name.removeprefix("bench-").replace("-", "_").upper()
    return Parameter(f"--{name}", environment, values.text, None, "the locustfile's own", BENCH, secret=is_secret(name))


def _open_ended(arguments: Iterable[str], environment: Iterable[str]) -> list[Parameter]:
    """Return the parameters `bench-NAME` that are given, but for those of the table."""
    names = [word.partition("=")[0] for word in arguments if word.startswith("--bench-")]
    names += [
        "bench_" + name.removeprefix(BENCH_ENVIRONMENT).lower()
        for name in environment
        if name.startswith(BENCH_ENVIRONMENT)
    ]
    found = {parameter.name: parameter for name in names if (parameter := find(name)) is not None}
    return [parameter for name, parameter in found.items() if name not in BY_NAME]


def check(given: Mapping[str, object], checks: Checks = NO_CHECKS) -> tuple[dict[str, Value], list[str]]:
    """Convert parameters given by their flag names, as a scenario does.

    Returns the values by flag name, and one problem for each that is unknown or has a value without sense.
    """
    converted: dict[str, Value] = {}
    problems: list[str] = []
    for name, raw in given.items():
        parameter = find(str(name))
        if parameter is None:
            # Without the value: it may be a secret whose name is misspelt.
            problems.append(
                f"benchmark_parameters.{name}: there is no such parameter{nearest(str(name), BY_NAME)}; "
                "docs/parameters.md lists them all"
            )
            continue
        if raw is None:
            problems.append(
                f"benchmark_parameters.{parameter.name} []: the value is missing; give one, or leave it out"
            )
            continue
        shown = REDACTED if parameter.secret else redacted(parameter.name, raw)
        try:
            converted[parameter.name] = parameter.value_of(_as_text(raw), checks.get(parameter.name))
        except RefusedValueError as error:
            problems.append(f"benchmark_parameters.{parameter.name} [{shown}]: {error.reason}")
    return converted, problems


def showable(given: object) -> dict[str, object] | None:
    """Return given parameters by flag name; None where one of them is a secret, or may be a misspelt one."""
    shown: dict[str, object] = {}
    for name, raw in given.items() if isinstance(given, Mapping) else ():
        parameter = find(str(name))
        if parameter is None or parameter.secret or redacted(parameter.name, raw) != raw:
            return None
        shown[parameter.name] = raw
    return shown


def parameter_of(name: str) -> Parameter:
    """Return the parameter of that flag name. Raises KeyError where there is none."""
    parameter = find(name)
    if parameter is None:
        raise KeyError(name)
    return parameter


def environment_of(values: Mapping[str, Value]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the environment variables that carry the values: the plain ones, and the secret ones apart."""
    plain: dict[str, str] = {}
    secret: dict[str, str] = {}
    for name, value in values.items():
        if value is not None:
            parameter = parameter_of(name)
            (secret if parameter.secret else plain)[parameter.environment] = _as_text(value)
    return plain, secret


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value)
