"""Which package may import which, and that no modules import one another in a circle."""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = {
    **dict.fromkeys(("zk_locust", "reporting", "fleet", "lab", "benchmarks"), REPOSITORY),
    **dict.fromkeys(("locust_extra", "zk_metrics", "zk_dispatch", "host_metrics"), REPOSITORY / "collectors"),
}
OURS = (*PACKAGES, "tests", "fabfile")

Graph = Mapping[str, frozenset[str]]


def imports_of(source: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (module, names) of each import, also of those in functions; names are empty for `import module`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((name.name, []) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module, [name.name for name in node.names]


def graph_of(sources: Mapping[str, str]) -> Graph:
    """Return which of our modules each module imports. A module that is not of `sources` keeps its written name."""
    graph = {}
    for module, source in sources.items():
        found = set()
        for imported, names in imports_of(source):
            inner = {f"{imported}.{name}" for name in names if f"{imported}.{name}" in sources}
            found |= inner or {imported}
            if inner and len(inner) < len(names):
                found.add(imported)
        graph[module] = frozenset(one for one in found if one.split(".")[0] in OURS and one != module)
    return graph


def circles(graph: Graph) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in graph.get(module, ()):
            if other in graph and other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            members = stack[stack.index(module) :]
            del stack[-len(members) :]
            if len(members) > 1:
                found.append(sorted(members))

    for module in graph:
        if module not in index:
            visit(module)
    return found


@cache
def project() -> Graph:
    sources = {}
    for package, parent in PACKAGES.items():
        for file in (parent / package).rglob("*.py"):
            name = ".".join(file.relative_to(parent).with_suffix("").parts).removesuffix(".__init__")
            sources[name] = file.read_text(encoding="utf-8")
    return graph_of(sources)


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def is_column_definition(module: str) -> bool:
    return within(module, "locust_extra", "zk_metrics", "host_metrics") and module.endswith((".columns", ".ranks"))


COLLECTORS = ("locust_extra", "zk_metrics")
# Who -> whom it may import beside itself.
RULES: list[tuple[str, Callable[[str], bool]]] = [
    ("zk_locust.contract", lambda _: False),
    ("zk_locust.clients", lambda other: within(other, "zk_locust.contract")),
    ("zk_locust.host_faults", lambda other: within(other, "zk_locust.contract")),
    ("zk_locust.agent", lambda other: within(other, "zk_locust.contract")),
    ("zk_locust.locustfiles", lambda other: within(other, "zk_locust", *COLLECTORS)),
    ("zk_locust", lambda _: False),
    ("locust_extra", lambda other: within(other, "zk_locust", "host_metrics.lasting_file", "host_metrics.columns")),
    ("zk_metrics", lambda other: within(other, "zk_locust", "host_metrics.lasting_file", "host_metrics.columns")),
    ("zk_dispatch", lambda other: within(other, "zk_locust", "zk_metrics")),
    ("host_metrics", lambda _: False),
    ("reporting", lambda other: within(other, "zk_locust.contract") or is_column_definition(other)),
    ("fleet", lambda other: within(other, "zk_locust.contract", "reporting")),
]


def broken_rules(graph: Graph) -> list[tuple[str, str]]:
    broken = []
    for module, others in graph.items():
        for package, may in RULES:
            if within(module, package):  # the first one that fits: the narrower ones stand first
                broken += [(module, other) for other in others if not within(other, package) and not may(other)]
                break
        broken += [(module, other) for other in others if within(other, "tests")]
    return sorted(set(broken))


def test_there_is_no_circle() -> None:
    assert circles(project()) == []


def test_each_package_imports_what_it_may() -> None:
    assert broken_rules(project()) == []


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ({"zk_locust.contract.a": "def f():\n import zk_locust.load"}, [("zk_locust.contract.a", "zk_locust.load")]),
        ({"zk_locust.load.a": "import reporting.facts"}, [("zk_locust.load.a", "reporting.facts")]),
        ({"fleet.a": "from tests.fleet import lab"}, [("fleet.a", "tests.fleet")]),
        ({"zk_metrics.a": "from host_metrics.sampler import x"}, [("zk_metrics.a", "host_metrics.sampler")]),
        ({"zk_locust.locustfiles.a": "from zk_metrics import register_zk_metrics"}, []),
    ],
)
def test_a_broken_rule_is_found(planted: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert broken_rules(graph_of(planted)) == expected


def test_a_circle_is_found_through_a_function_too() -> None:
    planted = {
        "zk_locust.a": "import zk_locust.b",
        "zk_locust.b": "def f():\n from zk_locust.c import x",
        "zk_locust.c": "from zk_locust import a",
        "zk_locust.d": "import zk_locust.a",
    }
    assert circles(graph_of(planted)) == [["zk_locust.a", "zk_locust.b", "zk_locust.c"]]
