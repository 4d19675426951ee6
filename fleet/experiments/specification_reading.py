"""Reads an experiment's file and checks it: every problem in it is named at once."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from fleet.experiments.grid_reading import read_grid
from fleet.experiments.specification import (
    DEFAULT_RATES,
    DEFAULTS,
    FRESH,
    INVENTORY,
    KEPT,
    KEYS,
    KINDS,
    LEAST_PAIRS,
    LEAST_REPEATS,
    MOST_RUNS,
    OF_ALL_KINDS,
    OF_KIND,
    Specification,
)
from fleet.experiments.unique_names import TwiceError, read_yaml
from zk_locust.contract.arrival import rate_per_s
from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.experiment import (
    CAPACITY,
    COMPARE,
    FIGURES,
    MATRIX,
    RECOVERY,
    RECOVERY_FIGURES,
    parse_objective,
)
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.secrets import redacted

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%")
# The experiment sets them itself.
_OWNED: Final[dict[str, str]] = {
    "benchmark_label": "each run gets its arm's name as its label",
    "benchmark_results_dir": "set it in the inventory or with -e, for all runs",
}


def read_file(file: Path, variables: Iterable[str]) -> tuple[Specification | None, list[str]]:
    """Return what an experiment's file says and no problem, or None and every problem.

    `variables` are the names that an inventory knows.
    """
    try:
        content = read_yaml(file.read_text(encoding="utf-8"))
    except TwiceError as error:
        return None, [
            f"experiment [{file}, line {error.line}]: the name {error.name} occurs twice; rename or remove one of them"
        ]
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "strerror", None) or error
        return None, [f"experiment [{file}{line}]: this is not YAML that can be read: {reason}"]
    return read_content(file.stem, content, variables)


def read_content(name: str, content: object, variables: Iterable[str]) -> tuple[Specification | None, list[str]]:
    """Do the same for the content of a file."""
    if not isinstance(content, Mapping):
        return None, [f"experiment [{name}]: an experiment is a dictionary with {', '.join(KEYS)}"]
    kind = str(content.get("kind", ""))
    if kind not in KINDS:
        known = "; ".join(f"{known} ({words})" for known, words in KINDS.items())
        return None, [f"kind [{kind}]: there is no such kind{nearest(kind, KINDS)}; known: {known}"]
    reader = _Reader(content, kind, frozenset(variables))
    reader.refuse_unknown_keys()
    values: dict[str, Any] = {
        key: read(content[key]) for key, read in reader.readers().items() if key in content and reader.has(key)
    }
    if "budget" in values:
        values["budget_s"] = values.pop("budget")
    reader.judge_kind()
    if reader.problems:
        return None, reader.problems
    return Specification(name=name, **{**DEFAULTS.get(kind, {}), **values, "kind": kind}), []


class _Reader:
    """Reads the values of one file, and collects what is wrong with them."""

    def __init__(self, content: Mapping[str, Any], kind: str, variables: frozenset[str]) -> None:
        self._content = content
        self._kind = kind
        self._variables = variables
        self.problems: list[str] = []

    def has(self, key: str) -> bool:
        """Whether experiments of this kind have the setting."""
        return key in (*OF_ALL_KINDS, *OF_KIND[self._kind])

    def readers(self) -> dict[str, Callable[[Any], Any]]:
        """Return what reads each setting."""
        return {
            "description": lambda value: "" if value is None else str(value).strip(),
            "scenario": self._scenario,
            "variables": lambda value: self._overlay("variables", value, with_inventory=False),
            "arms": self._arms,
            "grid": lambda value: read_grid(value, self._wrong, self._judge_name),
            "pairs": lambda value: self._whole("pairs", value, LEAST_PAIRS, MOST_RUNS // 2),
            "repeats": lambda value: self._whole("repeats", value, LEAST_REPEATS.get(self._kind, 1), MOST_RUNS),
            "figures": self._figures,
            "equivalence": self._equivalence,
            "objectives": self._objectives,
            "rates": self._rates,
            "seed": lambda value: self._whole("seed", value, 0, 2**31 - 1),
            "void_repeats": lambda value: self._whole("void_repeats", value, 0, 100),
            "budget": self._budget,
            "data": self._data,
        }

    def refuse_unknown_keys(self) -> None:
        """Name settings that do not exist, or that this kind does not have."""
        mine = [key for key in KEYS if self.has(key)]
        for key in map(str, self._content):
            if key not in KEYS:
                self._wrong(
                    key, f"an experiment has no such setting{nearest(key, mine)}; {self._kind} has: {', '.join(mine)}"
                )
            elif not self.has(key):
                self._wrong(key, f"kind {self._kind} has no such setting; it has: {', '.join(mine)}")

    def judge_kind(self) -> None:
        """Name what is missing for the kind."""
        if self._kind == COMPARE:
            arms = self._content.get("arms")
            number = len(arms) if isinstance(arms, Mapping) else 0
            if number < 2:
                self._wrong(
                    "arms",
                    f"a comparison needs two arms or more, and has {number}; for its noise, write kind: noise",
                )
        elif self._kind == MATRIX and not self._content.get("grid"):
            self._wrong(
                "grid", "a matrix needs a setting with two values or more; write e.g. {benchmark_users: [8, 32]}"
            )
        elif self._kind == CAPACITY and not self._content.get("objectives"):
            self._wrong("objectives", "a search for a capacity needs an objective; write e.g. [p99 < 20ms]")

    def _wrong(self, setting: str, why: str, value: object = None) -> None:
        shown = "" if value is None else f" [{redacted(setting, value)}]"
        self.problems.append(f"{setting}{shown}: {why}")

    def _whole(self, key: str, value: object, least: int, most: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        why = f"this is not a whole number from {least} to {most}"
        if key == "pairs":
            why += "; fewer than five pairs of runs cannot tell a difference from noise"
        elif key == "repeats" and self._kind == RECOVERY:
            why += "; a fault that is repeated less often does not tell how its recovery varies"
        elif key == "repeats":
            why += "; one run does not tell how much runs differ"
        self._wrong(key, why, value)
        return least

    def _figures(self, value: object) -> tuple[str, ...]:
        known = tuple(RECOVERY_FIGURES if self._kind == RECOVERY else FIGURES)
        if not isinstance(value, list) or not value:
            self._wrong("figures", f"this is not a list of figures; known: {', '.join(known)}", value)
            return ()
        for name in map(str, value):
            if name not in known:
                self._wrong(
                    "figures", f"there is no such figure{nearest(name, known)}; known: {', '.join(known)}", name
                )
        return tuple(dict.fromkeys(map(str, value)))

    def _equivalence(self, value: object) -> float:
        found = _PERCENT.fullmatch(str(value).strip())
        if found and 0 < float(found[1]) < 100:
            return float(found[1]) / 100
        self._wrong("equivalence", "this is not a share above 0 % and below 100 %; write e.g. 5%", value)
        return 0.05

    def _objectives(self, value: object) -> tuple[str, ...]:
        texts = [str(text) for text in value] if isinstance(value, list) else [str(value)]
        for text in texts:
            try:
                parse_objective(text)
            except ValueError as error:
                self.problems.append(f"objectives {error}")
        return tuple(texts)

    def _rates(self, value: object) -> tuple[float, float, float]:
        known = ("lowest", "first", "highest")
        if not isinstance(value, Mapping) or set(value) - set(known):
            self._wrong(
                "rates",
                "this is not a dictionary of lowest, first and highest; write e.g. {lowest: 100, highest: 50000}",
                value,
            )
            return DEFAULT_RATES
        rates = dict(zip(known, DEFAULT_RATES, strict=True))
        for key, given in value.items():
            try:
                rates[key] = rate_per_s(given)
            except ValueError as error:
                self._wrong(f"rates.{key}", str(error), given)
        if "first" not in value:
            rates["first"] = min(max(rates["first"], rates["lowest"]), rates["highest"])
        if not rates["lowest"] <= rates["first"] <= rates["highest"] or rates["lowest"] == rates["highest"]:
            shown = ", ".join(f"{key} {rate:g}" for key, rate in rates.items())
            self._wrong("rates", "lowest must be below highest, and first between them", shown)
        return rates["lowest"], rates["first"], rates["highest"]

    def _scenario(self, value: object) -> str:
        if value is None:
            self._wrong("scenario", "no scenario is named; name one, or leave it out for the inventory's")
        return str(value)

    def _budget(self, value: object) -> float:
        try:
            budget_s = parse_duration_ms(value if isinstance(value, int | float) else str(value)) / 1000
        except ValueError as error:
            self.problems.append(f"budget {error}")
            return 0.0
        if budget_s == 0:
            self._wrong("budget", "no run fits into it; write e.g. 2h, or leave it out for no limit", value)
        return budget_s

    def _data(self, value: object) -> str:
        if value not in (FRESH, KEPT):
            self._wrong(
                "data",
                f"known: {FRESH} (each run starts with an empty ensemble), {KEPT} (members keep their data)",
                value,
            )
        return str(value)

    def _arms(self, value: object) -> dict[str, dict[str, Any]]:
        if not isinstance(value, Mapping) or not value:
            self._wrong(
                "arms",
                "this is not a dictionary of arms; write e.g. {a: {zookeeper_heap: 256m}, b: {zookeeper_heap: 1g}}",
            )
            return {}
        for name in map(str, value):
            if not _NAME.fullmatch(name):
                self._wrong("arms", "an arm's name has 1 to 40 letters, digits, dots, hyphens and underscores", name)
        arms = {
            str(name): self._overlay(f"arms.{name}", overlay, with_inventory=True) for name, overlay in value.items()
        }
        if not self.problems:
            self._refuse_equal(arms)
        return arms

    def _refuse_equal(self, arms: Mapping[str, Mapping[str, Any]]) -> None:
        names = list(arms)
        for place, name in enumerate(names):
            for other in names[:place]:
                if arms[name] == arms[other]:
                    self._wrong(
                        f"arms.{name}", f"it sets the same as arms.{other}; let them differ, or write kind: noise"
                    )

    def _overlay(self, where: str, value: object, *, with_inventory: bool) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._wrong(where, "this is not a dictionary of variables; write e.g. {zookeeper_heap: 1g}")
            return {}
        for name in map(str, value):
            if name == INVENTORY and not with_inventory:
                self._wrong(
                    f"{where}.{name}", "name the inventory with -i; only arms and grids have inventories of their own"
                )
            elif name in _OWNED:
                self._wrong(f"{where}.{name}", f"the experiment sets this itself; {_OWNED[name]}")
            else:
                self._judge_name(where, name)
        return {str(name): content for name, content in value.items()}

    def _judge_name(self, where: str, name: str) -> None:
        if name != INVENTORY and name not in self._variables and not name.startswith("ansible_"):
            # Without the value: it may be a secret.
            self._wrong(
                f"{where}.{name}", f"there is no such variable{nearest(name, self._variables)}; correct the name"
            )
