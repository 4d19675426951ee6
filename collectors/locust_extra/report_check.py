"""Whether a worker's report is one: the master adds nothing to its figures that could end them."""

from collections.abc import Collection
from math import inf
from typing import Any, Final

from locust_extra.slow_reports import STAGES
from zk_locust.contract.histogram import HIGHEST_TRACKABLE_US, LatencyHistogram

_MOST: Final = 1 << 62
_MOST_LATE: Final = 1000  # spans in which a worker ran nothing
_LONGEST_NAME: Final = 4096  # characters of an operation's, an error's or a request type's
_NUMBERS: Final = ("run", "interval", "users", "settled", "wall_ns", "cpu_ns")
_COUNTS: Final = ("requests", "failures", "suppressed", "overflows", "sum_us")


def check_report(report: Any, run: int, latest: float) -> None:
    """Raise ValueError, which says why, for what is no report of a `Recorder`.

    `latest` is the number that an interval of this test can have at most. Those of other tests have any number.
    """
    match report:
        case {"stage": None | str(), "records": [*records], "cpu_wait_ns": waited}:
            pass
        case _:
            raise ValueError("it has no stage, records and CPU")
    for name in _NUMBERS:
        if not _are_integers([report.get(name)]):
            raise ValueError(f"its {name} is no whole number")
    latest = latest if report["run"] == run else inf
    if waited is not None and not _are_integers([waited]):
        raise ValueError("its cpu_wait_ns is no whole number")
    if report["stage"] is not None:
        _check_place(report["stage"], report["interval"], latest)
    for record in records:
        match record:
            case [str(stage), int(number), [*operations]]:
                _check_place(stage, number, latest)
            case _:
                raise ValueError("it has something else than records")
        for operation in operations:
            match operation:
                case [str(request_type), str(name), dict(message)]:
                    _check_names([request_type, name])
                    _check_histogram(message)
                case _:
                    raise ValueError("it has something else than operations")
    if "lateness" in report:
        _check_own_delay(report)


def _check_place(stage: str, number: int, latest: float) -> None:
    if stage not in STAGES:
        raise ValueError("it is of no stage")
    if not 0 <= number <= latest:
        raise ValueError("an interval of it has not begun")


def _check_names(names: Collection[str]) -> None:
    if any(len(name) > _LONGEST_NAME for name in names):
        raise ValueError(f"it has a name of more than {_LONGEST_NAME:,} characters")


def _check_own_delay(report: dict[str, Any]) -> None:
    _check_histogram(report["lateness"])
    late = report.get("late")
    if not _are_integers([report.get("gc_ns")]) or not isinstance(late, list) or len(late) > _MOST_LATE:
        raise ValueError("its own delay is none")
    if not all(isinstance(span, list | tuple) and len(span) == 2 and _are_integers(span) for span in late):
        raise ValueError("its own delay has something else than spans")


def _check_histogram(message: object, *, clocks: bool = True) -> None:
    if not isinstance(message, dict) or not message.keys() >= set(LatencyHistogram.__slots__):
        raise ValueError("it has something else than histograms")
    counts, errors, others = message["counts"], message["errors"], message["clocks"]
    ends = [message[name] for name in ("min_us", "max_us") if message[name] is not None]
    if not _are_integers([message[name] for name in _COUNTS]) or not _are_integers(ends):
        raise ValueError("a number of a histogram is no integer")
    if not all(isinstance(each, dict) for each in (counts, errors, others)):
        raise ValueError("a histogram has no counts")
    if not _are_integers(counts, most=HIGHEST_TRACKABLE_US) or not _are_integers(counts.values(), least=1):
        raise ValueError("a histogram's counts are none")
    if not all(isinstance(error, str) for error in errors) or not _are_integers(errors.values()):
        raise ValueError("a histogram's errors are none")
    _check_names(errors)
    if others and not clocks:
        raise ValueError("a clock of a histogram has clocks")
    for name, clock in others.items():
        if not isinstance(name, str):
            raise ValueError("a clock of a histogram has no name")
        _check_histogram(clock, clocks=False)


def _are_integers(values: Collection[Any], least: int = 0, most: int = _MOST) -> bool:
    # Not one by one: a report has thousands of counts. A sum is an integer only if all values are.
    try:
        return not values or (type(sum(values)) is int and least <= min(values) and max(values) <= most)
    except TypeError:
        return False
