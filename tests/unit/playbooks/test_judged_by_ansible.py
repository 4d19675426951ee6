"""Preflight's rules see the variables as Ansible gives them to a filter in a play."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - copy:
        content: "{{ groups | preflight_report(hostvars, playbooks=playbooks) | to_json }}"
        dest: "{{ answer }}"
"""


@pytest.fixture
def judged(tmp_path: Path) -> Any:
    def judge(member: dict[str, Any], *options: str) -> dict[str, list[str]]:
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        groups = {
            "zookeeper": {"hosts": {"a": local | member}},
            "locust_master": {"hosts": {"m": local}},
            "locust_workers": {"hosts": {"m": {}}},
        }
        (tmp_path / "hosts.json").write_text(json.dumps({"all": {"children": groups}}))
        (tmp_path / "play.yml").write_text(PLAY)
        paths = [f"playbooks={ROOT / 'playbooks'}", f"answer={tmp_path / 'answer.json'}"]
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(tmp_path / "hosts.json")]
        command += [str(tmp_path / "play.yml"), *(f"-e{path}" for path in paths), *options]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
        environment["ANSIBLE_FILTER_PLUGINS"] = str(ROOT / "playbooks" / "filter_plugins")
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, list[str]] = json.loads((tmp_path / "answer.json").read_text())
        return answer

    return judge


def test_templates_that_need_facts_or_are_undefined(judged: Any) -> None:
    answer = judged(
        {
            "zookeeper_open_files": "{{ ansible_facts['processor_vcpus'] * 1024 }}",
            "zookeeper_heap": "{{ undefined_thing }}",
            "zookeeper_java_options": ["{{ undefined_thing }}"],
            "zookeeper_properties": {"tickTime": "{{ undefined_thing }}"},
            "zookeeper_admin_port": 0,
            "zookeeper_managed": "{{ undefined_thing }}",
        }
    )
    said = "\n".join(answer["problems"])
    assert "a: zookeeper_heap cannot be evaluated: 'undefined_thing' is undefined; correct its template" in said
    assert "a: zookeeper_java_options cannot be evaluated: " in said
    assert "a: zookeeper_properties cannot be evaluated: " in said
    assert "a: zookeeper_managed cannot be evaluated: " in said
    assert "a: zookeeper_admin_port [0] must be a port" in said
    assert "zookeeper_open_files" not in said
    assert len(answer["problems"]) == 5


def test_an_unknown_variable_is_refused_only_with_e(judged: Any) -> None:
    answer = judged({"zookeeper_exporter_port": 9141}, "-elocust_exporter_port=9142")
    (problem,), (warning,) = answer["problems"], answer["warnings"]
    assert problem.startswith("every host: locust_exporter_port: there is no such variable")
    assert warning.startswith("a: zookeeper_exporter_port: zk-locust has no such variable")
