"""Commands on hosts, and what the host's shell is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from playbooks.action_plugins.host_command import _NOT_RUN, shell_text


def told(text: str, stdin: str = "") -> tuple[int, str]:
    done = subprocess.run(["/bin/sh", "-c", text], input=stdin, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("word", ["plain", "a b", "'", '"$(id)`id`', "; exit 7", "*", "-n x", "µ", "a\nb", ""])
def test_words_arrive_as_they_are(word: str) -> None:
    assert told(shell_text(["printf", "<%s>", word], "", "", reads_input=False)) == (0, f"<{word}>")


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    assert told(shell_text(["sh", "-c", "exit 3"], "", "", reads_input=False))[0] == 3
    assert told(shell_text(["sh", "-c", "exit 3"], str(tmp_path), "", reads_input=False))[0] == 3


@pytest.mark.parametrize("name", ["there", "it's there", "$HOME"])
def test_nothing_is_run_where_there_is_nothing_to_remove(tmp_path: Path, name: str) -> None:
    text = shell_text(["echo", "run"], str(tmp_path / name), "", reads_input=False)
    assert told(text) == (0, f"{_NOT_RUN}\n")
    (tmp_path / name).write_text("")
    assert told(text) == (0, "run\n")


def test_a_command_has_its_environment_and_only_its_own_input() -> None:
    command = ["sh", "-c", 'echo "$A"; cat']
    assert told(shell_text(command, "", "A='1 2'", reads_input=False), "not for it") == (0, "1 2\n")
    assert told(shell_text(command, "", "A='1 2'", reads_input=True), "for it") == (0, "1 2\nfor it")


def test_a_module_in_the_home_of_the_user_who_logs_in_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("from pathlib import Path\nPath('was-run').touch()\n")
    (tmp_path / "there").write_text("")
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "json.tool", "--help"]
    for removes in ("", str(tmp_path / "there")):
        assert "usage" in told(shell_text(command, removes, "A=1", reads_input=False, folder="/"))[1]
    assert not (tmp_path / "was-run").exists()


def test_a_missing_program_is_an_exit_code() -> None:
    assert told(shell_text([os.devnull + "/none"], "", "", reads_input=False))[0] in (126, 127)
