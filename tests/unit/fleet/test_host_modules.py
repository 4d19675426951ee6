"""Modules of ours on hosts: the same arguments, results and failures as with Ansible's own library for modules."""

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from fleet.host_modules import program, runtime
from fleet.host_modules.action import command_of, interpreter_in
from zk_locust.contract.process_identity import identity_of

LIBRARY = Path(__file__).parents[3] / "playbooks" / "library"
ACTIONS = LIBRARY.with_name("action_plugins")
MODULE = """
from __future__ import annotations
from ansible.module_utils.basic import AnsibleModule
import sys
def main() -> None:
    rules = {"text": {"type": "str", "required": True}, "how": {"default": "well"}}
    module = AnsibleModule(rules, supports_check_mode=True)
    if module.params["how"] == "badly":
        module.fail_json(msg="it went badly", text=module.params["text"])
    if module.params["how"] == "dead":
        raise OSError("no such luck")
    print("noise of a library")
    module.exit_json(changed=True, text=module.params["text"], check=module.check_mode, diff=module._diff)
if __name__ == "__main__":
    main()
"""


def is_ours(module: Path) -> bool:
    """Whether a module has an action that sends it with the runtime."""
    action = ACTIONS / module.name
    return action.exists() and "HostModuleAction" in action.read_text()


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "trial.py"
    file.write_text(MODULE)
    return file


def run(
    module: Path, arguments: dict[str, Any], check_mode: bool = False, diff: bool = False, home: Path | None = None
) -> dict[str, Any]:
    text = program.program(module, arguments, check_mode=check_mode, diff=diff)
    # As a login would: with a line of its own before, and nothing of ours to import.
    done = subprocess.run(
        ["/bin/sh", "-c", f"echo Welcome; exec {command_of(sys.executable)}"],
        cwd=home,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return program.result_of({"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}, module.stem)


@pytest.mark.parametrize(
    "text", ["plain", "'''\"\"\"\\n{}{0}%s", "µ 漢 \ud800", "a\nb\r\n", runtime.RESULT, "'; exit 1; '"]
)
def test_arguments_and_results_arrive_as_they_are(module: Path, text: str) -> None:
    assert run(module, {"text": text}) == {"changed": True, "text": text, "check": False, "diff": False}


def test_check_mode_and_diff_mode_are_known(module: Path) -> None:
    found = run(module, {"text": ""}, check_mode=True, diff=True)
    assert (found["check"], found["diff"]) == (True, True)


def test_a_module_that_fails_says_so_itself(module: Path) -> None:
    found = run(module, {"text": "x", "how": "badly"})
    assert found == {"failed": True, "changed": False, "msg": "it went badly", "text": "x"}


def test_a_module_that_dies_is_a_failure_with_its_last_words(module: Path) -> None:
    found = run(module, {"text": "x", "how": "dead"})
    assert found["failed"]
    assert found["msg"] == "module trial ended without a result: OSError: no such luck"


@pytest.mark.parametrize(
    "answer",
    [
        {"rc": 127, "stdout": "", "stderr": "sh: 1: python3: not found"},
        {"rc": 0, "stdout": f"{runtime.RESULT}\n[1]\n", "stderr": "sh: 1: python3: not found"},
        {"rc": 0, "stdout": f"{runtime.RESULT}\n", "stderr": "sh: 1: python3: not found"},
        {"rc": 0, "stdout": f"{runtime.RESULT}\n{{\n", "stderr": "sh: 1: python3: not found"},
    ],
)
def test_an_answer_without_a_result_is_a_failure(answer: dict[str, Any]) -> None:
    found = program.result_of(answer, "trial")
    assert found["failed"]
    assert found["msg"].endswith("python3: not found")


RULES: dict[str, dict[str, Any]] = {
    "str": {"type": "str"},
    "plain": {},
    "int": {"type": "int"},
    "float": {"type": "float", "default": 1.5},
    "bool": {"type": "bool", "default": False},
    "path": {"type": "path"},
    "list": {"type": "list", "elements": "int", "default": []},
    "paths": {"type": "list", "elements": "path"},
    "dict": {"type": "dict", "default": {}},
    "choice": {"type": "str", "choices": ["a", "b"], "default": "a"},
    "files": {
        "type": "list",
        "elements": "dict",
        "options": {"path": {"type": "path", "required": True}, "mode": {"type": "str", "default": "0644"}},
    },
}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"str": 5, "plain": 5.5, "int": "7", "float": "2", "bool": "yes", "choice": "b"},
        {"str": True, "int": 7.0, "float": 3, "bool": 0},
        {"bool": "off", "list": ["1", 2], "dict": {"a": {"b": [1]}}},
        {"list": "1,2,3", "path": "~/x/$HOME", "paths": ["~/y", "/z"]},
        {"str": None, "path": None},
        {"files": [{"path": "~/a"}, {"path": "/b", "mode": 600}]},
        {"int": "x"},
        {"int": "1.5"},
        {"float": "x"},
        {"bool": "perhaps"},
        {"list": ["x"]},
        {"choice": "c"},
        {"files": [{"mode": "0600"}]},
        {"files": [{"path": "/a", "colour": "red"}]},
        {"files": ["/a"]},
        {"unknown": 1},
        {"dict": 5},
    ],
    ids=repr,
)
def test_arguments_are_what_ansible_would_make_of_them(given: dict[str, Any]) -> None:
    """The rules of `ansible.module_utils`, as far as our modules use them."""
    reference = ArgumentSpecValidator(RULES).validate(dict(given))
    if reference.error_messages:
        with pytest.raises(runtime.ArgumentError):
            runtime.checked(given, RULES)
    else:
        assert runtime.checked(given, RULES) == reference.validated_parameters


def test_a_refused_argument_is_named_without_its_value() -> None:
    with pytest.raises(runtime.ArgumentError, match=r"^argument int must be of type int$"):
        runtime.checked({"int": "s3cret"}, RULES)


@pytest.mark.parametrize("module", sorted(LIBRARY.glob("*.py")), ids=lambda file: str(file.stem))
def test_all_our_modules_with_an_action_of_their_own_do_with_the_runtime(module: Path) -> None:
    action = ACTIONS / module.name
    if action.exists():
        assert "HostModuleAction" in action.read_text()
        assert program.utilities_of(module) is not None


@pytest.mark.parametrize("module", sorted(file for file in LIBRARY.glob("*.py") if is_ours(file)), ids=lambda f: f.stem)
def test_the_runtime_has_all_that_our_modules_use(module: Path) -> None:
    code = ast.parse(module.read_text())
    made = [node for node in ast.walk(code) if isinstance(node, ast.Call) and ast.unparse(node.func) == "AnsibleModule"]
    keywords = {keyword.arg for call in made for keyword in call.keywords}
    used = {
        node.attr
        for node in ast.walk(code)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "module"
    }
    stand_in = runtime.AnsibleModule
    stand_in.given = {"arguments": {}, "check_mode": False, "diff": False}
    assert made
    assert keywords <= set(inspect.signature(stand_in).parameters)
    assert {name for name in used if not hasattr(stand_in({}), name)} == set()


@pytest.mark.parametrize("name", ["json.py", "base64.py", "typing.py"])
def test_what_lies_in_the_home_of_the_user_who_logs_in_is_not_run(module: Path, tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / name).write_text("from pathlib import Path\nPath('was-run').touch()\n")
    assert run(module, {"text": "x"}, home=home)["text"] == "x"
    assert not (home / "was-run").exists()


def test_an_interpreter_is_one_word_for_the_shell() -> None:
    assert command_of("/opt/a;b/python") == "'/opt/a;b/python' -I -"


def test_warnings_are_in_the_result(tmp_path: Path) -> None:
    (tmp_path / "lease.json").write_text("")
    found = run(LIBRARY / "run_lease.py", {"folders": [str(tmp_path)]})
    assert found["holder"] is None
    (warning,) = found["warnings"]
    assert "lease.json is empty or damaged" in warning


def test_warnings_are_in_a_failure_too(tmp_path: Path) -> None:
    file = tmp_path / "trial.py"
    file.write_text(MODULE.replace('if module.params["how"]', 'module.warn("beware")\n    if module.params["how"]', 1))
    assert run(file, {"text": "x", "how": "badly"})["warnings"] == ["beware"]


@pytest.mark.parametrize(
    ("module", "said", "kept"),
    [
        ("trial", {"_ansible_no_log": True, "_ansible_verbose_always": True}, {}),
        ("trial", {"add_host": {"host_name": "x"}, "add_group": "x"}, {}),
        ("trial", {"warnings": "text"}, {}),
        ("trial", {"warnings": [{"msg": "x"}]}, {}),
        ("trial", {"warnings": []}, {}),
        ("trial", {"deprecations": [5]}, {}),
        ("trial", {"warnings": ["beware"]}, {"warnings": ["beware"]}),
        ("trial", {"ansible_facts": {"a": 1}}, {}),
        ("trial", {"ansible_facts": {"discovered_interpreter_python": "x"}}, {}),
    ],
)
def test_a_host_says_nothing_that_only_the_controller_may_say(
    module: str, said: dict[str, Any], kept: dict[str, Any]
) -> None:
    answer = {"rc": 0, "stdout": f"{runtime.RESULT}\n{json.dumps({'changed': False, 'x': 1} | said)}\n", "stderr": ""}
    assert program.result_of(answer, module) == {"changed": False, "x": 1} | kept


BASIC = "from ansible.module_utils.basic import AnsibleModule"


@pytest.mark.parametrize(
    "source",
    [
        f"{BASIC}, env_fallback",
        f"{BASIC}\nfrom ansible.module_utils.urls import open_url",
        f"{BASIC}\nimport ansible.module_utils.facts",
        f"{BASIC}\nfrom ansible.process_identity import is_running",
    ],
)
def test_a_module_that_needs_more_is_left_to_ansible(source: str, module: Path) -> None:
    module.write_text(source)
    assert program.utilities_of(module) is None


def test_a_module_is_sent_with_what_it_uses_and_what_that_uses(module: Path) -> None:
    assert program.utilities_of(module) == ()
    other = module.with_name("other.py")
    source = MODULE.replace(BASIC, f"{BASIC}\nfrom ansible.module_utils.member_answers import parse_srvr")
    other.write_text(source.replace("text=module", 'told=parse_srvr("Mode: leader").mode, text=module', 1))
    assert [file.name for file in program.utilities_of(other) or ()] == ["plain_text.py", "member_answers.py"]
    assert run(other, {"text": "x", "how": "badly"})["told"] == "leader"


def test_a_real_module_works_with_the_runtime(tmp_path: Path) -> None:
    wanted = {"path": str(tmp_path / "file"), "content": "YWJj", "mode": "0600"}
    assert run(LIBRARY / "write_files.py", {"files": [wanted]})["written"] == [wanted["path"]]
    assert (tmp_path / "file").read_text() == "abc"
    assert run(LIBRARY / "write_files.py", {"files": [wanted]})["changed"] is False
    held = {"files": [wanted | {"content": ""}], "hold_for": str(tmp_path / "pid")}
    own = identity_of(os.getpid())
    (tmp_path / "pid").write_text(f"{own.pid} {own.start_ticks}\n")
    assert run(LIBRARY / "write_files.py", held)["held"]
    assert "mode" in run(LIBRARY / "write_files.py", {"files": [{"path": "/x", "content": ""}]})["msg"]


@pytest.mark.parametrize(
    ("variables", "interpreter"),
    [
        ({"ansible_python_interpreter": "/opt/python"}, "/opt/python"),
        ({"ansible_python_interpreter": "auto_silent"}, ""),
        ({"ansible_facts": {"discovered_interpreter_python": "/usr/bin/python3"}}, "/usr/bin/python3"),
        ({"ansible_python_interpreter": "auto", "ansible_facts": {"discovered_interpreter_python": "/p"}}, "/p"),
        ({}, ""),
        ({"ansible_facts": None}, ""),
    ],
)
def test_the_interpreter_is_the_one_that_ansible_uses(variables: dict[str, Any], interpreter: str) -> None:
    assert interpreter_in(variables) == interpreter


def test_what_runs_on_hosts_needs_no_more_than_python_3_9() -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("vermin")),
            *("--target=3.9-", "--no-tips", "--violations"),
            *(str(Path(runtime.__file__)), str(LIBRARY)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_arguments_stand_in_the_program_as_letters_only(module: Path) -> None:
    text = program.program(module, {"text": "s3cret"}, check_mode=False, diff=False)
    assert "s3cret" not in text
    assert json.dumps(text).isascii()
