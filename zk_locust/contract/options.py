"""The parameters' values as one object, which is read when a test starts: a worker does not have them earlier."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import SimpleNamespace
from typing import Any

from zk_locust.contract.arrival import Arrival, ArrivalStage, read_stages
from zk_locust.contract.connect_string import ConnectString, parse_connect_string
from zk_locust.contract.control_program import Instruction, parse_control_program
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.parameter import RefusedValueError
from zk_locust.contract.parameters import PARAMETERS, Parameter, Value, parameter_of
from zk_locust.contract.sasl_options import KazooOptions
from zk_locust.contract.secrets import REDACTED
from zk_locust.contract.user_stages import UserStage, parse_user_stages


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The settings that every client needs.

    `hosts` is a connect string, with a chroot where there is one. Times are seconds.
    """

    hosts: str
    session_timeout_s: float = 10.0
    connect_timeout_s: float = 10.0
    operation_timeout_s: float = 10.0

    def connect_string(self) -> ConnectString:
        """Return `hosts`, parsed. Raises ConfigurationError."""
        try:
            return parse_connect_string(self.hosts)
        except ValueError as error:
            raise _refused("--hosts", self.hosts, str(error).removeprefix(f"[{self.hosts}] ")) from None


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters that users and operations need. Waits and time limits are seconds, sizes bytes."""

    hosts: str | None
    client: str
    pseudo_root: str
    min_wait_s: float
    max_wait_s: float
    key_size: int
    val_size: int
    jute_maxbuffer: int
    workload: str | None
    exception_behavior: str
    ignore_connection_down: bool
    operation_timeout_s: float
    kazoo: KazooOptions
    kazoo_timeout_s: float
    digest_credential: str | None = field(default=None, repr=False)
    arrival: Arrival | None = None
    """What an open loop is to do; None in a closed loop."""
    user_stages: tuple[UserStage, ...] = ()
    """How many users run at which time; empty where their number stays."""
    history: bool = False
    """Whether every operation is recorded."""
    report_dir: str | None = None
    control_program: tuple[Instruction, ...] = ()
    """What changes the number of users; empty without a program."""

    @classmethod
    def of(cls, parsed_options: Any) -> "Options":
        """Read Locust's parsed options; the environment says what is not there (in a program without a command line).

        Raises ConfigurationError for a value without sense, which only the form of Locust's page lets through.
        """
        value: dict[str, Any] = {p.destination: _value(p, parsed_options) for p in PARAMETERS}
        min_wait_ms = value["min_wait"]
        max_wait_ms = value["max_wait"]
        value |= {
            "min_wait_s": min_wait_ms / 1000,
            "max_wait_s": max(min_wait_ms, min_wait_ms if max_wait_ms is None else max_wait_ms) / 1000,
            "ignore_connection_down": bool(value["ignore_connection_down"]),
            "history": bool(value["history"]),
            "operation_timeout_s": value["operation_timeout"] / 1000,
            "kazoo_sasl": value["kazoo_sasl_options"],
            "kazoo_tls": bool(value["kazoo_tls"]),
            "arrival": _arrival(value),
            "user_stages": parse_user_stages(value["user_stages"]) if value["user_stages"] else (),
            "control_program": parse_control_program(value["control_program"]) if value["control_program"] else (),
        }
        value["kazoo"] = KazooOptions(**{each.name: value[f"kazoo_{each.name}"] for each in fields(KazooOptions)})
        return cls(**{each.name: value[each.name] for each in fields(cls)})

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> "Options":
        """Read environment variables, for a program without Locust's command line. Raises ConfigurationError."""
        environment = os.environ if environment is None else environment
        given = {p.destination: environment.get(p.variable_in(environment), "") for p in PARAMETERS}
        return cls.of(SimpleNamespace(**given))

    def credentials(self) -> list[tuple[str, bytes]]:
        """Return (scheme, credential) for each identity that a session is to have."""
        return [("digest", self.digest_credential.encode())] if self.digest_credential else []

    def client_settings(self) -> ClientSettings:
        """Return what any client needs. Raises ConfigurationError without hosts."""
        if not self.hosts:
            raise ConfigurationError(
                "--hosts", "", "the ensemble's address is missing", "give --hosts host:port,… or set ZK_LOCUST_HOSTS"
            )
        return ClientSettings(
            hosts=self.hosts,
            session_timeout_s=self.kazoo_timeout_s,
            connect_timeout_s=self.kazoo_timeout_s,
            operation_timeout_s=self.operation_timeout_s,
        )


def _arrival(value: Mapping[str, Any]) -> Arrival | None:
    rate, stages = value["arrival_rate"], value["arrival_stages"]
    if rate is None and stages is None:
        return None
    if rate is not None and stages is not None:
        raise ConfigurationError(
            "--arrival-rate", f"{rate:g}", "--arrival-stages is given as well", "leave out one of them"
        )
    found = [ArrivalStage(rate, rate, None)] if rate is not None else read_stages(stages)
    return Arrival(tuple(found), value["arrival_process"], value["arrival_seed"], value["arrival_queue"])


def value_in(parsed_options: Any, name: str) -> Value:
    """Return the value of one parameter, by its name, from Locust's parsed options. Raises ConfigurationError."""
    return _value(parameter_of(name), parsed_options)


def values_of_environment() -> dict[str, Value]:
    """Return every parameter's value by its destination, without a command line. Raises ConfigurationError."""
    return {p.destination: _value(p, None) for p in PARAMETERS}


_NOT_THERE: Any = object()


def _value(parameter: Parameter, parsed_options: Any) -> Value:
    value: Value = getattr(parsed_options, parameter.destination, _NOT_THERE)
    if value is _NOT_THERE:
        value = os.environ.get(parameter.variable_in(os.environ), "")
    if value == "":
        return parameter.default
    # The form hands on the text as it was typed, or a number where the value was one: neither is checked. For what a
    # command line has converted this changes nothing.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value != parameter.default:
        value = str(value)
    return converted(parameter, value) if isinstance(value, str) else value


def converted(parameter: Parameter, text: str, check: Callable[[str], Value] | None = None) -> Value:
    """Return the value of a parameter's text, as `Parameter.value_of` does. Raises ConfigurationError."""
    try:
        return parameter.value_of(text, check)
    except RefusedValueError as error:
        raise _refused(parameter.flag, REDACTED if parameter.secret else text, error.reason) from None


def _refused(flag: str, shown: str, reason: str) -> ConfigurationError:
    problem, _, remedy = reason.partition("; ")
    return ConfigurationError(flag, shown, problem, remedy or "see docs/parameters.md")
