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

_LIBRARY = re.compile(r"^\s*(?:from|import)\s+(ansible[\w.]*)(?:\s+import\s+(.+))?$", re.MULTILINE)
# Modules whose facts are taken. With those of any other, a host could change what the controller thinks of it.
_GIVES_FACTS = frozenset({"machine_facts"})
# What a host runs is one line more than the two texts; they stand in it as letters and digits, whatever they hold.
_PROGRAM = """\
import base64, json, sys, types, zlib
def text(packed): return zlib.decompress(base64.b64decode(packed)).decode()
for name in ("ansible", "ansible.module_utils", "ansible.module_utils.basic"):
    sys.modules[name] = types.ModuleType(name)
basic = sys.modules["ansible.module_utils.basic"]
exec(compile(text("{runtime}"), "runtime", "exec"), basic.__dict__)
basic.AnsibleModule.given = json.loads(text("{given}"))
exec(compile(text("{module}"), {name!r}, "exec"))
"""


def needs_only_the_runtime(source: str) -> bool:
    """Whether all that a module takes from Ansible is the class `AnsibleModule`."""
    return {found.groups() for found in _LIBRARY.finditer(source)} == {
        ("ansible.module_utils.basic", "AnsibleModule"),
    }


def program(module: Path, arguments: Mapping[str, Any], *, check_mode: bool, diff: bool) -> str:
    """Return the text of the program."""
    given = json.dumps({"arguments": dict(arguments), "check_mode": check_mode, "diff": diff})
    return _PROGRAM.format(
        runtime=_packed_file(Path(runtime.__file__)),
        module=_packed_file(module),
        given=_packed(given),
        name=module.name,
    )


@cache
def _packed_file(file: Path) -> str:
    return _packed(file.read_text(encoding="utf-8"))


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _cleaned(result: dict[str, Any], module: str) -> dict[str, Any]:
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
    facts = found.pop("ansible_facts", None)
    if module in _GIVES_FACTS and isinstance(facts, dict):
        found["ansible_facts"] = {
            name: value for name, value in facts.items() if not name.removeprefix("ansible_").startswith("discovered_")
        }
    return found


def result_of(answer: Mapping[str, Any], module: str) -> dict[str, Any]:
    """Return the module's result from what the host printed; a failure where there is none."""
    lines = str(answer.get("stdout", "")).splitlines()
    try:
        found = json.loads(lines[lines.index(runtime.RESULT) + 1])
        if isinstance(found, dict):
            return _cleaned(found, module)
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
