"""Fabric tasks of the controller: state of the fleet, logs, end of a run, reports. `fab --list` lists them."""

import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from fleet.several_words import TaskOfWords
from zk_locust.contract.plain_text import for_screen

if TYPE_CHECKING:
    from fleet.inventory import Inventory

CHECKOUT = Path(__file__).resolve().parent
INVENTORY_HELP = "an Ansible inventory, as for ansible-playbook; may be given several times (default: ansible.cfg's)"
RESULTS_HELP = "where the runs are (default: the inventory's benchmark_results_dir, else results/ of the checkout)"

# fab finds this file from any folder below; Ansible looks in the current folder only, when it is imported.
if not Path("ansible.cfg").exists():
    os.environ.setdefault("ANSIBLE_CONFIG", str(CHECKOUT / "ansible.cfg"))

PIPE_CLOSED = 141  # a shell's exit code for a command that SIGPIPE has ended

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def _command(body: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """A task that ends silently when its output is closed, as with `fab status | head -1`."""

    @functools.wraps(body)
    def quiet(*arguments: Arguments.args, **options: Arguments.kwargs) -> None:
        try:
            try:
                body(*arguments, **options)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # Otherwise, Python tries to write the rest when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Exit(code=PIPE_CLOSED) from None

    return quiet


def _show(lines: Iterable[str]) -> None:
    """Print lines without control characters: they may contain text of hosts."""
    print("\n".join(map(for_screen, lines)), flush=True)


def _say(line: str) -> None:
    _show([line])


def _told(work: Callable[[], Result]) -> Result:
    """Return what `work` returns; an error of the reports becomes one line and exit code 2."""
    from reporting import ReportingError

    try:
        return work()
    except ReportingError as error:
        raise Exit(for_screen(error), code=2) from None


def _asked(inventory: list[str], work: Callable[["Inventory"], int | None]) -> None:
    """Do `work` with the inventory, and exit with the code that it returns; None stands for 0."""
    if code := _read(inventory, work):
        raise Exit(code=code)


def _read(inventory: list[str], work: Callable[["Inventory"], Result]) -> Result:
    """Return what `work` returns; an error becomes one line, with exit code 2 for wrong input, else 1."""
    from fleet.errors import FleetError, InputError
    from fleet.inventory import Inventory

    try:
        return work(Inventory.load(inventory))
    except InputError as error:
        raise Exit(for_screen(error), code=2) from None
    except FleetError as error:
        raise Exit(for_screen(error), code=1) from None


@task(
    iterable=["inventory"],
    help={"inventory": INVENTORY_HELP, "json": "print JSON instead of tables"},
)
@_command
def status(_context: Context, inventory: list[str], json: bool = False) -> None:
    """Show the state of members and load hosts; exit code 1 when a member does not serve or a host is not reached."""
    from fleet import status as fleet_status

    def work(read: "Inventory") -> int:
        fleet = fleet_status.look(read)
        _show([dumps(fleet_status.as_json(fleet))] if json else fleet_status.as_text(fleet))
        return 0 if fleet.sound else 1

    _asked(inventory, work)


@task(
    iterable=["inventory", "file"],
    help={
        "inventory": INVENTORY_HELP,
        "host": "the host of the inventory that has the logs",
        "follow": "continue with new lines, until Ctrl-C",
        "lines": "the number of lines of each file to begin with (default: 50)",
        "file": "only the file of this name; may be given several times",
        "list": "list the files instead",
    },
)
@_command
def logs(
    _context: Context,
    inventory: list[str],
    host: str = "",
    follow: bool = False,
    lines: int = 50,
    file: list[str] | None = None,
    list: bool = False,
) -> None:
    """Show a member's log, or those of the newest run on a load host."""
    from fleet.logs import show

    _asked(inventory, lambda read: show(read, host, names=file or [], lines=lines, follow=follow, listed=list))


@task(iterable=["inventory"], help={"inventory": INVENTORY_HELP})
@_command
def stop(_context: Context, inventory: list[str]) -> None:
    """End the run that holds the load hosts; its figures stay there to be collected."""
    from fleet.stop import stop as end_run

    _asked(inventory, lambda read: end_run(read, _say))


@task(iterable=["inventory"], help={"inventory": INVENTORY_HELP})
@_command
def heal(_context: Context, inventory: list[str]) -> None:
    """End the faults that a run has done to hosts, at once; they also end by themselves at their deadline."""
    from fleet.heal import heal as heal_members

    _asked(inventory, lambda read: heal_members(read, _say))


@task(
    iterable=["inventory"],
    help={"inventory": INVENTORY_HELP, "port": "the port to listen on here (default: a free one)"},
)
@_command
def ui(_context: Context, inventory: list[str], port: int = 0) -> None:
    """Forward a port to the master's web UI, print its address, and keep it open until Ctrl-C."""
    from fleet import tunnel

    _asked(inventory, lambda read: tunnel.show(read, port, _say))


@task(
    klass=TaskOfWords,
    iterable=["inventory", "run", "runs", "label", "fail_if", "option"],
    help={
        "inventory": INVENTORY_HELP,
        "run": "id of a run; may be given several times, or several separated by commas (default: the newest)",
        "results_dir": RESULTS_HELP,
        "figures": "write every chart as SVG and PNG too, into the run's figures/",
        "figures_pdf": "write every chart as SVG, PNG and PDF",
        "pdf": "write report.pdf (experiment.pdf) too, by an installed Chromium or Chrome",
        "option": "how a chart is to look, such as latencies.height 10 or '*.top' 100; may be given several times",
        "experiment": "id of an experiment, to write its report instead",
        "all": "write results/index.html instead, which leads to all runs and experiments",
        "fail_if": "with --experiment: e.g. 'p99 > +10%'; exit code 1 if that is certain, 3 if it is undecided; may be "
        "given several times",
        "runs": "ids of runs that are shown together on one page: --runs A B C, or separated by commas",
        "label": "with --runs: the name of a run there, once for each run; runs of the same name have one colour "
        "(default: the run's own label, otherwise its id)",
        "output": "with --runs: the file of the page (default: overlay.html in the results folder)",
    },
)
@_command
def report(
    _context: Context,
    inventory: list[str],
    run: list[str],
    results_dir: str = "",
    figures: bool = False,
    figures_pdf: bool = False,
    pdf: bool = False,
    option: list[str] | None = None,
    experiment: str = "",
    all: bool = False,
    fail_if: list[str] | None = None,
    runs: list[str] | None = None,
    label: list[str] | None = None,
    output: str = "",
) -> None:
    """Write the report of a run or of an experiment again, or one page of several runs, or the page that leads to all.

    Prints the figures of a run, and the answer of an experiment.
    """
    from reporting import find_runs, judge_run, overlay_runs, summary, wanted_report, write_report, write_start_page

    results = _results(results_dir, inventory)
    of_run = {"--run": run, "--figures": figures, "--figures-pdf": figures_pdf, "--pdf": pdf, "--option": option}
    of_runs = {"--label": label, "--output": output}
    if all:
        others = {"--runs": runs, "--experiment": experiment, "--fail-if": fail_if}
        _refuse("the start page", "--all", of_run | of_runs | others)
        _say(f"Start page:  {_told(lambda: write_start_page(results))}")
        return
    if experiment:
        without = {name: given for name, given in (of_run | of_runs).items() if name != "--pdf"}
        _refuse("a report of an experiment", "--experiment", without | {"--runs": runs})
        _experiment_report(results, experiment, fail_if or [], pdf=pdf)
        return
    if fail_if:
        raise Exit("--fail-if: a report of runs has no such option; name an experiment, or use fab compare", code=2)
    if runs:
        _refuse("a page of several runs", "--runs", of_run)
        together = [part for given in runs for part in given.replace(",", " ").split()]
        page = Path(output).expanduser() if output else None
        _show(_told(lambda: overlay_runs(results, together, label or [], page)))
        return
    for given_option, given in of_runs.items():
        if given:
            raise Exit(f"{given_option} is for --runs only; name the runs with --runs, or leave it out", code=2)
    run_ids = [part.strip() for given in run for part in given.split(",") if part.strip()]

    def work() -> None:
        wanted = wanted_report(figures=figures, figures_pdf=figures_pdf, pdf=pdf, options=option or ())
        for folder in find_runs(results, run_ids):
            judged = judge_run(folder)
            _show([*summary(judged, write_report(judged, wanted=wanted)), ""])

    _told(work)


def _refuse(what: str, because_of: str, options: Mapping[str, object]) -> None:
    """Exit if any of these options is given."""
    for option, given in options.items():
        if given:
            raise Exit(f"{option}: {what} has no such option; leave it or {because_of} out", code=2)


def _experiment_report(results: Path, experiment: str, conditions: list[str], *, pdf: bool) -> None:
    """Write an experiment's report, print its answer, and exit with the code of the conditions."""
    from fleet.errors import InputError
    from fleet.experiments import manifest
    from reporting import report_experiment

    try:
        folder = manifest.find(results, experiment, "--experiment")
    except InputError as error:
        raise Exit(for_screen(error), code=2) from None
    lines, code = _told(lambda: report_experiment(folder, conditions, pdf=pdf))
    _show(lines)
    if code:
        raise Exit(code=code)


@task(iterable=["inventory"], help={"inventory": INVENTORY_HELP, "results_dir": RESULTS_HELP})
@_command
def experiments(_context: Context, inventory: list[str], results_dir: str = "") -> None:
    """List what experiments there are, which were run or are running, and how long they take."""
    from fleet.experiments import overview
    from fleet.experiments.playbooks import Playbooks

    results = _results(results_dir, inventory)
    playbooks = Playbooks(CHECKOUT / "playbooks", tuple(inventory), (), {})
    _show(_read(inventory, lambda _: overview.lines(playbooks, results)))


@task(
    positional=["baseline", "candidate"],
    iterable=["inventory", "fail_if"],
    help={
        "baseline": "id of a run; for pairs of runs, several ids separated by commas, in the order of the pairs",
        "candidate": "as many ids of the runs that are compared with them",
        "inventory": INVENTORY_HELP,
        "results_dir": RESULTS_HELP,
        "fail_if": "e.g. 'p99 > +10%' or 'rate of get < -5%': exit code 1 if that is certain, 3 if it is undecided; "
        "may be given several times",
        "json": "print JSON instead of a table",
    },
)
@_command
def compare(
    _context: Context,
    baseline: str,
    candidate: str,
    inventory: list[str],
    fail_if: list[str],
    results_dir: str = "",
    json: bool = False,
) -> None:
    """Compare runs with others, in pairs: ratio, interval and answer of each figure."""
    from reporting import compare_runs

    results = _results(results_dir, inventory)
    found = _told(lambda: compare_runs(results, baseline.split(","), candidate.split(","), fail_if))
    _show([dumps(found.as_json())] if json else found.as_text())
    if found.exit_code:
        raise Exit(code=found.exit_code)


@task(name="runs", iterable=["inventory"], help={"inventory": INVENTORY_HELP, "results_dir": RESULTS_HELP})
@_command
def list_runs(_context: Context, inventory: list[str], results_dir: str = "") -> None:
    """List what is in results/: scenario, load, rate, p99, failures and verdict of every run."""
    from reporting import list_runs as listed

    results = _results(results_dir, inventory)
    _show(_told(lambda: listed(results)))


def _results(given: str, inventory: list[str]) -> Path:
    """The folder of the runs: as given, else the one that playbooks with this inventory use."""
    folder = given or _read(inventory, lambda read: str(read.controller.get("benchmark_results_dir") or "results"))
    return (Path() if given else CHECKOUT) / Path(folder).expanduser()
