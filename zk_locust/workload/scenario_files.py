"""Finds and reads the files of a scenario: its YAML file, and its locustfile."""

from pathlib import Path
from typing import Any, Final

import yaml

from zk_locust.contract.nearest_name import nearest
from zk_locust.workload.scenario_settings import SETTINGS

LOCUSTFILES: Final = Path(__file__).parents[1] / "locustfiles"
KEYS: Final = (
    "description",
    "locustfile",
    "workload",
    *SETTINGS,
    "user_stages",
    "arrival",
    "faults",
    "dispatch",
    "parameters",
)


def find_scenario(scenario: str, scenarios_dir: Path) -> Path | None:
    """Return the file of a scenario: one of `scenarios_dir` by its name, or any by its path; None if there is none."""
    for candidate in (scenarios_dir / f"{scenario}.yml", scenarios_dir / scenario, Path(scenario)):
        if candidate.suffix in (".yml", ".yaml") and candidate.is_file():
            return candidate.resolve()
    return None


def read_scenario(file: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the scenario's settings, None where there are none to be read, and what is wrong with them."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        reason = getattr(error, "problem", None) or error
        return None, [f"benchmark_scenario [{file}{line}]: this is not YAML that can be read: {reason}"]
    if not isinstance(content, dict):
        return None, [f"benchmark_scenario [{file}]: a scenario is a dictionary with {', '.join(KEYS)}"]
    unknown = [key for key in content if key not in KEYS]
    problems = [
        f"{key} in {file.name}{_shown(key, content[key])}: a scenario has no such setting{nearest(str(key), KEYS)}; "
        f"it has: {', '.join(KEYS)}"
        for key in unknown
    ]
    return {key: value for key, value in content.items() if key in KEYS}, problems


def _shown(key: object, value: object) -> str:
    """Return the value of an unknown setting in brackets, where a setting is meant that holds no secret."""
    meant = nearest(str(key), KEYS)
    return f" [{value}]" if meant and meant == nearest(str(key), SETTINGS) else ""


def find_locustfile(name: str, beside: Path, source: str, problems: list[str]) -> Path | None:
    """Return the locustfile: of the starter kit, beside the scenario, or any by its path; None where it is wrong."""
    if not name:
        problems.append(
            f"{source} []: no locustfile is given, and no workload; the starter kit has: {', '.join(_starter_kit())}"
        )
        return None
    for candidate in (LOCUSTFILES / name, beside / name, Path(name)):
        if candidate.suffix == ".py" and candidate.is_file():
            try:
                compile(candidate.read_bytes(), str(candidate), "exec")
            except SyntaxError as error:
                line = f", line {error.lineno}" if error.lineno else ""
                problems.append(f"{source} [{name}{line}]: this is not Python: {error.msg}")
                return None
            except (OSError, ValueError) as error:
                problems.append(f"{source} [{name}]: this cannot be read as Python: {error}")
                return None
            return candidate.resolve()
    problems.append(
        f"{source} [{name}]: there is no such locustfile{nearest(name, _starter_kit())}; "
        f"give the path of one, or one of the starter kit: {', '.join(_starter_kit())}"
    )
    return None


def _starter_kit() -> list[str]:
    return sorted(path.name for path in LOCUSTFILES.glob("locust_*.py"))
