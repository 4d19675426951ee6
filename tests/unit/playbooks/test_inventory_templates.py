"""inventory/prod says what is true: its names exist, its defaults are the roles', and it has no problem as it is."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from zk_locust.contract.inventory.names import OVERRIDES
from zk_locust.contract.inventory.preflight import inventory_problems

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "inventory" / "prod"
FILES = sorted(TEMPLATE.rglob("*.yml"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

GROUPS = {"locust_master", "locust_workers"}
ANSIBLES_OWN = {
    "ansible_become",
    "ansible_host",
    "ansible_port",
    "ansible_ssh_common_args",
    "ansible_ssh_private_key_file",
    "ansible_user",
}
# The overrides of a scenario are the preflight's, not a role's own.
SCENARIO = {"benchmark_parameters", *(f"benchmark_{name}" for name in OVERRIDES)}
# What is commented out: a key at the left, and what is indented below it.
COMMENTED_OUT = re.compile(r"^# ([a-z_]+:(?: .*)?|  .*)$")


def role_options() -> set[str]:
    names: set[str] = set()
    for file in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(file.read_text())["argument_specs"].values():
            names |= set(entry.get("options", {}))
    return names


def role_defaults() -> dict[str, Any]:
    """Every default that is a value, not an expression."""
    defaults: dict[str, Any] = {}
    for file in ROOT.glob("roles/*/defaults/main.yml"):
        defaults |= yaml.safe_load(file.read_text())
    return {name: value for name, value in defaults.items() if "{{" not in str(value)}


def named_variables(text: str) -> set[str]:
    return set(re.findall(r"\b(?:zookeeper|locust|load_host|benchmark|run_lease|ansible)_\w+", text)) - GROUPS


def uncommented(text: str) -> str:
    return "\n".join(COMMENTED_OUT.sub(r"\1", line) for line in text.splitlines()) + "\n"


def stated_defaults(text: str) -> Iterator[tuple[str, Any]]:
    """What a template says is the default: what is commented out in a paragraph that is not called an example."""
    for paragraph in text.split("\n\n"):
        if not re.search(r"\bexamples?\b", paragraph, re.IGNORECASE):
            lines = [line for line in paragraph.splitlines() if COMMENTED_OUT.match(line)]
            yield from (yaml.safe_load(uncommented("\n".join(lines))) or {}).items()


def read_inventory(folder: Path) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    """Return groups and variables, as Ansible reads them."""
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(folder), "--list"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    content = json.loads(done.stdout)
    hostvars = content.pop("_meta")["hostvars"]
    return {name: group.get("hosts", []) for name, group in content.items()}, hostvars


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_variable_that_is_named_exists(file: Path) -> None:
    assert named_variables(file.read_text()) - role_options() - ANSIBLES_OWN - SCENARIO == set()


def test_every_stated_default_is_the_roles() -> None:
    defaults, wrong = role_defaults(), {}
    checked = 0
    for file in FILES:
        for name, value in stated_defaults(file.read_text()):
            if name in defaults:
                checked += 1
                if value != defaults[name]:
                    wrong[name] = (value, defaults[name])
    assert wrong == {}
    assert checked > 20


def test_the_template_has_no_problem_and_needs_nothing_but_host_names() -> None:
    groups, hostvars = read_inventory(TEMPLATE)
    assert groups["zookeeper"]
    assert inventory_problems(groups, hostvars, {}) == []
    assert not [line for line in (TEMPLATE / "hosts.yml").read_text().splitlines() if re.match(r"\s+\w+_\w+: ", line)]


def test_all_that_is_commented_out_could_be_used(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    for file in FILES:
        text = file.read_text()
        (tmp_path / file.relative_to(TEMPLATE)).write_text(text if file.name == "hosts.yml" else uncommented(text))
    groups, hostvars = read_inventory(tmp_path)
    member, master = hostvars[groups["zookeeper"][0]], hostvars[groups["locust_master"][0]]
    assert member["zookeeper_properties"]["globalOutstandingLimit"] == 2000
    assert master["load_host_set_limits"] is False
    # Not evaluated by ansible-inventory.
    for name in groups["zookeeper"]:
        hostvars[name]["zookeeper_bind_address"] = ""
    assert inventory_problems(groups, hostvars, {}) == []


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []
