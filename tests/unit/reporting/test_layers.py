"""The data flows one way, and others use the public face only."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import reporting

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "reporting"
LAYERS = ("read", "analyse", "verdict", "render")
BASE = ("reporting.errors", "reporting.text")
# Definitions: columns of files, and which of many sorted latencies a percentile is. No running part.
COLLECTORS = ("host_metrics.columns", "locust_extra.columns", "locust_extra.ranks", "zk_metrics.columns")
OURS = ("zk_locust", "host_metrics", "locust_extra", "zk_metrics", "fleet", "lab", "benchmarks", "tests")


def imported(file: Path) -> Iterator[str]:
    """The full names of the modules that a file imports, also within functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                is_module = (ROOT / f"{inner.replace('.', '/')}.py").exists() or (
                    ROOT / inner.replace(".", "/")
                ).is_dir()
                yield inner if is_module else node.module


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_from_those_before_it(layer: str) -> None:
    before = LAYERS[: LAYERS.index(layer) + 1]
    for file in sorted((PACKAGE / layer).rglob("*.py")):
        for name in imported(file):
            if name.partition(".")[0] == "reporting" and name not in BASE:
                assert name.split(".")[1] in before, f"{file.name} imports {name}"


def test_of_the_others_only_contract_and_definitions_are_imported() -> None:
    for file in sorted(PACKAGE.rglob("*.py")):
        for name in imported(file):
            if name.partition(".")[0] in OURS:
                assert name.startswith("zk_locust.contract.") or name in COLLECTORS, f"{file.name} imports {name}"


def test_others_use_the_public_face_only() -> None:
    files = [
        ROOT / "fabfile.py",
        *(file for top in ("fleet", "playbooks", "roles") for file in (ROOT / top).rglob("*.py")),
    ]
    used = {(file.name, name) for file in files for name in imported(file) if name.partition(".")[0] == "reporting"}
    assert {name for _, name in used} == {"reporting"}, used


def test_importing_the_face_is_cheap() -> None:
    code = "import sys, reporting; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"pandas", "numpy", "altair", "jinja2", "rich"} & set(found)
    assert all(hasattr(reporting, name) for name in reporting.__all__)
