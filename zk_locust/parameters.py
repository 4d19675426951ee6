"""Every parameter of zk_locust and of its collectors: the only place where one is named.

From this table come Locust's command line, the environment variables, the checking of a scenario's
`parameters`, and `docs/parameters.md`. Precedence: flag, environment, default.
"""

import argparse
import difflib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from zk_locust import parameter_values
from zk_locust.connect_string import parse_connect_string
from zk_locust.parameter_values import SafeValueError
from zk_locust.units import parse_duration_ms

Value = str | int | float | bool | None


def _text(text: str) -> str:
    return text


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"[{text}] is not a whole number; write e.g. 128") from None
    if number < 1:
        raise ValueError(f"[{text}] is below 1; write a whole number from 1")
    return number


def _size(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"[{text}] is not a whole number of bytes; write e.g. 1024") from None
    if number < 0:
        raise ValueError(f"[{text}] is negative; write a whole number of bytes")
    return number


def _milliseconds(text: str) -> float:
    return parse_duration_ms(text, "ms")


WEB: Final = "web"
"""The value of --zk-metrics-collect that leaves polling to the page in Locust's web UI."""


def _collection(text: str) -> str | float:
    if text.strip() == WEB:
        return WEB
    try:
        return _milliseconds(text)
    except ValueError:
        raise ValueError(f"[{text}] is neither a duration nor web; write e.g. 500ms, 1s, 0 or web") from None


def _seconds(text: str) -> float:
    return parse_duration_ms(text, "s") / 1000


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError(f"[{text}] is neither true nor false")


def _node_path(text: str) -> str:
    if not text.startswith("/") or text == "/" or "//" in text or text.endswith("/"):
        raise ValueError(f"[{text}] is not the path of a node; write e.g. /zk-locust")
    return text


def _port(text: str) -> int:
    number = _count(text)
    if number > 65535:
        raise ValueError(f"[{text}] is not a port; write a number from 1 to 65535")
    return number


def _workload(text: str) -> str:
    from zk_locust.workload.reading import workload_text  # which needs this module

    return workload_text(text)


def _connect_string(text: str) -> str:
    parse_connect_string(text)
    return text


def _admin_addresses(text: str) -> str:
    for member, address in parse_admin_addresses(text):
        host, _, port = address.rpartition(":")
        if not member or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"[{text}] is no list of admin addresses; write e.g. zk1=10.0.0.1:8080,zk2=10.0.0.2:8080")
    return text


def parse_admin_addresses(text: str) -> list[tuple[str, str]]:
    """Return (member, host:port) for each item of `--zk-admin-addresses`; a nameless item is named by its address."""
    pairs = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        member, separator, address = item.partition("=")
        pairs.append((member, address) if separator else (item, item))
    return pairs


def _choice(*known: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text in known:
            return text
        raise ValueError(f"[{text}] is unknown{nearest(text, known)}; known: {', '.join(known)}")

    return convert


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean …?` for the most similar known word, or nothing where none is similar."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {close[0]}?" if close else ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `convert` turns text into the value, or raises ValueError with a remedy."""

    flag: str
    environment: str
    convert: Callable[[str], Value]
    default: Value
    help: str
    section: str
    metavar: str = "TEXT"
    secret: bool = False
    switch: bool = False
    in_form: bool = True  # whether the form of Locust's page may change it

    @property
    def fixed(self) -> bool:
        """Whether the command line's value stands, whatever is sent to Locust's page."""
        return self.secret or not self.in_form

    @property
    def name(self) -> str:
        """The flag's name without dashes before it: what a scenario's `parameters` say."""
        return self.flag.removeprefix("--")

    @property
    def destination(self) -> str:
        """The attribute of Locust's parsed options that holds the value."""
        return self.name.replace("-", "_")

    def with_unit(self, value: Value) -> Value:
        """Return a time as text with its unit, as the parameter also takes it; any other value as it is."""
        unit = {"MS": "ms", "SECONDS": "s"}.get(self.metavar)
        return f"{value:.10g}{unit}" if unit and isinstance(value, (int, float)) else value

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add this parameter to Locust's parser."""

        def convert(text: str) -> Value:
            try:
                return self.convert(text)
            except ValueError as error:
                reason = str(error)
                if self.secret:
                    reason = f"the value (secret) {error if isinstance(error, SafeValueError) else 'cannot be used'}"
                raise argparse.ArgumentTypeError(reason) from None

        options: dict[str, Any] = {
            "dest": self.destination,
            "env_var": self.environment,
            "default": self.default,
            "help": self.help.replace("%", "%%"),
            # Locust writes the default of a secret into its page's HTML, masked or not.
            "include_in_web_ui": not self.fixed,
            "is_secret": self.secret,
        }
        if self.switch:
            parser.add_argument(self.flag, action="store_true", **options)
        else:
            parser.add_argument(self.flag, type=convert, metavar=self.metavar, **options)


LOAD: Final = "Load"
CLIENT: Final = "Client"
STATISTICS: Final = "Statistics"
METRICS: Final = "ZooKeeper metrics"
REPORT: Final = "Report"
BENCH: Final = "Benchmark"

BENCH_ENVIRONMENT: Final = "ZK_LOCUST_BENCH_"
_BENCH_NAME: Final = re.compile(r"bench(-[a-z0-9]+)+")

CLIENTS: Final = ("kazoo", "native", "libzookeeper", "zkpython")
KAZOO_HANDLERS: Final = ("gevent", "gevent-fast", "threading")
EXCEPTION_BEHAVIORS: Final = ("log-failure", "try-suppress", "propagate")

PARAMETERS: Final[tuple[Parameter, ...]] = (
    Parameter(
        "--hosts", "ZK_LOCUST_HOSTS", _connect_string, None,
        "connect string of the ensemble: host:port,host:port[/chroot]", LOAD, "CONNECT_STRING",
    ),
    Parameter(
        "--pseudo-root", "ZK_LOCUST_PSEUDO_ROOT", _node_path, "/kl",
        "node below which the load works; not a chroot, the clients see its whole path", LOAD, "PATH",
    ),
    Parameter(
        "--remove-nodes", "ZK_LOCUST_REMOVE_NODES", _flag, False,
        "remove the pseudo root with all below it when the load has ended", LOAD, switch=True,
    ),
    Parameter(
        "--min-wait", "ZK_LOCUST_MIN_WAIT", _milliseconds, 0.0,
        "least time a user waits between two operations, milliseconds or with a unit", LOAD, "MS",
    ),
    Parameter(
        "--max-wait", "ZK_LOCUST_MAX_WAIT", _milliseconds, None,
        "most time a user waits between two operations; the least time where it is not given", LOAD, "MS",
    ),
    Parameter(
        "--key-size", "ZK_LOCUST_KEY_SIZE", _size, 8,
        "length of the node names that the load makes, bytes", LOAD, "BYTES",
    ),
    Parameter(
        "--val-size", "ZK_LOCUST_VAL_SIZE", _size, 8,
        "length of the values that the load writes, bytes", LOAD, "BYTES",
    ),
    Parameter(
        "--workload", "ZK_LOCUST_WORKLOAD", _workload, None,
        "what locust_workload.py does: JSON, or the path of a JSON or YAML file; see docs/workloads.md", LOAD, "JSON",
    ),
    Parameter(
        "--warm-up", "ZK_LOCUST_WARM_UP", _seconds, 0.0,
        "after all users have started, load that is recorded apart and enters no result; "
        "--run-time then counts from its end", LOAD, "SECONDS",
    ),
    Parameter(
        "--exception-behavior", "ZK_LOCUST_EXCEPTION_BEHAVIOR", _choice(*EXCEPTION_BEHAVIORS), "log-failure",
        "what becomes of a failed operation: counted as a failure (log-failure), dropped (try-suppress), "
        "or raised into the task (propagate)", LOAD, "BEHAVIOR",
    ),
    Parameter(
        "--ignore-connection-down", "ZK_LOCUST_IGNORE_CONNECTION_DOWN", _flag, False,
        "do not count operations that fail because the connection is down", LOAD, switch=True,
    ),
    Parameter(
        "--client", "ZK_LOCUST_CLIENT", _choice(*CLIENTS), "kazoo",
        "the client that the users drive: kazoo, native (our own, for more load from the same machine), or "
        "libzookeeper (the official C library; zkpython is its older name)", CLIENT, "NAME",
    ),
    Parameter(
        "--operation-timeout", "ZK_LOCUST_OPERATION_TIMEOUT", _milliseconds, 10_000.0,
        "time limit of every operation, milliseconds or with a unit; one without reply by then has failed",
        CLIENT, "MS",
    ),
    Parameter(
        "--kazoo-handler", "KAZOO_LOCUST_HANDLER", _choice(*KAZOO_HANDLERS), "gevent",
        f"kazoo's concurrency handler: {', '.join(KAZOO_HANDLERS)} (gevent with a cheaper select: half of the CPU)",
        CLIENT, "NAME",
    ),
    Parameter(
        "--kazoo-timeout-s", "KAZOO_LOCUST_TIMEOUT_S", _seconds, 10.0,
        "time limit of connecting, and session timeout to ask for, seconds or with a unit", CLIENT, "SECONDS",
    ),
    Parameter(
        "--kazoo-sasl-options", "KAZOO_LOCUST_SASL_OPTIONS", parameter_values.sasl_options, None,
        'SASL options for kazoo, a JSON object: {"mechanism": "DIGEST-MD5", "username": "…", "password": "…"}; better '
        "by environment variable, which no process list shows", CLIENT, "JSON", secret=True,
    ),
    Parameter(
        "--kazoo-tls", "KAZOO_LOCUST_TLS", _flag, False,
        "speak TLS to the members; their certificates are checked, their names are not. Implied by --kazoo-tls-ca "
        "and --kazoo-tls-cert", CLIENT, switch=True,
    ),
    Parameter(
        "--kazoo-tls-ca", "KAZOO_LOCUST_TLS_CA", _text, None,
        "file with the authorities to trust, PEM, on every load host; by default those of the system", CLIENT, "FILE",
    ),
    Parameter(
        "--kazoo-tls-cert", "KAZOO_LOCUST_TLS_CERT", _text, None,
        "file with the client's own certificate, PEM, on every load host", CLIENT, "FILE",
    ),
    Parameter(
        "--kazoo-tls-key", "KAZOO_LOCUST_TLS_KEY", _text, None,
        "file with the key of --kazoo-tls-cert, PEM, on every load host", CLIENT, "FILE",
    ),
    Parameter(
        "--kazoo-tls-key-password", "KAZOO_LOCUST_TLS_KEY_PASSWORD", _text, None,
        "password of --kazoo-tls-key, where it has one", CLIENT, secret=True,
    ),
    Parameter(
        "--kazoo-create-client", "KAZOO_LOCUST_CREATE_CLIENT", parameter_values.create_client, None,
        "what makes the kazoo client: the dotted path of a callable that takes KazooClient's arguments "
        "(package.module:callable), or Python code that gets them as kwargs and assigns client", CLIENT, "CODE",
        secret=True,
    ),
    Parameter(
        "--digest-credential", "ZK_LOCUST_DIGEST_CREDENTIAL", parameter_values.digest_credential, None,
        "user:password, which every session of any client adds as its identity of the scheme digest", CLIENT,
        "CREDENTIAL", secret=True,
    ),
    Parameter(
        "--stats-collect", "LOCUST_EXTRA_STATS_COLLECT", _milliseconds, 0.0,
        "interval of the statistics series, milliseconds or with a unit; 0 records none", STATISTICS, "MS",
    ),
    Parameter(
        "--stats-csv", "LOCUST_EXTRA_STATS_CSV", _text, None,
        "file for the statistics series (locust-stats.csv)", STATISTICS, "FILE",
    ),
    Parameter(
        "--stats-distrib", "LOCUST_EXTRA_STATS_DISTRIB", _text, None,
        "file for the series of full latency distributions (locust-distrib.jsonl)", STATISTICS, "FILE",
    ),
    Parameter(
        "--stats-hlog", "LOCUST_EXTRA_STATS_HLOG", _text, None,
        "file for the same distributions in the HdrHistogram log format (latency.hlog)", STATISTICS, "FILE",
    ),
    Parameter(
        "--stats-events", "LOCUST_EXTRA_STATS_EVENTS", _text, None,
        "file for what happened when: parts, workers (events.csv)", STATISTICS, "FILE",
    ),
    Parameter(
        "--stats-progress", "LOCUST_EXTRA_STATS_PROGRESS", _text, None,
        "file that always says how far the load is, as JSON (progress.json)", STATISTICS, "FILE",
    ),
    Parameter(
        "--zk-metrics-collect", "ZK_LOCUST_ZK_METRICS_COLLECT", _collection, WEB,
        "how often every member's metrics are read while a test runs, milliseconds or with a unit; 0 reads none; "
        "web reads them once a second, but only while somebody has the page /zk-metrics of Locust's web UI open",
        METRICS, "MS",
    ),
    Parameter(
        "--zk-metrics-csv", "ZK_LOCUST_ZK_METRICS_CSV", _text, None,
        "file for the members' metrics (zk-metrics.csv)", METRICS, "FILE",
    ),
    Parameter(
        "--zk-admin-addresses", "ZK_ADMIN_ADDRESSES", _admin_addresses, None,
        "AdminServer of each member, as name=host:port,…; by default the hosts of --hosts with --zk-admin-port",
        METRICS, "LIST", in_form=False,
    ),
    Parameter(
        "--zk-admin-port", "ZK_ADMIN_PORT", _port, 8080,
        "port of the members' AdminServers", METRICS, "PORT", in_form=False,
    ),
    Parameter(
        "--zk-admin-scheme", "ZK_ADMIN_SCHEME", _choice("http", "https"), "http",
        "how to speak to the AdminServers: http or https", METRICS, "SCHEME", in_form=False,
    ),
    Parameter(
        "--report-dir", "ZK_LOCUST_REPORT_DIR", _text, None,
        "new folder for all statistics and metrics, unless other flags name other files, and for the report that is "
        "written from them when Locust exits", REPORT, "DIR",
    ),
    Parameter(
        "--bench-step-duration", "ZK_LOCUST_BENCH_STEP_DURATION", parameter_values.step_duration, 10.0,
        "locust_sequence.py: how long each step runs, seconds or with a unit", BENCH, "SECONDS",
    ),
    Parameter(
        "--bench-repetitions", "ZK_LOCUST_BENCH_REPETITIONS", _count, 1,
        "locust_sequence.py: how often the whole suite runs", BENCH, "COUNT",
    ),
    Parameter(
        "--bench-include", "ZK_LOCUST_BENCH_INCLUDE", _text, None,
        "locust_sequence.py: the steps to run, as names or patterns (set_512,get_*,watch); else all", BENCH, "LIST",
    ),
)  # fmt: skip

BY_NAME: Final[dict[str, Parameter]] = {parameter.name: parameter for parameter in PARAMETERS}


def add_parameters(parser: argparse.ArgumentParser, **_: object) -> None:
    """Add all parameters to Locust's parser (a listener of `events.init_command_line_parser`)."""
    for parameter in (*PARAMETERS, *_open_ended(sys.argv[1:], os.environ)):
        parameter.add_to(parser)


def find(name: str) -> Parameter | None:
    """Return the parameter of that flag name: one of the table, or any `bench-NAME`, which is not validated."""
    name = name.removeprefix("--").replace("_", "-")
    if name in BY_NAME:
        return BY_NAME[name]
    if not _BENCH_NAME.fullmatch(name):
        return None
    environment = BENCH_ENVIRONMENT + name.removeprefix("bench-").replace("-", "_").upper()
    return Parameter(f"--{name}", environment, _text, None, "the locustfile's own", BENCH)


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


def check(given: Mapping[str, object]) -> tuple[dict[str, Value], list[str]]:
    """Convert parameters given by their flag names, as a scenario does.

    Returns the values by flag name, and one problem for each that is unknown or has a value without sense.
    """
    values: dict[str, Value] = {}
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
        shown = "(secret)" if parameter.secret else raw
        try:
            values[parameter.name] = parameter.convert(_as_text(raw))
        except ValueError as error:
            reason = str(error).removeprefix(f"[{_as_text(raw)}] ")
            if parameter.secret and not isinstance(error, SafeValueError):
                reason = "the value cannot be used"
            problems.append(f"benchmark_parameters.{parameter.name} [{shown}]: {reason}")
    return values, problems


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
