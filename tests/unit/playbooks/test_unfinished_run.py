"""What is called to finish a run whose `ansible-playbook` ended too early."""

import atexit
import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants, context
from ansible.cli.playbook import PlaybookCLI

from fleet import finishing
from lab.places import PROJECT
from playbooks.callback_plugins import unfinished_run

PROGRAM = str(Path(sys.executable).with_name("ansible-playbook"))


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Parse a command line as Ansible does; return the command that finishes its run."""

    def parse(*words: str) -> dict[str, Any]:
        cli = PlaybookCLI(["ansible-playbook", *words])
        cli.init_parser()
        options: dict[str, Any] = vars(cli.post_process_args(cli.parser.parse_args(words)))
        return options

    def call(*words: str) -> list[str]:
        monkeypatch.setattr(context, "CLIARGS", parse(*words))
        found = finishing.collecting("a 'reason'")
        again = parse(*found[1:])
        # What the options were they are again.
        for option in ("subset", "remote_user", "private_key_file", "connection", "ssh_common_args", "become",
                       "verbosity", "timeout", "forks", "become_user", "inventory", "module_path"):  # fmt: skip
            assert again[option] == context.CLIARGS[option], option
        assert again["extra_vars"][:-1] == context.CLIARGS["extra_vars"]
        return found

    return call


def test_how_hosts_are_reached_stays_and_what_is_played_does_not(called: Callable[..., list[str]]) -> None:
    found = called(
        "playbooks/run.yml", "-i", "inventory/prod", "-e", "a=1", "--private-key", "k", "-u", "me", "--tags", "run",
        "--skip-tags=report", "--check", "--limit", "x", "-i", "b,", "-e", '{"c": [1]}', "-T", "7", "-M", "m",
    )  # fmt: skip
    assert found[0] == PROGRAM
    assert {"--extra-vars=a=1", '--extra-vars={"c": [1]}', "--user=me", "--limit=x"} <= set(found)
    assert f"--inventory={Path.cwd()}/inventory/prod" in found
    assert not any(word.startswith(("--tags", "--skip", "--check", "-t", "-C")) for word in found)
    assert found[-3:] == [
        "-e",
        '{"benchmark_stop": true, "benchmark_interruption": "a \'reason\'"}',
        f"{PROJECT}/playbooks/collect.yml",
    ]


def test_options_that_ansible_adds_up_are_what_they_were(
    called: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    called("playbooks/run.yml", "-M", "a:b", "-M", "c")
    monkeypatch.setattr(constants, "DEFAULT_VERBOSITY", 2)
    called("playbooks/run.yml", "-vv")
    called("playbooks/run.yml")


def test_a_benchmark_is_also_stopped_and_reported(called: Callable[..., list[str]]) -> None:
    found = called("playbooks/benchmark.yml")
    assert [Path(word).name for word in found[-3:]] == ["collect.yml", "stop.yml", "report.yml"]
    assert json.loads(found[-4])["stop_only_unkept"] is True


@pytest.mark.parametrize(
    "given",
    [
        "-K -k -J",
        "-bK -kvv -CDb",
        "--ask-become-pass --ask-pass --ask-vault-pass",
        "--vault-id dev@prompt --vault-password-file c",
        "--become-password-file a",
        "--conn-pass-file=b",
        "-t run -trun -bt run -uKate -e K=k",
    ],
)
def test_nothing_is_asked_that_nobody_could_answer(given: str, called: Callable[..., list[str]]) -> None:
    found = called("playbooks/run.yml", *given.split())
    assert not any("pass" in word or "vault" in word for word in found)
    assert not any(re.fullmatch(r"-[a-uw-z]*[kKJtCD].*", word) for word in found)


def test_arguments_for_ssh_are_no_letters(called: Callable[..., list[str]]) -> None:
    found = called("playbooks/run.yml", "--ssh-common-args", "-o ProxyJump=Kate@jump -k")
    assert "--ssh-common-args=-o ProxyJump=Kate@jump -k" in found


def test_what_was_told_is_handed_on_and_gone_once_it_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANSIBLE_ASK_PASS", "true")
    callback = unfinished_run.CallbackModule()
    callback.set_play_context(SimpleNamespace(password=None, become_pass="swordfish"))
    vault = SimpleNamespace(secrets=[("dev", SimpleNamespace(bytes=b"haddock"))])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    callback.v2_playbook_on_start(SimpleNamespace(_loader=SimpleNamespace(_vault=vault), get_plays=list))
    script = """
        file=$ANSIBLE_BECOME_PASSWORD_FILE vault=${ANSIBLE_VAULT_IDENTITY_LIST#dev@}
        echo "$(cat $file) $(stat -c %a $file) $(cat $vault) $ANSIBLE_ASK_PASS ${ANSIBLE_CONNECTION_PASSWORD_FILE-none}"
        read -r answer || echo nobody answers
        echo "PLAY [Find the run]"
        for _ in $(seq 100); do [ -e $file ] || { echo gone; exit 3; }; sleep 0.1; done
    """
    assert finishing.play(["sh", "-c", script], callback._secrets) == 3
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["swordfish 600 haddock false none", "nobody answers", "PLAY [Find the run]", "gone"]


LAST = "Fail if the run has failed"
BEGUN = {"folder": "/r/results/run", "work": "/tmp/w", "pid": 7, "start": "1"}


class Playing:
    """The callback as Ansible would call it: a stand-in, so that a play can be cut off at any place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, playbook: str) -> None:
        self.commands: list[list[str]] = []
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        monkeypatch.setattr(context, "CLIARGS", {"args": (playbook,), "inventory": ("inv",)})
        monkeypatch.setattr(unfinished_run, "held_by", lambda *_: [])
        self.callback = unfinished_run.CallbackModule()
        atexit.unregister(self.callback._finish)
        monkeypatch.setattr(unfinished_run, "play", self._play)
        plays = [SimpleNamespace(get_name=lambda: LAST)]
        vault = SimpleNamespace(_vault=SimpleNamespace(secrets=[]))
        self.callback.v2_playbook_on_start(SimpleNamespace(_loader=vault, get_plays=lambda: plays))

    def _play(self, command: list[str], _: finishing.Secrets) -> int:
        self.commands.append(command)
        return 0

    def task(self, action: str, answer: dict[str, Any], **asked: Any) -> None:
        self.callback.v2_runner_on_ok(SimpleNamespace(_result=answer, _task=SimpleNamespace(action=action, args=asked)))

    def play(self, name: str) -> None:
        self.callback.v2_playbook_on_play_start(SimpleNamespace(name=name, get_name=lambda: name))

    def until_closed(self) -> None:
        self.task("run_record", {"folder": "/r/results/.unfinished/run"}, operation="open")
        self.task("run_lease", {"claimed": "run"})
        self.task("run_record", {}, operation="note_phase", name="collect")
        self.task("run_record", {"folder": "/r/results/run", "report": BEGUN}, operation="close")

    def played(self) -> list[str]:
        """What is played when the process ends here."""
        self.callback._finish()
        return [Path(word).name for command in self.commands for word in command if word.endswith(".yml")]


@pytest.mark.parametrize("place", ["Tidy the load hosts", "Give the hosts up", "Stop the members", "Report"])
def test_a_benchmark_that_ends_after_its_record_is_closed_is_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    playing = Playing(monkeypatch, "playbooks/benchmark.yml")
    playing.until_closed()
    playing.play("Tidy the load hosts")
    if place in ("Stop the members", "Report"):
        playing.task("run_lease", {"released": "run"})
    playing.play(place)
    assert playing.played() == ["release.yml", "stop.yml", "report.yml"]
    assert json.loads(playing.commands[0][-4]) == {
        "run_record_id": "run",
        "run_record_result": "/r/results/run",
        "stop_only_unkept": True,
        "run_record_report": BEGUN,
    }
    assert ("playbooks/tidy.yml" in capsys.readouterr().out) == (place in ("Tidy the load hosts", "Give the hosts up"))


def test_a_run_that_is_complete_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    playing = Playing(monkeypatch, "playbooks/benchmark.yml")
    playing.until_closed()
    playing.task("run_lease", {"released": "run"})
    playing.task("write_report", {"lines": []})
    playing.play(LAST)
    assert playing.played() == []


def test_a_report_that_failed_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    playing = Playing(monkeypatch, "playbooks/benchmark.yml")
    playing.until_closed()
    playing.play("Report")
    failed = SimpleNamespace(_result={}, _task=SimpleNamespace(action="write_report", args={}))
    playing.callback.v2_runner_on_failed(failed, ignore_errors=False)
    assert playing.played() == []


def test_a_run_that_closed_its_record_without_a_load_only_gives_its_hosts_up(monkeypatch: pytest.MonkeyPatch) -> None:
    playing = Playing(monkeypatch, "playbooks/benchmark.yml")
    playing.task("run_record", {"folder": "/r/results/.unfinished/run"}, operation="open")
    playing.task("run_lease", {"claimed": "run"})
    playing.task("run_record", {"folder": "/r/results/run"}, operation="close")
    playing.play("Bring up the members")
    assert playing.played() == ["release.yml"]


def test_a_collection_that_is_interrupted_after_the_record_is_closed_gives_the_hosts_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    playing = Playing(monkeypatch, "playbooks/collect.yml")
    playing.task("run_record", {"folder": "/r/results/.unfinished/run", "lines": []}, operation="take_over")
    playing.task("run_record", {}, operation="note_phase", name="collect")
    playing.task("run_record", {"folder": "/r/results/run"}, operation="close")
    playing.callback._interruption._first = 1.0
    assert playing.played() == ["release.yml"]
