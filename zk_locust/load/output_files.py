"""Refusing, before a load, files that cannot be written and a series that nobody has given an interval."""

from pathlib import Path
from typing import Any, Final

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.parameters import PARAMETERS, parameter_of

_SERIES: Final = ("stats-csv", "stats-distrib", "stats-hlog")


def check_output_files(parsed_options: Any) -> None:
    """Raise ConfigurationError for a file that cannot be written. What is there stays as it is."""
    for parameter in PARAMETERS:
        path = getattr(parsed_options, parameter.destination, None) if parameter.writes else None
        if path and (problem := _why_not(Path(path))):
            raise ConfigurationError(parameter.flag, path, f"it cannot be written ({problem})", "name another file")


def check_series(parsed_options: Any) -> None:
    """Raise ConfigurationError for the file of a series that has no interval."""
    collect = parameter_of("stats-collect")
    if float(getattr(parsed_options, collect.destination, None) or 0.0) or getattr(parsed_options, "report_dir", None):
        return  # --report-dir has an interval of its own
    for parameter in map(parameter_of, _SERIES):
        if path := getattr(parsed_options, parameter.destination, None):
            raise ConfigurationError(
                parameter.flag, path, f"nothing would be written: {collect.flag} is 0", f"add {collect.flag} 1s"
            )


def _why_not(file: Path) -> str:
    there = file.exists()
    try:
        if not file.parent.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
        file.open("a", encoding="utf-8").close()
        if not there:
            file.unlink()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
