"""The data flows one way within reporting, and others use its public face only.

`tests/unit/test_layers.py` checks what reporting imports from other packages.
"""

import subprocess
import sys

import pytest

import reporting
from tests.unit.test_layers import REPOSITORY, imports_of, project, within

LAYERS = ("read", "consistency", "analyse", "verdict", "render")
BASE = ("reporting.errors", "reporting.text")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_from_those_before_it(layer: str) -> None:
    allowed = (*BASE, *(f"reporting.{before}" for before in LAYERS[: LAYERS.index(layer) + 1]))
    modules = {module: others for module, others in project().items() if within(module, f"reporting.{layer}")}
    assert modules
    for module, others in modules.items():
        assert [name for name in others if within(name, "reporting") and not within(name, *allowed)] == [], module


def test_others_use_the_public_face_only() -> None:
    files = [
        REPOSITORY / "fabfile.py",
        *(file for top in ("fleet", "playbooks", "roles") for file in (REPOSITORY / top).rglob("*.py")),
    ]
    used = {
        (file.name, name if name != "reporting" else f"{name}.{each}")
        for file in files
        for name, names in imports_of(file.read_text(encoding="utf-8"))
        if within(name, "reporting")
        for each in names or [""]
    }
    faces = {f"reporting.{name}" for name in ("", *reporting.__all__)}
    assert used
    assert {name for _, name in used} <= faces, used


def test_importing_the_face_is_cheap() -> None:
    code = "import sys, reporting; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"pandas", "numpy", "altair", "jinja2", "rich"} & set(found)
    assert all(hasattr(reporting, name) for name in reporting.__all__)
