"""Reading a workload: a dictionary as YAML or JSON has it becomes a `Workload`, or the list of all its mistakes."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.parameter_values import MAX_SIZE, workload_content
from zk_locust.contract.request_size import DEFAULT_MAX_BUFFER_BYTES
from zk_locust.workload.specification import (
    OPERATIONS,
    REQUEST_OVERHEAD,
    Broadcast,
    Keys,
    Locks,
    Tree,
    Values,
    Watches,
    Workload,
)

MAX_NODES: Final = 10_000_000
MAX_DEPTH: Final = 10
MAX_EXPONENT: Final = 5.0
MAX_SIGMA: Final = 10.0
MAX_WEIGHT: Final = 1e9
MAX_DIGITS: Final = 18


def _is_no_number(value: float) -> bool:
    # Floats only: an integer of YAML or JSON may have more digits than isfinite can take.
    return isinstance(value, float) and not math.isfinite(value)


class _Section:
    """A part of the workload. What it is asked for it must have; what it was never asked for is unknown."""

    def __init__(self, name: str, content: object, problems: list[str], known: Iterable[str], example: str) -> None:
        self.name = name
        self.problems = problems
        self.content: Mapping[Any, Any] = {}
        if not isinstance(content, Mapping):
            self.wrong("", content, f"this is not a dictionary; write e.g. {example}")
            return
        self.content = content
        known = tuple(known)
        for key in content:
            if key not in known:
                hint = nearest(str(key), known)
                self.wrong(str(key), content[key], f"there is no such setting{hint}; it has: {', '.join(known)}")

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def wrong(self, key: str, value: object, problem: str) -> None:
        """Note a mistake."""
        shown = str(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
        self.problems.append(f"{self.name}{'.' if key else ''}{key} [{shown}]: {problem}")

    def number(self, key: str, default: float, least: float, most: float, example: str, what: str = "number") -> float:
        """Return a number from `least` to `most`."""
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or _is_no_number(value):
            self.wrong(key, value, f"this is not a {what}; write e.g. {example}")
        elif not least <= value <= most:
            self.wrong(key, value, f"this is not from {least:g} to {most:g}; write e.g. {example}")
        else:
            return value
        return default

    def whole(self, key: str, default: int, least: int, most: int, example: str) -> int:
        """Return a whole number from `least` to `most`."""
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            self.wrong(key, value, f"this is not a whole number; write e.g. {example}")
            return default
        return int(self.number(key, default, least, most, example))

    def seconds(self, key: str, default: float, example: str) -> float:
        """Return a duration; a bare number is seconds."""
        value = self.content.get(key, default)
        try:
            return parse_duration_ms(value if isinstance(value, (int, float)) else str(value), "s") / 1000
        except ValueError:
            self.wrong(key, value, f"this is not a duration; write e.g. {example}")
            return default

    def word(self, key: str, default: str, known: Iterable[str]) -> str:
        """Return one of the known words."""
        value = self.content.get(key, default)
        known = tuple(known)
        if value not in known:
            self.wrong(key, value, f"this is unknown{nearest(str(value), known)}; known: {', '.join(known)}")
            return default
        return str(value)


_KEYS: Final = (
    "seed", "operations", "nodes", "depth", "fan_out", "keys", "values", "watches", "ephemerals", "locks", "broadcast",
    "jute_maxbuffer",
)  # fmt: skip


def read_workload(content: object) -> tuple[Workload | None, list[str]]:
    """Return the workload and no problem, or None and one problem for each mistake.

    A problem names the setting, its value in brackets, and the remedy.
    """
    problems: list[str] = []
    top = _Section("workload", content, problems, _KEYS, "{operations: {get: 9, set: 1}, nodes: 1000}")
    if problems and not top.content:
        return None, problems
    broadcast = _broadcast(top) if "broadcast" in top else None
    operations = _operations(top, broadcast is not None)
    names = {name for name, weight in operations if weight > 0}
    tree = _tree(top)
    max_buffer = top.whole("jute_maxbuffer", DEFAULT_MAX_BUFFER_BYTES, REQUEST_OVERHEAD + 1, MAX_SIZE, "4194304")

    workload = Workload(
        operations=operations,
        tree=tree,
        keys=_keys(top, tree.nodes),
        values=_values(top, max_buffer - REQUEST_OVERHEAD),
        watches=_watches(top, tree.nodes),
        ephemerals_per_user=_ephemerals(top, "churn" in names),
        locks=_locks(top, "lock" in names, tree.nodes),
        broadcast=broadcast,
        seed=top.whole("seed", 0, 0, 1 << 62, "42"),
    )
    return (None, problems) if problems else (workload, [])


def workload_text(text: str) -> str:
    """Return the workload as JSON on one line, from JSON or the path of a JSON or YAML file.

    What travels to the workers is the content: the file need not be there. Raises ValueError with all problems.
    """
    content = workload_content(text)
    _, problems = read_workload(content)
    if problems:
        raise ValueError("; ".join(problems))
    return json.dumps(content, separators=(",", ":"))


@lru_cache(maxsize=8)
def workload_of(text: str | None) -> Workload:
    """Return the workload of the parameter's value; without one, a small mix. Raises ValueError with all problems."""
    if text is None:
        return Workload()
    workload, problems = read_workload(workload_content(text))
    if workload is None:
        raise ValueError("; ".join(problems))
    return workload


def _operations(top: _Section, broadcast: bool) -> tuple[tuple[str, float], ...]:
    if broadcast:
        for key in ("operations", "watches", "ephemerals", "locks"):
            if key in top:
                top.wrong(key, top.content[key], "with broadcast the users do nothing else; leave out one of them")
        return ()
    if "operations" not in top:
        top.wrong("operations", "", "there are none; write e.g. {get: 9, set: 1}")
        return ()
    before = len(top.problems)
    section = _Section("workload.operations", top.content["operations"], top.problems, OPERATIONS, "{get: 9, set: 1}")
    weights = {name: section.number(name, 0.0, 0.0, MAX_WEIGHT, "1") for name in OPERATIONS if name in section}
    if len(top.problems) == before and not sum(weights.values()) > 0:
        section.wrong("", dict(section.content), "the weights add up to nothing; write e.g. {get: 9, set: 1}")
    if weights.get("delete", 0) > weights.get("create", 0):
        section.wrong("delete", weights["delete"], "more is deleted than created; give create the same weight, or more")
    return tuple((name, weight) for name, weight in weights.items() if weight > 0)


def _tree(top: _Section) -> Tree:
    nodes = top.whole("nodes", Tree().nodes, 1, MAX_NODES, "1000")
    depth = top.whole("depth", 1, 1, MAX_DEPTH, "2")
    if depth == 1:
        if "fan_out" in top:
            top.wrong("fan_out", top.content["fan_out"], "a tree of depth 1 has no folders; write e.g. depth: 2")
        return Tree(nodes)
    if "fan_out" not in top:
        top.wrong("fan_out", "", f"a tree of depth {depth} needs one; write e.g. 10")
        return Tree(nodes)
    fan_out = top.whole("fan_out", 1, 1, MAX_NODES, "10")
    tree = Tree(nodes, depth, fan_out)
    if tree.leaf_folders > nodes:
        most = int(nodes ** (1 / (depth - 1)) + 1e-9)
        top.wrong(
            "fan_out", fan_out, f"{tree.leaf_folders} folders are more than the {nodes} nodes; write {most} or less"
        )
    return tree


def _keys(top: _Section, nodes: int) -> Keys:
    content = top.content.get("keys", {})
    if isinstance(content, str):
        content = {"choice": content}
    section = _Section(
        "workload.keys", content, top.problems, ("choice", "exponent", "hot_nodes", "hot_share"), "{choice: uniform}"
    )
    choice = section.word("choice", "uniform", ("uniform", "sequential", "zipf", "hot-set"))
    for key, owner in (("exponent", "zipf"), ("hot_nodes", "hot-set"), ("hot_share", "hot-set")):
        if key in section and choice != owner:
            section.wrong(key, section.content[key], f"only {owner} has it; write choice: {owner}, or leave it out")
    return Keys(
        choice,
        section.number("exponent", 0.99, 0.0, MAX_EXPONENT, "0.99"),
        section.whole("hot_nodes", max(1, nodes // 10), 1, nodes, str(max(1, nodes // 10))),
        section.number("hot_share", 0.9, 0.0, 1.0, "0.9"),
    )


_VALUE_SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "uniform": ("least", "most"),
    "list": ("sizes",),
    "lognormal": ("median", "sigma", "least", "most"),
}


def _values(top: _Section, limit: int) -> Values:
    content = top.content.get("values", Values().least)

    def size(section: _Section, key: str, default: int) -> int:
        value = section.content.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and value > limit:
            section.wrong(
                key, value,
                f"the servers take {limit} bytes at most; write less, or raise jute.maxbuffer on the servers and say "
                f"so with jute_maxbuffer in the workload (now {limit + REQUEST_OVERHEAD})",
            )  # fmt: skip
            return default
        return section.whole(key, default, 0, limit, "128")

    if not isinstance(content, Mapping):
        fixed = size(top, "values", Values().least)
        return Values(least=fixed, most=fixed)
    known = ("distribution", "least", "most", "sizes", "median", "sigma")
    section = _Section("workload.values", content, top.problems, known, "{distribution: uniform, least: 64, most: 256}")
    if "distribution" not in section:
        section.wrong("distribution", "", f"it is missing; known: {', '.join(_VALUE_SETTINGS)}")
        return Values()
    distribution = section.word("distribution", "", _VALUE_SETTINGS)
    if not distribution:
        return Values()
    wanted = _VALUE_SETTINGS[distribution]
    for key in known[1:]:
        if key in section and key not in wanted:
            section.wrong(key, section.content[key], f"{distribution} has no such setting; it has: {', '.join(wanted)}")
        elif key not in section and key in wanted:
            section.wrong(key, "", f"{distribution} needs it; write e.g. {_VALUE_EXAMPLES[key]}")
            return Values()
    if distribution == "list":
        return _value_list(section, size)
    least, most = size(section, "least", 0), size(section, "most", limit)
    if least > most:
        section.wrong("least", least, f"this is more than most [{most}]; exchange them")
    if distribution == "uniform":
        return Values("uniform", least, most)
    median = section.number("median", 1.0, 1.0, limit, "512")
    if not least <= median <= most:
        section.wrong("median", median, f"this is not from least [{least}] to most [{most}]; write one between them")
    return Values("lognormal", least, most, median=median, sigma=section.number("sigma", 1.0, 0.0, MAX_SIGMA, "1.0"))


_VALUE_EXAMPLES: Final = {
    "least": "64", "most": "1024", "sizes": "{64: 9, 4096: 1}", "median": "512", "sigma": "1.0",
}  # fmt: skip


def _as_size(key: object) -> object:
    text = str(key)
    return int(text) if len(text) <= MAX_DIGITS and text.lstrip("-").isdecimal() else key


def _value_list(section: _Section, size: Callable[[_Section, str, int], int]) -> Values:
    content = section.content["sizes"]
    if not isinstance(content, Mapping) or not content:
        section.wrong("sizes", content, "these are not sizes with their weights; write e.g. {64: 9, 4096: 1}")
        return Values()
    # JSON knows no keys but text.
    weights = {_as_size(key): weight for key, weight in content.items()}
    before = len(section.problems)
    sizes, shares = [], []
    for key, weight in weights.items():
        one = _Section("workload.values.sizes", {str(key): key}, section.problems, (str(key),), "")
        sizes.append(size(one, str(key), 0))
        share = _Section("workload.values.sizes", {str(key): weight}, section.problems, (str(key),), "")
        shares.append(share.number(str(key), 0.0, 0.0, MAX_WEIGHT, "1", "weight"))
    if len(section.problems) == before and not sum(shares) > 0:
        section.wrong("sizes", dict(content), "the weights add up to nothing; write e.g. {64: 9, 4096: 1}")
    return Values("list", min(sizes), max(sizes), tuple(sizes), tuple(shares))


def _watches(top: _Section, nodes: int) -> Watches:
    if "watches" not in top:
        return Watches()
    section = _Section(
        "workload.watches", top.content["watches"], top.problems, ("per_user", "per_node", "on"), "{per_user: 10}"
    )
    if ("per_user" in section) == ("per_node" in section):
        section.wrong("", dict(section.content), "this needs one of per_user and per_node; write e.g. {per_user: 10}")
    on = section.word("on", "data", ("data", "children"))
    if on == "children" and "ephemerals" not in top:
        section.wrong("on", on, "nothing comes and goes below the nodes; write data, or ephemerals: {per_user: 5}")
    return Watches(
        section.whole("per_user", 0, 0, nodes, str(min(10, nodes))),
        section.whole("per_node", 0, 0, 1_000_000, "1"),
        on,
    )


def _ephemerals(top: _Section, churn: bool) -> int:
    if "ephemerals" not in top:
        if churn:
            top.wrong("operations.churn", "", "there are no ephemeral nodes; write e.g. ephemerals: {per_user: 5}")
        return 0
    section = _Section("workload.ephemerals", top.content["ephemerals"], top.problems, ("per_user",), "{per_user: 5}")
    return section.whole("per_user", 1, 1, 100_000, "5")


def _locks(top: _Section, used: bool, nodes: int) -> Locks | None:
    if "locks" not in top:
        return Locks() if used else None
    section = _Section(
        "workload.locks", top.content["locks"], top.problems, ("count", "hold", "timeout", "check"), "{count: 4}"
    )
    if not used:
        section.wrong("", top.content["locks"], "nobody takes them; write e.g. operations: {lock: 1}")
    check = section.content.get("check", False)
    if not isinstance(check, bool):
        section.wrong("check", check, "this is neither true nor false; write true or false")
    count = section.whole("count", 1, 1, 100_000, "4")
    if count > nodes:
        # A step chooses its lock as others choose their node.
        section.wrong("count", count, f"only {nodes} of them would be used; write nodes: {count} too, or fewer locks")
    return Locks(
        count,
        section.seconds("hold", 0.0, "2ms"),
        section.seconds("timeout", 30.0, "30s"),
        check is True,
    )


def _broadcast(top: _Section) -> Broadcast:
    section = _Section(
        "workload.broadcast", top.content["broadcast"], top.problems, ("nodes", "every"), "{nodes: 10, every: 100ms}"
    )
    every_s = section.seconds("every", 0.1, "100ms")
    if every_s <= 0:
        section.wrong(
            "every", section.content.get("every"), "the writer must pause between two writes; write e.g. 100ms"
        )
    return Broadcast(section.whole("nodes", 10, 1, 100_000, "10"), every_s)
