"""If no lab can be made, one message names everything that is missing; with CI=true a test that needs one fails."""

import os
from pathlib import Path

import pytest

from lab import Lab, LabError, LabOptions, LabUnavailableError, prerequisites
from lab.commands import run
from tests.fleet.conftest import make_lab


def test_all_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(prerequisites, "KEYRING", tmp_path / "none.gpg")
    with pytest.raises(LabUnavailableError) as raised:
        prerequisites.require()
    for piece in ("root", "apt install debian-archive-keyring", "mmdebstrap", "systemd-container", "openssh-client"):
        assert piece in str(raised.value)


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)], ids=["by hand", "CI"]
)
def test_a_lab_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]) -> None:
    def refuse(*_: object, **__: object) -> Lab:
        raise LabUnavailableError("needs root")

    monkeypatch.setattr(Lab, "up", refuse)
    monkeypatch.setenv("CI", ci)
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match="needs root") as raised:
        make_lab(LabOptions())
    assert raised.type is outcome


def test_a_failed_command_says_what_it_said() -> None:
    with pytest.raises(LabError, match=r"\[sh -c echo why >&2; exit 3\] failed with code 3\nwhy"):
        run(["sh", "-c", "echo why >&2; exit 3"])
    with pytest.raises(LabError, match=r"no command \[no-such-command\]"):
        run(["no-such-command"])
    with pytest.raises(LabError, match="did not end within"):
        run(["sleep", "5"], timeout_s=0.1)
