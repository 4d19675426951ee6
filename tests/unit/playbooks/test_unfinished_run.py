"""What is called to finish a run whose `ansible-playbook` ended too early."""

import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from playbooks.callback_plugins import unfinished_run


def command(*words: str, playbooks: list[str]) -> list[str]:
    found: list[str] = unfinished_run.finishing_command(
        ["ansible-playbook", *words], playbooks, Path("/p"), "a 'reason'"
    )
    return found


def test_how_hosts_are_reached_stays_and_what_is_played_does_not() -> None:
    found = command(
        "playbooks/run.yml", "-i", "inventory/prod", "-e", "a=1", "--private-key", "k", "-u", "me", "--tags", "run",
        "--skip-tags=report", "--check", "--limit", "x", playbooks=["playbooks/run.yml"],
    )  # fmt: skip
    assert found[:11] == [
        "ansible-playbook", "-i", "inventory/prod", "-e", "a=1", "--private-key", "k", "-u", "me", "--limit", "x",
    ]  # fmt: skip
    assert found[11:] == [
        "-e",
        '{"benchmark_stop": true, "benchmark_interruption": "a \'reason\'"}',
        "/p/collect.yml",
    ]


def test_a_benchmark_is_also_stopped_and_reported() -> None:
    found = command("playbooks/benchmark.yml", playbooks=["playbooks/benchmark.yml"])
    assert found[-3:] == ["/p/collect.yml", "/p/stop.yml", "/p/report.yml"]
    assert json.loads(found[-4])["stop_only_unkept"] is True


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("-K -k -J", ""),
        ("-bK -kvv -CDb", "-b -vv -b"),
        ("--ask-become-pass --ask-pass --ask-vault-pass", ""),
        ("--become-password-file a --conn-pass-file=b --vault-id dev@prompt --vault-password-file c", ""),
        ("-t run -trun -bt run -uKate -e K=k", "-b -uKate -e K=k"),
    ],
)
def test_nothing_is_asked_that_nobody_could_answer(given: str, kept: str) -> None:
    assert command(*given.split(), playbooks=[])[1:-3] == kept.split()


def test_arguments_for_ssh_are_no_letters() -> None:
    given = ["--ssh-common-args", "-o ProxyJump=Kate@jump -k"]
    assert command(*given, playbooks=[])[1:3] == given


def test_what_was_told_is_handed_on_and_gone_once_it_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANSIBLE_ASK_PASS", "true")
    callback = unfinished_run.CallbackModule()
    callback.set_play_context(SimpleNamespace(password=None, become_pass="swordfish"))
    vault = SimpleNamespace(secrets=[("dev", SimpleNamespace(bytes=b"haddock"))])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    callback.v2_playbook_on_start(SimpleNamespace(_loader=SimpleNamespace(_vault=vault)))
    script = """
        file=$ANSIBLE_BECOME_PASSWORD_FILE vault=${ANSIBLE_VAULT_IDENTITY_LIST#dev@}
        echo "$(cat $file) $(stat -c %a $file) $(cat $vault) $ANSIBLE_ASK_PASS ${ANSIBLE_CONNECTION_PASSWORD_FILE-none}"
        read -r answer || echo nobody answers
        echo "PLAY [Find the run]"
        for _ in $(seq 100); do [ -e $file ] || { echo gone; exit 3; }; sleep 0.1; done
    """
    assert callback._play(["sh", "-c", script]) == 3
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["swordfish 600 haddock false none", "nobody answers", "PLAY [Find the run]", "gone"]
