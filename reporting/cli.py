"""The command `zk-locust-report`: reports, verdicts, summaries and the list of runs, from run folders.

`--help` and `runs` answer at once, because only the other commands import the heavy libraries.
"""

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import reporting
from reporting.errors import InputError, ReportingError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for bad input, 1 for anything else that a user can correct."""
    options = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows question marks, no traceback
    try:
        return int(options.command(options))
    except InputError as error:
        print(f"zk-locust-report: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `… | head`
        sys.stderr.close()  # otherwise Python complains again when it flushes at exit
        return 1
    except (ReportingError, OSError) as error:
        print(f"zk-locust-report: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line and exit code 2, without the usage that argparse prints."""
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="zk-locust-report", description="Reports on the runs of zk-locust.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    report = commands.add_parser("report", help="write report.html, report.md and report.json into run folders")
    report.add_argument("--figures", action="store_true", help="write every chart as SVG and PNG too, into figures/")
    report.add_argument("--figures-pdf", action="store_true", help="write every chart as SVG, PNG and PDF")
    report.add_argument("--pdf", action="store_true", help="write report.pdf too, by an installed Chromium or Chrome")
    report.add_argument(
        "--option",
        action="append",
        nargs=2,
        default=[],
        metavar=("CHART.NAME", "VALUE"),
        help="how a chart is to look, such as latencies.height 10 or '*.top' 100; may be given several times",
    )
    report.add_argument("--summary", action="store_true", help="print the run's figures and verdict too, as a table")
    report.add_argument("--when-closed", action="store_true", help=argparse.SUPPRESS)  # for the playbooks
    report.add_argument("run_dirs", nargs="+", type=Path, metavar="RUN_DIR", help="a folder results/<run_id>")
    report.set_defaults(command=_report)

    verdict = commands.add_parser("verdict", help="print a run's verdict as JSON; writes nothing")
    verdict.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    verdict.set_defaults(command=_verdict)

    summary = commands.add_parser("summary", help="print a run's figures and verdict as a table")
    summary.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    summary.set_defaults(command=_summary)

    runs = commands.add_parser("runs", help="list the runs of a results folder")
    runs.add_argument("--results-dir", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    runs.set_defaults(command=_runs)
    return parser


def _report(options: argparse.Namespace) -> int:
    from reporting.read import run_folder

    wanted = reporting.wanted_report(
        figures=options.figures, figures_pdf=options.figures_pdf, pdf=options.pdf, options=options.option
    )
    for run_dir in options.run_dirs:
        run_folder.check_folder(run_dir)  # check all of them before the first report is written
    for run_dir in options.run_dirs:
        judged = reporting.judge_run(run_dir)
        if options.when_closed:
            print(_as_json(judged), flush=True)
            judged = reporting.when_closed(judged, run_dir)
        page = reporting.write_report(judged, wanted=wanted)
        print("\n".join(reporting.summary(judged, page)) if options.summary else page)
    return 0


def _verdict(options: argparse.Namespace) -> int:
    print(_as_json(reporting.judge_run(options.run_dir)))
    return 0


def _as_json(judged: "reporting.JudgedRun") -> str:
    figures = [figure.as_dict() for figure in judged.figures]
    return json.dumps(judged.verdict.as_dict() | {"figures": figures}, ensure_ascii=False)


def _summary(options: argparse.Namespace) -> int:
    judged = reporting.judge_run(options.run_dir)
    page = judged.run.path / "report.html"
    print("\n".join(reporting.summary(judged, page if page.exists() else None)))
    return 0


def _runs(options: argparse.Namespace) -> int:
    print("\n".join(reporting.list_runs(options.results_dir)))
    return 0
