"""Conducts an experiment: checks everything, says how long it takes, runs it, and writes its report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import reporting
from fleet.errors import FleetError, InputError, one_line
from fleet.experiments import manifest, plan
from fleet.experiments.arms import Arm, number_of_runs
from fleet.experiments.benchmark import Benchmarks, preflight
from fleet.experiments.budget import refuse_plan, refuse_rest
from fleet.experiments.checking import Checked, check, refused
from fleet.experiments.duration import Inventories
from fleet.experiments.duration import run_s as run_s_of
from fleet.experiments.fingerprints import fingerprints
from fleet.experiments.interruption import leave_words
from fleet.experiments.inventory_load import variables_of
from fleet.experiments.left import left_s, runs_left
from fleet.experiments.no_capacity import no_capacity
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.resumption import (
    refuse_other_inventory,
    refuse_other_schema,
    refuse_other_settings,
)
from fleet.experiments.runner import RunOne, reopen_half_blocks, run
from fleet.experiments.specification import FRESH, MOST_RUNS, Specification
from fleet.inventory import Inventory
from zk_locust.contract.durations import format_duration
from zk_locust.contract.experiment import CAPACITY
from zk_locust.contract.inventory.names import role_variables
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.run_files import EXPERIMENT_PAGE


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for: the file of a new experiment and perhaps its id, or the id of one to be resumed.

    `more` are pairs or repeats to be added to a resumed one. With `only_check`, nothing is started.
    """

    experiment: str = ""
    experiment_id: str = ""
    resume: str = ""
    more: int = 0
    only_check: bool = False


def conduct(
    wish: Wish, playbooks: Playbooks, say: Callable[[str], object], benchmarks: RunOne | None = None
) -> list[str]:
    """Run an experiment, or go on with one; return the lines of its answer.

    Raises InputError for what cannot be run, before anything is started, and FleetError for what went wrong later.
    `benchmarks` runs one benchmark instead of the playbooks.
    """
    inventories = Inventories(playbooks)
    results = results_folder(playbooks, inventories.of(""))
    if wish.resume:
        return _resume(wish, playbooks, inventories, results, say, benchmarks)
    if wish.more:
        raise InputError(f"experiment_more [{wish.more}]: say which experiment gets more with -e experiment_resume=ID")
    file = find_file(wish.experiment, playbooks.folder / "experiments")
    checked = check(file, playbooks, inventories)
    spec, arms = checked.spec, checked.arms
    experiment_id = manifest.new_id(spec.name, wish.experiment_id)
    manifest.refuse_existing(results, experiment_id)
    slots = [] if spec.kind == CAPACITY else plan.blocks([arm.name for arm in arms], spec.blocks, spec.seed)
    runs = number_of_runs(spec)
    if runs > MOST_RUNS:
        raise InputError(
            f"experiment [{spec.name}]: it has {runs} runs, and at most {MOST_RUNS} are possible; reduce it"
        )
    run_s = run_s_of(checked.plans)
    refuse_plan(spec, runs, run_s)
    if benchmarks is None:
        _preflight(playbooks, checked.probes, say)
    at_most = "at most about " if spec.kind == CAPACITY else ""
    size = f"experiment {experiment_id}: {spec.kind}, {at_most}{runs} runs, about {format_duration(runs * run_s)}"
    if wish.only_check:
        return [size, "check mode: there is no problem, and nothing was started"]
    folder = manifest.create(
        results, experiment_id, spec, arms, slots, file=str(file), run_s=run_s, most_runs=runs,
        inventory_load=variables_of(inventories.of("")),
        inventory=_sources(playbooks), given=playbooks.variables,
        decided_by=_decided_by(checked, playbooks, inventories),
    )  # fmt: skip
    say(size)
    if spec.data == FRESH:
        say("experiment: the members' data is removed before the first run and after each one")
    say(f"experiment: after an interruption, continue it with {manifest.resume_words(manifest.load(folder))}")
    with manifest.held(folder):
        return _go_on(folder, spec, arms, playbooks, results, say, benchmarks)


def _resume(
    wish: Wish,
    playbooks: Playbooks,
    inventories: Inventories,
    results: Path,
    say: Callable[[str], object],
    benchmarks: RunOne | None,
) -> list[str]:
    for name, given in (("experiment", wish.experiment), ("experiment_id", wish.experiment_id)):
        if given:
            raise InputError(f"{name} [{given}]: experiment_resume continues an experiment as it was; leave {name} out")
    folder = manifest.find(results, wish.resume, "experiment_resume")
    with manifest.held(folder):
        return _continue(folder, wish, playbooks, inventories, results, say, benchmarks)


def _continue(
    folder: Path,
    wish: Wish,
    playbooks: Playbooks,
    inventories: Inventories,
    results: Path,
    say: Callable[[str], object],
    benchmarks: RunOne | None,
) -> list[str]:
    """Go on with an experiment that is held."""
    content = manifest.load(folder)
    refuse_other_schema(folder)
    file = find_file(str(content.get("file", "")), playbooks.folder / "experiments")
    refuse_other_inventory(content, _sources(playbooks))
    checked = check(file, playbooks, inventories)
    spec, arms = checked.spec, checked.arms
    digest = manifest.digest(spec, arms, playbooks.variables)
    refuse_other_settings(content, digest, _decided_by(checked, playbooks, inventories), file)
    if wish.more and spec.kind == CAPACITY:
        raise InputError(f"experiment_more [{wish.more}]: a search for a capacity ends by itself; leave it out")
    if wish.more < 0 or len(content["plan"]) + wish.more * len(arms) > MOST_RUNS:
        raise InputError(f"experiment_more [{wish.more}]: write a number of pairs from 1; {MOST_RUNS} runs at most")
    reopen_half_blocks(content)
    if wish.more:
        done = [plan.Slot(**slot) for slot in content["plan"]]
        more = plan.blocks([arm.name for arm in arms], wish.more, spec.seed, done)
        content["plan"] += [slot.as_dict() for slot in more]
    content["description"] = spec.description
    content["settings"] |= {"budget_s": spec.budget_s, "void_repeats": spec.void_repeats}
    left = runs_left(content)
    refuse_rest(content, wish.more)
    runs = "1 run" if left == 1 else f"{left} runs"
    say(f"experiment {folder.name}: {runs} left, about {format_duration(left_s(content))}")
    if benchmarks is None and left:
        _preflight(playbooks, checked.probes, say)
    if wish.only_check:
        return ["check mode: there is no problem, and nothing was started"]
    manifest.save(folder, content)
    return _go_on(folder, spec, arms, playbooks, results, say, benchmarks)


def _decided_by(checked: Checked, playbooks: Playbooks, inventories: Inventories) -> dict[str, str]:
    known = role_variables(playbooks.folder.parent / "roles")
    return fingerprints(checked, inventories.of, playbooks.variables, known)


def _sources(playbooks: Playbooks) -> list[str]:
    return [str(source) for source in playbooks.inventory]


def _go_on(
    folder: Path,
    spec: Specification,
    arms: Sequence[Arm],
    playbooks: Playbooks,
    results: Path,
    say: Callable[[str], object],
    benchmarks: RunOne | None,
) -> list[str]:
    run_one = benchmarks or Benchmarks(folder, results, playbooks, spec, arms).run
    try:
        run(folder, arms, run_one, say)
    except KeyboardInterrupt as interruption:
        words = manifest.resume_words(manifest.load(folder))
        parts = [f"experiment {folder.name} was interrupted", *interruption.args, f"continue it with {words}"]
        words = "; ".join([*parts, _report_so_far(folder)])
        leave_words(words)
        raise FleetError(words) from None
    except FleetError as error:
        raise FleetError(f"{error}; {_report_so_far(folder)}") from error
    lines = reporting.write_experiment(folder)
    if problem := no_capacity(manifest.load(folder)):
        for line in lines:
            say(line)
        raise FleetError(problem)
    return lines


def _report_so_far(folder: Path) -> str:
    """Write the report of an experiment that has ended too early; return the words that lead to it."""
    try:
        reporting.write_experiment(folder)
    except reporting.ReportingError as error:
        return f"its report cannot be written: {one_line(error)}"
    command = f"fab report --experiment {folder.name}"
    return f"what its runs say so far is in {folder / EXPERIMENT_PAGE}, and `{command}` shows it"


def find_file(experiment: str, folder: Path) -> Path:
    """Return the file of an experiment: one of `folder` by its name, or any by its path. Raises InputError."""
    for candidate in (folder / f"{experiment}.yml", Path(experiment).expanduser()):
        if experiment and candidate.suffix in (".yml", ".yaml") and candidate.is_file():
            return candidate.resolve()
    known = sorted(file.stem for file in folder.glob("*.yml"))
    raise InputError(
        f"experiment [{experiment}]: there is no such experiment{nearest(experiment, known)}; give the path of a YAML "
        f"file, or one of: {', '.join(known) or 'none'}"
    )


def results_folder(playbooks: Playbooks, inventory: Inventory) -> Path:
    """Return the folder of the runs, as the playbooks take it."""
    given = playbooks.variables.get("benchmark_results_dir") or inventory.controller.get("benchmark_results_dir")
    return playbooks.folder.parent / Path(str(given or "results")).expanduser()


def _preflight(playbooks: Playbooks, arms: Sequence[Arm], say: Callable[[str], object]) -> None:
    problems: list[str] = []
    different = _different(arms)
    for number, arm in enumerate(different, 1):
        say(f"experiment: preflight of {arm.name}, {number} of {len(different)}")
        problems += preflight(playbooks, arm)
    if problems:
        raise refused(problems)


def _different(arms: Sequence[Arm]) -> list[Arm]:
    """Return one arm of those whose runs are the same."""
    found: list[Arm] = []
    for arm in arms:
        if not any((arm.inventory, arm.variables) == (other.inventory, other.variables) for other in found):
            found.append(arm)
    return found
