"""The program that runs a module of ours on a host, and what it prints."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible import constants

from fleet.host_modules import runtime

_LIBRARY = re.compile(r"^\s*(?:from|import)\s+(ansible[\w.]*|\.\w+)(?:\s+import\s+(.+))?$", re.MULTILINE)
_UTILITIES = Path(__file__).parents[2] / "playbooks" / "module_utils"
# What a host runs is one line more than the texts; they stand in it as letters and digits, whatever they hold.
_PROGRAM = """\
import base64, json, sys, types, zlib
def text(packed): return zlib.decompress(base64.b64decode(packed)).decode()
def load(name, packed):
    made = sys.modules[name] = types.ModuleType(name)
    made.__package__ = name.rpartition(".")[0]
    exec(compile(text(packed), name, "exec"), made.__dict__)
    return made
for name in ("ansible", "ansible.module_utils"):
    sys.modules[name] = types.ModuleType(name)
basic = load("ansible.module_utils.basic", "{runtime}")
basic.AnsibleModule.given = json.loads(text("{given}"))
for name, packed in {utilities}: load(name, packed)
exec(compile(text("{module}"), {name!r}, "exec"))
"""


@cache
def utilities_of(module: Path) -> tuple[Path, ...] | None:
    """Return the files of `module_utils` that a module uses, each after those that it uses itself.

    None where the module needs more of Ansible than the runtime has.
    """
    found: dict[Path, None] = {}
    for name, what in _LIBRARY.findall(module.read_text(encoding="utf-8")):
        if (name, what) == ("ansible.module_utils.basic", "AnsibleModule"):
            continue
        file = _UTILITIES / f"{name.rpartition('.')[2]}.py"
        package = name.rpartition(".")[0]
        deeper = utilities_of(file) if package in ("", "ansible.module_utils") and file.exists() else None
        if deeper is None:
            return None
        found |= dict.fromkeys((*deeper, file))
    return tuple(found)


def program(module: Path, arguments: Mapping[str, Any], *, check_mode: bool, diff: bool) -> str:
    """Return the text of the program."""
    given = json.dumps({"arguments": dict(arguments), "check_mode": check_mode, "diff": diff})
    utilities = utilities_of(module) or ()
    return _PROGRAM.format(
        runtime=_packed_file(Path(runtime.__file__)),
        utilities=[(f"ansible.module_utils.{file.stem}", _packed_file(file)) for file in utilities],
        module=_packed_file(module),
        given=_packed(given),
        name=module.name,
    )


@cache
def _packed_file(file: Path) -> str:
    return _packed(file.read_text(encoding="utf-8"))


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _cleaned(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result without what only the controller may say, and with warnings of the right type."""
    found = {
        name: value
        for name, value in result.items()
        if not name.startswith("_ansible_") and name not in constants.INTERNAL_RESULT_KEYS
    }
    # None of our modules deprecates anything.
    found.pop("deprecations", None)
    warnings = found.pop("warnings", None)
    if isinstance(warnings, list) and warnings and all(isinstance(warning, str) for warning in warnings):
        found["warnings"] = warnings
    # With facts a host could change what the controller thinks of it; none of our modules gives any.
    found.pop("ansible_facts", None)
    return found


def result_of(answer: Mapping[str, Any], module: str) -> dict[str, Any]:
    """Return the module's result from what the host printed; a failure where there is none."""
    lines = str(answer.get("stdout", "")).splitlines()
    try:
        found = json.loads(lines[lines.index(runtime.RESULT) + 1])
        if isinstance(found, dict):
            return _cleaned(found)
    except (ValueError, IndexError):
        pass
    said = [line.strip() for line in str(answer.get("stderr", "")).splitlines() if line.strip()]
    return {
        "failed": True,
        "changed": False,
        "rc": answer.get("rc", 1),
        "msg": f"module {module} ended without a result: {said[-1] if said else 'it printed nothing'}",
        "module_stderr": "\n".join(said),
    }
