"""When a process keeps a history, and which clients it is kept of."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from gevent.event import Event

from reporting.consistency.history_file import HistoryFile, keys_of
from tests.integration.clients import require_library
from zk_locust.clients.kazoo.recorded import RecordedKazooClient
from zk_locust.clients.libzookeeper.recorded import RecordedLibZooKeeperClient
from zk_locust.clients.native.recorded import RecordedNativeClient
from zk_locust.contract import history_format
from zk_locust.contract.errors import ConfigurationError, ConnectError
from zk_locust.contract.options import Options
from zk_locust.contract.parameters import PARAMETERS
from zk_locust.load import final_reads, history
from zk_locust.load.locust_internals import WORKER_NAME_VARIABLE


def environment(**given: Any) -> Any:
    options = {parameter.destination: parameter.default for parameter in PARAMETERS}
    parsed = SimpleNamespace(**options | {"hosts": "127.0.0.1:1", "client": "native"} | given)
    return SimpleNamespace(parsed_options=parsed, events=SimpleNamespace(), user_classes=[])


class LiveEnvironment:
    """An environment that can be referred to weakly, as Locust's can."""

    def __init__(self, **given: Any) -> None:
        vars(self).update(vars(environment(**given)))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(WORKER_NAME_VARIABLE, "load1/worker-2")


def client_of(load: Any, kind: str = "native") -> Any:
    return history.recorded_client(Options.of(load.parsed_options), load.events, kind)


def test_only_clients_of_a_load_with_a_history_keep_one(tmp_path: Path) -> None:
    without, load = environment(), environment(history=True)
    history.begin(without)
    assert client_of(without) is None
    assert client_of(load) is None, "the test has not begun"
    history.begin(load)
    assert isinstance(client_of(load), RecordedNativeClient)
    history.begin(load)  # as for a worker that came late
    history.end(load)
    assert client_of(load) is None
    assert [file.name for file in tmp_path.iterdir()] == ["history-worker-2.bin"]
    file = HistoryFile(tmp_path / "history-worker-2.bin", "load1")
    assert (list(file.chunks()), file.ended, file.process, file.root) == ([], True, "worker-2", "/kl")


@pytest.mark.parametrize(
    ("kind", "made"), [("kazoo", RecordedKazooClient), ("libzookeeper", RecordedLibZooKeeperClient)]
)
def test_other_kinds_of_clients_keep_a_history_too(kind: str, made: type[Any]) -> None:
    if kind == "libzookeeper":
        require_library()
    load = environment(history=True, client=kind)
    history.check_history(Options.of(load.parsed_options))
    history.begin(load)
    client = client_of(load, kind)
    assert type(client) is made
    client.close()
    history.end(load)


def test_a_client_that_keeps_no_history_is_told_of(tmp_path: Path) -> None:
    load = environment(history=True, kazoo_handler="threading")
    history.begin(load)
    assert client_of(load, "kazoo") is None
    history.end(load)
    (chunk,) = HistoryFile(tmp_path / "history-worker-2.bin", "load1").chunks()
    assert chunk.records["what"].tolist() == [history_format.UNRECORDED]


def test_processes_of_two_hosts_have_two_histories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKER_NAME_VARIABLE)
    for host in ("one", "two"):  # as containers, whose process ids are often equal
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        load = environment(history=True, report_dir=str(tmp_path))
        history.begin(load)
        history.end(load)
    assert [file.name.split("-")[2] for file in sorted((tmp_path / "history/local").iterdir())] == ["one", "two"]


def test_the_final_reads_are_made_once_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = LiveEnvironment(history=True)
    report = history.count_workers(load)
    for client_id in ("one", "two", "one"):
        report(client_id=client_id, data={})
    may_end, begun, done = Event(), [], []

    def read(client: Any, member: str, root: str) -> None:
        begun.append((member, root))
        may_end.wait()
        done.append((member, root))

    monkeypatch.setattr(final_reads, "_read_tree", read)
    for name in ("start", "stop"):
        monkeypatch.setattr(RecordedNativeClient, name, lambda _: None)
    first, second = (gevent.spawn(history.read_all_nodes, load) for _ in range(2))
    gevent.idle()
    first.kill()
    gevent.spawn(may_end.set)
    second.join()
    assert begun == done == [("127.0.0.1:1", "/kl")]
    file = HistoryFile(tmp_path / "history-final.bin", "load1")
    assert (list(file.chunks()), file.ended, file.workers) == ([], True, 2)


def test_each_member_is_read_by_a_session_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, stopped = [], []

    def start(client: Any) -> None:
        asked.append(client._session._settings.hosts)
        if "zk2" in asked[-1]:
            raise ConnectError("it is down")

    def read(client: Any, member: str, root: str) -> None:
        if member == "zk3:1":
            gevent.sleep(60)
        client.note_all_read(member)

    monkeypatch.setattr(RecordedNativeClient, "start", start)
    monkeypatch.setattr(RecordedNativeClient, "stop", lambda client: stopped.append(client))
    monkeypatch.setattr(final_reads, "_read_tree", read)
    monkeypatch.setattr(final_reads, "FINAL_READS_S", 0.05)
    history.read_all_nodes(LiveEnvironment(history=True, hosts="zk1:1,zk2:1,zk3:1,[::1]:1,zk1:1/below"))
    members = ["zk1:1", "zk2:1", "zk3:1", "[::1]:1"]
    assert asked == [f"{member}/below" for member in members]
    assert len(stopped) == 3
    file = HistoryFile(tmp_path / "history-final.bin", "load1")
    (chunk,) = file.chunks()
    assert list(file.members) == members
    assert chunk.key.tolist() == keys_of(["zk1:1", "[::1]:1"]).tolist()
    assert [line for line in caplog.messages if line.startswith("Not all nodes of")] == [
        "Not all nodes of zk2:1 could be read at the end of the load: it is down",
        "Not all nodes of zk3:1 could be read at the end of the load: 0.05 s were not enough",
    ]


def test_a_second_test_leaves_the_first_ones_history_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load = environment(history=True, report_dir=str(tmp_path / "report"))
    for _ in range(2):
        history.begin(load)
        history.end(load)
    assert "There is no history of this process: [Errno 17] File exists" in caplog.text
    assert [file.name for file in (tmp_path / "report/history/local").iterdir()] == ["history-worker-2.bin"]


def test_a_history_with_another_client_is_refused() -> None:
    asked = environment(history=True, client="kazoo", kazoo_handler="threading")
    with pytest.raises(ConfigurationError, match=r"--client \[kazoo\]: .* keeps no history; choose another kazoo-h"):
        history.check_history(Options.of(asked.parsed_options))
    history.check_history(Options.of(environment(client="kazoo", kazoo_handler="threading").parsed_options))
    assert history_format.problem_with("own") == (
        "the client own keeps no history", "use one of native, kazoo, libzookeeper, zkpython, or leave history out",
    )  # fmt: skip
