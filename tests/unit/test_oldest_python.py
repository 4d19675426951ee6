"""The code runs with the oldest supported Python: 3.11.0 on controllers and load hosts, 3.9 on members.

vermin knows the Python version of each syntax, name and keyword, if it can tell an object's type. mypy knows no patch
releases. Therefore this test compares keywords by their names alone, and looks up names of the standard library in the
Python that runs it. It does not see methods of a patch release that are missing in vermin's tables, and, for a member's
3.9, differences between its patch releases.
"""

import ast
import functools
import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from vermin import config, rules

from fleet import members
from lab.places import PROJECT

ALL = ("zk_locust", "collectors", "reporting", "fleet", "fabfile.py", "playbooks", "lab", "benchmarks", "tests")
# Modules, what stands in for their library, and the sampler run with a member's Python (docs/first-fleet-run.md).
OF_MEMBERS = (
    "playbooks/library",
    "playbooks/module_utils",
    "fleet/host_modules/runtime.py",
    "collectors/host_metrics",
    "zk_locust/host_faults",
)
OLDEST = pytest.mark.parametrize(("python", "places"), [((3, 11), ALL), ((3, 9), OF_MEMBERS)], ids=["all", "members"])


def sources(places: tuple[str, ...]) -> list[Path]:
    """Return the files of Python code below some places, that exist."""
    found = [PROJECT / place for place in places]
    return [file for place in found for file in ([place] if place.is_file() else sorted(place.rglob("*.py")))]


@OLDEST
def test_no_syntax_or_name_is_of_a_newer_python(python: tuple[int, int], places: tuple[str, ...]) -> None:
    options = [f"--target={python[0]}.{python[1]}-", "--no-tips", "--violations"]
    command = [str(Path(sys.executable).with_name("vermin")), *options, *map(str, sources(places))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout


def test_the_question_to_members_has_no_syntax_or_name_of_a_newer_python(tmp_path: Path) -> None:
    question = tmp_path / "question.py"
    question.write_text(members._PROGRAM)
    command = [str(Path(sys.executable).with_name("vermin")), "--target=3.9-", "--no-tips", "--violations"]
    done = subprocess.run([*command, str(question)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@OLDEST
def test_no_keyword_is_of_a_newer_python(python: tuple[int, int], places: tuple[str, ...]) -> None:
    assert faults(places, lambda code: newer_keywords(code, python)) == []


def test_this_python_has_what_is_taken_from_its_library() -> None:
    assert faults(ALL, absent_names) == []


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("with tarfile.open('x') as t: t.extractall('.', filter='data')", "tarfile.TarFile.extractall(filter): 3.12"),
        ("shutil.unpack_archive('x', filter='data')", "shutil.unpack_archive(filter): 3.12"),
        ("file.exists(follow_symlinks=False)", "pathlib.Path.exists(follow_symlinks): 3.12"),
        ("tarfile.open('x').add('y', filter=None); file.exists()", None),
    ],
)
def test_a_newer_keyword_is_found_whatever_the_object(call: str, fault: str | None) -> None:
    found = newer_keywords(ast.parse(f"import tarfile, shutil, pathlib\n{call}"), (3, 11))
    assert list(found) == ([f"2 {fault}"] if fault else [])


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import tarfile\ntarfile.no_such_filter", "2 tarfile.no_such_filter"),
        ("from tarfile import no_such_filter", "1 tarfile.no_such_filter"),
        ("import os.path as p\np.realpath('x', strictly=True)", "2 os.path.realpath(strictly)"),
        ("from shutil import copy\ncopy('x', 'y', links=True)", "2 shutil.copy(links)"),
        ("import json, os.path\njson.dumps({}, sort_keys=True, default=str); os.path.join('x')", None),
    ],
)
def test_a_name_that_this_python_lacks_is_found(code: str, fault: str | None) -> None:
    assert list(absent_names(ast.parse(code))) == ([fault] if fault else [])


def faults(places: tuple[str, ...], find: Callable[[ast.Module], Iterator[str]]) -> list[str]:
    """Return the faults in the files below some places, with file and line."""
    found = {file: find(parsed(file)) for file in sources(places)}
    return [f"{file.relative_to(PROJECT)}:{fault}" for file, lines in found.items() for fault in lines]


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def newer_keywords(code: ast.Module, oldest: tuple[int, int]) -> Iterator[str]:
    """Yield calls with a keyword that is new in a later Python, by the function's name and imported module."""
    imported = {name.partition(".")[0] for name in imports(code).values()}
    for call in (node for node in ast.walk(code) if isinstance(node, ast.Call)):
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = {keyword.arg for keyword in call.keywords}
        for (name, keyword), version in brought_after(oldest).get(called, []) if given else []:
            module = name.partition(".")[0] if "." in name else None
            if keyword in given and (module is None or module in imported):
                yield f"{call.lineno} {name}({keyword}): {'.'.join(map(str, version))}"


@functools.cache
def brought_after(oldest: tuple[int, int]) -> dict[str, list[tuple[tuple[str, str], tuple[int, int]]]]:
    """Return the keywords that are new after this Python 3: function, keyword, version, by the function's last name."""
    found: dict[str, list[tuple[tuple[str, str], tuple[int, int]]]] = {}
    for call, (_, python3) in rules.KWARGS_REQS(config.Config()).items():
        if python3 is not None and python3 > oldest:
            found.setdefault(call[0].rpartition(".")[2], []).append((call, python3))
    return found


def imports(code: ast.Module) -> dict[str, str]:
    """Return the imports from the standard library: the full name by the name in the code."""
    found = {}
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            for alias in node.names:  # `import os.path` defines the name `os`
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    standard = sys.stdlib_module_names - {"__future__"}
    return {name: origin for name, origin in found.items() if origin.partition(".")[0] in standard}


def absent_names(code: ast.Module) -> Iterator[str]:
    """Yield names and keywords of the standard library that this Python does not have."""
    known = imports(code)
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in (known.get(alias.asname or alias.name) for alias in node.names):
                if name is not None and look_up(name) is None:
                    yield f"{node.lineno} {name}"
        elif isinstance(node, ast.Attribute):
            name = full_name(node, known)
            # Attributes of results and values are not names of the module.
            if name and isinstance(look_up(name.rpartition(".")[0]), ModuleType | type) and look_up(name) is None:
                yield f"{node.lineno} {name}"
        elif isinstance(node, ast.Call):
            name = full_name(node.func, known)
            taken = keywords_of(look_up(name)) if name else None
            if taken is not None:
                yield from (f"{node.lineno} {name}({k.arg})" for k in node.keywords if k.arg and k.arg not in taken)


def full_name(node: ast.expr, known: dict[str, str]) -> str:
    """Return the full name, such as `os.path.join`; empty if it was not imported."""
    if isinstance(node, ast.Attribute):
        owner = full_name(node.value, known)
        return f"{owner}.{node.attr}" if owner else ""
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


@functools.cache
def look_up(name: str) -> Any:
    """Return the object with this name, or None."""
    module, _, rest = name.partition(".")
    found: Any = importlib.import_module(module)
    for part in rest.split(".") if rest else []:
        if not hasattr(found, part) and isinstance(found, ModuleType):
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except ImportError:
                return None
        found = getattr(found, part, None)
    return found


@functools.cache
def keywords_of(function: Any) -> set[str] | None:
    """Return the keywords of a function or class; None if they are unknown, or if it accepts any."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY}
