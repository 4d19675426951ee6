"""The command line `python -m host_metrics`: record a machine's figures, in the foreground or on its own."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from host_metrics import background
from host_metrics.sampler import Watched, sample
from host_metrics.told import Told, told_by


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code: 0, or 1 with one line on standard error."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "record":
            _record(given)
        elif given.command == "start":
            if given.alone:
                _end_others(given.file)
            background.start(given.file, lambda: _record(given, Told(given.file)))
            print("started")
        else:
            print("stopped" if background.stop(given.file) else "not running")
            if told := told_by(given.file):
                print(told)
    except (OSError, background.BackgroundError) as error:
        print(f"host_metrics: {error}", file=sys.stderr)
        return 1
    return 0


def _end_others(file: Path) -> None:
    """End samplers that earlier runs left behind: they write a file of this name in a folder beside this one."""
    for pid_file in file.parent.parent.glob(f"*/{background.pid_file_of(file).name}"):
        other = pid_file.with_suffix(file.suffix)
        if other != file:
            background.stop(other)


def _record(given: argparse.Namespace, tell: Told | None = None) -> None:
    wake = Event()
    signal.signal(signal.SIGTERM, lambda *_: wake.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    watched = Watched(dict(given.process), given.status)
    sample(given.file, given.host, watched, given.interval_s, wake, given.for_s, tell)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m host_metrics", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_ in (
        ("record", "sample until SIGTERM"),
        ("start", "sample in the background; log and pid file are beside the file"),
    ):
        command = commands.add_parser(name, help=help_)
        command.add_argument("--file", type=_absolute, required=True, help="the CSV file; replaced if it is there")
        command.add_argument("--host", required=True, help="the host's name in the inventory")
        command.add_argument("--interval-s", type=_positive, default=1.0, help="time between two samples, seconds")
        command.add_argument("--for-s", type=_positive, help="end by itself after this time, seconds")
        command.add_argument(
            "--process",
            type=_named_file,
            action="append",
            default=[],
            metavar="NAME=FILE",
            help="a process to watch; its pid file has its id and its start in ticks",
        )
        if name == "start":
            command.add_argument(
                "--alone",
                action="store_true",
                help="first end samplers that write a file of the same name in a neighbouring folder",
            )
        command.add_argument("--status", type=_absolute, help="watch the processes that this status.json names")
    stop = commands.add_parser("stop", help="end the sampler in the background; print when its disk was full")
    stop.add_argument("--file", type=_absolute, required=True, help="the file that it writes")
    return parser


def _absolute(text: str) -> Path:
    return Path(text).absolute()


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(text)
    return seconds


def _named_file(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if not name or not file:
        raise ValueError(text)
    return name, _absolute(file)


if __name__ == "__main__":
    sys.exit(main())
