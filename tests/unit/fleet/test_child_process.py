"""Limits of a process that the controller runs: what it writes, how long it takes, and what it leaves."""

from pathlib import Path

import psutil
import pytest

from fleet.child_process import ChildProcess, LimitError
from fleet.endpoints import Endpoint
from fleet.errors import HostError
from fleet.hosts import Host, ask_all
from tests.waiting import until


def test_output_without_end_is_cut_off() -> None:
    with pytest.raises(HostError, match=r"^it sends more than 32 MiB$"):
        Host(Endpoint("here")).run("yes")


def test_errors_without_end_keep_their_last_part() -> None:
    answer = Host(Endpoint("here")).run("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo last >&2; exit 3")
    assert (answer.code, len(answer.err)) == (3, 64 * 1024)
    assert answer.err.endswith("xlast\n")
    assert len(answer.reason) <= 500


def test_a_process_that_takes_too_long_ends_with_its_children(tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    with pytest.raises(HostError, match=r"^no answer within 0.5 s$"):
        Host(Endpoint("here")).run(f"sleep 300 & echo $! > {ids}; wait", limit_s=0.5)
    until(lambda: not psutil.pid_exists(int(ids.read_text())), 5)


def test_a_process_that_ignores_its_end_is_killed() -> None:
    with ChildProcess(["sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"]) as child:
        assert child.communicate(20, until=b"\n") is None
    assert child._process.returncode == -9


def test_what_lives_on_after_the_process_holds_nobody_up() -> None:
    """As a shared connection of ssh does, with the pipes that it has from the first command."""
    with ChildProcess(["sh", "-c", "sleep 3 & echo done; exit 4"]) as child:
        assert child.communicate(2.5) == 4
        assert child.out == b"done\n"


def test_text_is_shown_as_it_comes_also_where_a_character_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    with ChildProcess(["sh", "-c", "printf '\\303'; sleep 0.3; printf '\\244\\377'"], show=shown.append) as child:
        assert child.communicate(20) == 0
    assert "".join(shown) == "\N{LATIN SMALL LETTER A WITH DIAERESIS}\N{REPLACEMENT CHARACTER}"
    assert child.out == b""


def test_limits_name_what_was_exceeded() -> None:
    with ChildProcess(["sleep", "300"]) as child, pytest.raises(LimitError, match=r"within 0.3 s"):
        child.communicate(0.3)


def test_an_interruption_ends_what_all_hosts_run(tmp_path: Path) -> None:
    ids = tmp_path / "id"

    def question(host: Host) -> None:
        if host.endpoint.name == "second":
            until(ids.exists, 10)
            raise KeyboardInterrupt
        host.run(f"echo $$ > {ids}.new; mv {ids}.new {ids}; exec sleep 300", limit_s=300)

    with pytest.raises(KeyboardInterrupt):
        ask_all([Endpoint("second"), Endpoint("first")], question)
    until(lambda: not psutil.pid_exists(int(ids.read_text())), 5)
