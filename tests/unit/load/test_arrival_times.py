"""A kernel without arrival times of replies is an event of the load, wherever it was noticed."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import gevent
import pytest
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from zk_locust.clients.native.arrival import Stamps
from zk_locust.contract.events import NO_ARRIVAL_TIMES
from zk_locust.load import arrival_times
from zk_locust.load.locust_internals import WORKER_NAME_VARIABLE
from zk_locust.load.stages import happened

DETAIL = "service time contains client delay there: the kernel refuses"


@pytest.fixture(autouse=True)
def stamps(monkeypatch: pytest.MonkeyPatch) -> Stamps:
    made = Stamps()
    monkeypatch.setattr(arrival_times, "stamps", made)
    return made


@pytest.fixture
def events() -> Iterator[list[tuple[str, str, str]]]:
    noted: list[tuple[str, str, str]] = []

    def listener(event: str, subject: str, detail: str, **_: Any) -> None:
        noted.append((event, subject, detail))

    happened.add_listener(listener)
    yield noted
    happened.remove_listener(listener)


def test_the_one_process_of_a_local_load_notes_it(stamps: Stamps, events: list[tuple[str, str, str]]) -> None:
    arrival_times.tell_if_missing(object(), mock.create_autospec(LocalRunner, instance=True))
    assert stamps.on_problem is not None
    stamps.on_problem("the kernel refuses")
    assert events == [(NO_ARRIVAL_TIMES, "local", DETAIL)]


@pytest.mark.parametrize("name", ["load-1/worker-0", ""])
def test_a_worker_tells_its_master(
    stamps: Stamps, events: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(WORKER_NAME_VARIABLE, name)
    master = mock.create_autospec(MasterRunner, instance=True)
    worker = mock.create_autospec(WorkerRunner, instance=True)
    worker.worker_index = 3
    environment = object()
    arrival_times.tell_if_missing(environment, master)
    arrival_times.tell_if_missing(environment, worker)
    assert stamps.on_problem is not None
    stamps.on_problem("the kernel refuses")
    gevent.sleep(0)
    (message,) = worker.send_message.call_args_list
    ((kind, receive),) = (call.args for call in master.register_message.call_args_list)
    assert message.args[0] == kind
    receive(environment=environment, msg=SimpleNamespace(data=message.args[1]))
    assert events == [(NO_ARRIVAL_TIMES, name or f"{socket.gethostname()}/worker-3", DETAIL)]
