"""One file, `zk_locust/load/locust_internals.py`, touches private names of Locust and patches it; no other does."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import locust
import pytest

REPOSITORY = Path(__file__).parents[2]
ALLOWED = REPOSITORY / "zk_locust/load/locust_internals.py"
CLIENTS = REPOSITORY / "zk_locust/clients"
FILES = sorted(
    file
    for folder in ("zk_locust", "collectors")
    for file in (REPOSITORY / folder).rglob("*.py")
    if file != ALLOWED and CLIENTS not in file.parents
)


@cache
def private_names() -> frozenset[str]:
    """Return every private attribute and function that Locust, or its parser's package, defines."""
    package = Path(locust.__file__).parent
    found: set[str] = set()
    for file in (*package.rglob("*.py"), package.parent / "configargparse.py"):
        found |= own_names(ast.parse(file.read_text(encoding="utf-8")))
    return frozenset(found | {"_actions"})


def own_names(tree: ast.AST) -> set[str]:
    """Return the private names that a file defines: functions, names that are assigned, attributes of `self`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # as in __slots__
    return {name for name in found if name.startswith("_") and not name.startswith("__")}


def violations(source: str) -> Iterator[str]:
    """Yield what the file touches of Locust's private names, and what it patches of Locust."""
    tree = ast.parse(source)
    own, of_locust = own_names(tree), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            of_locust |= {(name.asname or "locust") for name in node.names if name.name.split(".")[0] == "locust"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "locust":
            of_locust |= {(name.asname or name.name) for name in node.names}
            for name in node.names:
                if name.name.startswith("_"):
                    yield f"line {node.lineno}: imports {name.name}"
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value and ast.unparse(node.value) in of_locust:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            of_locust |= {ast.unparse(target) for target in targets}  # the same by another name
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        of_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        if node.attr in private_names() and not (of_self and node.attr in own):
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node.ctx, ast.Store) and ast.unparse(node.value).split(".")[0] in of_locust:
            yield f"line {node.lineno}: patches {ast.unparse(node)}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_no_other_file_reaches_into_locust(file: Path) -> None:
    found = list(violations(file.read_text(encoding="utf-8")))
    assert not found, f"{file.relative_to(REPOSITORY)} reaches into Locust; put it into {ALLOWED.name}"


@pytest.mark.parametrize(
    "planted",
    [
        "environment.events.test_start._handlers.insert(0, listener)",
        "self._runner._send_stats()",
        "class TaskSet:\n def wait(self):\n  return self._task_queue",
        "from locust import runners\nrunners.HEARTBEAT_LIVENESS = 6",
        "import locust.runners\nlocust.runners.WORKER_REPORT_INTERVAL = 1",
        "from locust.rpc import zmqrpc\nrpc: Any = zmqrpc\nrpc.Server = MasterSocket",
        "from locust.user.task import _x",
    ],
)
def test_a_violation_is_found(planted: str) -> None:
    assert list(violations(planted))


def test_the_clients_know_no_locust() -> None:
    for file in CLIENTS.rglob("*.py"):
        imported = [
            line for line in file.read_text(encoding="utf-8").splitlines() if re.match(r"\s*(import|from) locust", line)
        ]
        assert not imported, file


def test_the_one_file_reaches_into_locust() -> None:
    assert len(list(violations(ALLOWED.read_text(encoding="utf-8")))) > 5
