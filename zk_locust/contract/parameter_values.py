"""What the value of a parameter may look like: each function turns text into the value, or says what to write."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from zk_locust.contract.arrival import rate_per_s, read_stages
from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.control_program import parse_control_program
from zk_locust.contract.dispatch_program import parse_dispatch_program
from zk_locust.contract.dispatch_settings import parse_pauses
from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.level_stages import whole_number
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.node_path import is_node_path
from zk_locust.contract.truth import is_true
from zk_locust.contract.user_stages import parse_user_stages
from zk_locust.contract.warm_up import parse_warm_up

MAX_SIZE: Final = 64 * 1024 * 1024
_MAX_TIME_LIMIT_MS: Final = 2**31 - 1  # the protocol and the C library hold it in 32 bits


class SafeValueError(ValueError):
    """A problem with a value that says nothing of the value, so that it may be shown for a secret too."""


def text(text: str) -> str:
    """Return the text as it is."""
    return text


def count(text: str) -> int:
    """Return a whole number from 1. Raises ValueError, as all of these do, with a remedy."""
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"[{text}] is not a whole number; write e.g. 128") from None
    if number < 1:
        raise ValueError(f"[{text}] is below 1; write a whole number from 1")
    return number


def whole(least: int) -> Callable[[str], int]:
    """Return what takes a whole number from `least`."""

    def convert(text: str) -> int:
        try:
            return whole_number(text, least)
        except ValueError as error:
            raise ValueError(f"[{text}] {str(error).removeprefix('this ')}") from None

    return convert


def arrival_rate(text: str) -> float:
    """Return operations a second."""
    try:
        return rate_per_s(text)
    except ValueError as error:
        raise ValueError(f"[{text}] {str(error).removeprefix('this ')}") from None


def arrival_stages(text: str) -> str:
    """Return the arrival stages, JSON, as they were given."""
    return _as_given(text, read_stages)


def user_stages(text: str) -> str:
    """Return the stages of users, JSON, as they were given."""
    return _as_given(text, parse_user_stages)


def control_program(text: str) -> str:
    """Return a control program as it was given."""
    return _as_given(text, parse_control_program)


def dispatch_program(text: str) -> str:
    """Return the program of a dispatcher as it was given."""
    return _as_given(text, parse_dispatch_program)


def dispatch_config(text: str) -> str:
    """Return the times of a dispatcher, JSON, as they were given."""
    return _as_given(text, parse_pauses)


def _as_given(text: str, parse: Callable[[str], object]) -> str:
    """Return a text that can be parsed."""
    try:
        parse(text)
    except ValueError as error:
        raise ValueError(f"[{text}] cannot be used: {error}") from None
    return text


def size(text: str) -> int:
    """Return a whole number of bytes."""
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"[{text}] is not a whole number of bytes; write e.g. 1024") from None
    if number < 0:
        raise ValueError(f"[{text}] is negative; write a whole number of bytes")
    if number > MAX_SIZE:
        raise ValueError(
            f"[{text}] is more than any server takes; write {MAX_SIZE} or less (servers take 1 MiB, or their"
            " jute.maxbuffer)"
        )
    return number


def milliseconds(text: str) -> float:
    """Return milliseconds, which a bare number is."""
    return parse_duration_ms(text, "ms")


LEAST_INTERVAL_MS: Final = 100.0
"""A worker reports ten times a second at most."""


def interval(text: str) -> float:
    """Return milliseconds, which a bare number is: 0, or `LEAST_INTERVAL_MS` at the least."""
    interval_ms = milliseconds(text)
    if 0 < interval_ms < LEAST_INTERVAL_MS:
        raise ValueError(
            f"[{text}] is too short: workers report ten times a second at most; "
            f"write {LEAST_INTERVAL_MS:g}ms or more, or 0 for none"
        )
    return interval_ms


def time_limit(text: str) -> float:
    """Return milliseconds, which a bare number is, from 1."""
    _require_time(text, milliseconds(text))
    return milliseconds(text)


def time_limit_s(text: str) -> float:
    """Return seconds, which a bare number is, from a millisecond on."""
    _require_time(text, seconds(text) * 1000)
    return seconds(text)


def _require_time(text: str, value_ms: float) -> None:
    if value_ms < 1:
        raise ValueError(f"[{text}] is too short; use at least 1ms, e.g. 10s")
    if value_ms > _MAX_TIME_LIMIT_MS:
        raise ValueError(f"[{text}] is more than 24 days, which no server takes; write e.g. 10s")


WEB: Final = "web"
"""The value of --zk-metrics-collect that leaves polling to the page in Locust's web UI."""


LEAST_METRICS_MS: Final = 100.0
"""The shortest interval of --zk-metrics-collect: more polls would themselves load the members."""


def collection(text: str) -> str | float:
    """Return milliseconds, or WEB."""
    if text.strip() == WEB:
        return WEB
    try:
        found = milliseconds(text)
    except ValueError:
        raise ValueError(f"[{text}] is neither a duration nor web; write e.g. 500ms, 1s, 0 or web") from None
    if 0 < found < LEAST_METRICS_MS:
        raise ValueError(f"[{text}] is too short; use at least {LEAST_METRICS_MS:g}ms, or 0 to read none")
    return found


def seconds(text: str) -> float:
    """Return seconds, which a bare number is."""
    return parse_duration_ms(text, "s") / 1000


def warm_up(text: str) -> str | float:
    """Return seconds, which a bare number is; for `auto` the text, with its limit."""
    found = parse_warm_up(text)
    return str(found) if found.automatic else found.limit_s


def flag(text: str) -> bool:
    """Return a truth value."""
    try:
        return bool(text) and is_true(text)
    except ValueError:
        raise ValueError(f"[{text}] is neither true nor false; write true or false") from None


def node_path(text: str) -> str:
    """Return the full path of a node below the root, as it was given."""
    if text == "/" or not is_node_path(text):
        raise ValueError(f"[{text}] is not the path of a node; write e.g. /zk-locust")
    return text


def port(text: str) -> int:
    """Return the number of a TCP port."""
    number = count(text)
    if number > 65535:
        raise ValueError(f"[{text}] is not a port; write a number from 1 to 65535")
    return number


def workload(text: str) -> str:
    """Return a workload as JSON on one line. `zk_locust.workload.reading` checks what it says."""
    return json.dumps(workload_content(text), separators=(",", ":"))


def workload_content(text: str) -> object:
    """Return what a workload says: JSON, or the content of a JSON or YAML file, whose path `text` is then."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f'[{text[:60]}] is not JSON: {error}; write e.g. {{"operations": {{"get": 1}}}}') from None
    import yaml  # whoever only names parameters needs it not

    file = Path(text)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"[{text}] cannot be read: {error.strerror}; give JSON, or the path of a file") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"[{text}{f', line {mark.line + 1}' if mark else ''}] is not YAML that can be read") from None
    # A scenario's file will do as well.
    return content["workload"] if isinstance(content, Mapping) and "workload" in content else content


def connect_string(text: str) -> str:
    """Return the connect string as it was given."""
    parse_connect_string(text)
    return text


def admin_addresses(text: str) -> str:
    """Return the list of admin addresses as it was given."""
    if not _names_addresses(text):
        raise ValueError(f"[{text}] is no list of admin addresses; write e.g. zk1=10.0.0.1:8080,zk2=10.0.0.2:8080")
    return text


def member_addresses(text: str) -> str:
    """Return a list of other addresses of the members as it was given."""
    if not _names_addresses(text):
        raise ValueError(f"[{text}] is no list of addresses; write e.g. zk1=10.0.0.1:2181,zk2=10.0.0.2:2181")
    return text


def _names_addresses(text: str) -> bool:
    for member, address in parse_admin_addresses(text):
        host, _, port = address.rpartition(":")
        if not member or not host or not port.isdigit() or not 0 < int(port) < 65536:
            return False
    return True


def parse_admin_addresses(text: str) -> list[tuple[str, str]]:
    """Return (member, host:port) for each item of `--zk-admin-addresses` and its like.

    An item without a name is named by its address.

    An empty item is an item without an address, which `admin_addresses` refuses.
    """
    pairs = []
    for item in (part.strip() for part in text.split(",") if text.strip()):
        member, separator, address = item.partition("=")
        pairs.append((member, address) if separator else (item, item))
    return pairs


def choice(*known: str) -> Callable[[str], str]:
    """Return what takes one of the known words only."""

    def convert(text: str) -> str:
        if text in known:
            return text
        raise ValueError(f"[{text}] is unknown{nearest(text, known)}; known: {', '.join(known)}")

    return convert


def sasl_options(text: str) -> str:
    """Return kazoo's SASL options, a JSON object, as they were given. Raises SafeValueError."""
    try:
        options = json.loads(text)
    except ValueError:
        options = None
    if not isinstance(options, dict) or not isinstance(options.get("mechanism"), str):
        raise SafeValueError(
            'is no JSON object with a mechanism; write {"mechanism": "DIGEST-MD5", "username": "…", "password": "…"}'
        )
    missing = [key for key in ("username", "password") if not isinstance(options.get(key), str)]
    if options["mechanism"] == "DIGEST-MD5" and missing:
        raise SafeValueError(f"has no {' and no '.join(missing)} for DIGEST-MD5; add them to the JSON object")
    return text


def digest_credential(text: str) -> str:
    """Return `user:password` as it was given. Raises SafeValueError."""
    user, colon, _ = text.partition(":")
    if not user or not colon:
        raise SafeValueError("is no credential of the scheme digest; write user:password")
    return text


def create_client(text: str) -> str:
    """Return the dotted path, or the code, as it was given. Raises SafeValueError for what is neither."""
    from zk_locust.contract.sasl_options import client_code, is_dotted_path

    if not is_dotted_path(text):
        try:
            client_code(text)
        except SyntaxError as error:
            raise SafeValueError(
                f"is neither the dotted path of a callable nor Python (line {error.lineno}: {error.msg}); "
                "write package.module:callable, or code that assigns client"
            ) from None
    return text


def step_duration(text: str) -> float:
    """Return seconds above 0."""
    seconds = parse_duration_ms(text, "s") / 1000
    if seconds <= 0:
        raise ValueError(f"[{text}] is no time to run a step for; write e.g. 15 or 15s")
    return seconds
