"""Who may join a run: keys, refusals, addresses, and what a spawn message may hold."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import zmq
from locust import argument_parser
from locust.rpc import Message
from locust.runners import STATE_RUNNING, WorkerRunner

from zk_locust.contract.bind_address import bind_address, require_to_listen
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.run_token import VARIABLE, new_token, run_keys
from zk_locust.load.locust_internals import find_own_options_once
from zk_locust.load.refusals import MOST_TOLD, UNKNOWN, Handshakes
from zk_locust.load.run_sockets import missing_secrets, without_secrets

ACCEPTED, ENDED = int(zmq.EVENT_ACCEPTED), int(zmq.EVENT_DISCONNECTED)
FAILED, SUCCEEDED = int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL), int(zmq.EVENT_HANDSHAKE_SUCCEEDED)
Report = tuple[int, int, str]


def test_a_token_gives_the_same_keys_everywhere_and_another_token_others() -> None:
    token = new_token()
    one, two, other = (run_keys({VARIABLE: text}) for text in (token, token, new_token()))
    assert one is not None
    assert two is not None
    assert other is not None
    assert (one.master.public, one.worker.secret) == (two.master.public, two.worker.secret)
    keys = {pair.secret for keys in (one, other) for pair in (keys.master, keys.worker)}
    assert len(keys) == 4
    assert token not in repr(one) + repr(one.master)
    assert one.master.secret.decode() not in repr(one)


def test_no_token_gives_no_keys_and_a_weak_one_is_refused() -> None:
    assert run_keys({}) is None
    assert run_keys({VARIABLE: ""}) is None
    for weak in ("swordfish", "ab" * 31, "swordfish" * 10):
        with pytest.raises(ConfigurationError) as refused:
            run_keys({VARIABLE: weak})
        assert weak not in str(refused.value)


@pytest.fixture
def handshakes() -> Iterator[Handshakes]:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as watched:
        made = Handshakes(watched, clock=lambda: 100.0)
        yield made
        made.close()
        made._reports.close(0)


def refusal(descriptor: int, peer: str) -> list[Report]:
    return [(ACCEPTED, descriptor, peer), (FAILED, 1, ""), (ENDED, descriptor, "")]


def test_each_address_is_told_once(handshakes: Handshakes) -> None:
    handshakes.take(refusal(5, "192.0.2.1"))
    handshakes.take(refusal(5, "192.0.2.2") + refusal(6, "192.0.2.1"))
    assert handshakes.newly_refused() == ["192.0.2.1", "192.0.2.2"]
    handshakes.take(refusal(5, "192.0.2.1"))
    assert handshakes.newly_refused() == []
    assert (handshakes.failed, handshakes.failed_in_a_row) == (4, 4)
    handshakes.take([(ACCEPTED, 5, "192.0.2.9"), (SUCCEEDED, 0, ""), (ENDED, 5, "")])
    assert (handshakes.newly_refused(), handshakes.failed_in_a_row) == ([], 0)


def test_an_address_is_not_taken_from_a_later_connection_with_the_same_descriptor(handshakes: Handshakes) -> None:
    # Both were looked up when the second had taken the descriptor over.
    handshakes.take([*refusal(5, "192.0.2.7"), (ACCEPTED, 5, "192.0.2.7"), (SUCCEEDED, 0, "")])
    assert handshakes.newly_refused() == []
    assert handshakes.failed == 1


def test_an_address_is_not_taken_from_a_later_connection_that_is_reported_afterwards(handshakes: Handshakes) -> None:
    # The second had the descriptor when the first was looked up, but was not reported as accepted yet.
    now = 100.0
    handshakes._clock = lambda: now
    handshakes.take(refusal(5, "192.0.2.7"))
    handshakes.take([(ACCEPTED, 5, "192.0.2.7"), (SUCCEEDED, 0, "")])
    assert handshakes.newly_refused() == []
    now = 103.0
    assert handshakes.newly_refused() == [UNKNOWN]


def test_a_refusal_without_an_address_is_told_when_none_has_come(handshakes: Handshakes) -> None:
    now = 100.0
    handshakes._clock = lambda: now
    handshakes.take(refusal(5, ""))
    assert handshakes.newly_refused() == []
    now = 103.0
    assert handshakes.newly_refused() == [UNKNOWN]
    assert handshakes.newly_refused() == []


def test_many_addresses_do_not_fill_the_events(handshakes: Handshakes) -> None:
    for number in range(100):
        handshakes.take(refusal(5, f"192.0.2.{number}"))
    assert len(handshakes.newly_refused()) == MOST_TOLD
    assert handshakes.newly_refused() == []


def test_a_spawn_message_holds_what_a_worker_takes_and_names_secrets_only() -> None:
    options = {
        "val_size": 8,
        "tags": ["a"],
        "web_login": True,
        "digest_credential": "u:swordfish",
        "kazoo_create_client": "",
        "bench_size": "1",
    }
    job: dict[str, Any] = {"timestamp": 1.0, "host": None, "parsed_options": options}
    sent = without_secrets(job)
    assert sent["parsed_options"] == {"val_size": 8, "tags": ["a"], "bench_size": "1"}
    assert sent["zk_locust_secrets"] == ["digest_credential"]
    assert sent["timestamp"] == 1.0
    assert job["parsed_options"] is options


def test_a_worker_lacks_what_it_has_no_value_for() -> None:
    own = {"digest_credential": "u:p", "kazoo_tls_key_password": None}
    asked = ["digest_credential", "kazoo_tls_key_password", "own_password", "bad\x1b[31mname"]
    assert missing_secrets(asked, own) == ["kazoo_tls_key_password", "own_password"]


@pytest.mark.parametrize(
    ("host", "address"), [("*", "*"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("192.0.2.1", "192.0.2.1")]
)
def test_an_address_is_bound_to_as_it_is(host: str, address: str) -> None:
    assert bind_address(host) == address


def test_a_name_that_is_loopback_on_its_own_host_is_bound_to_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, str] = {"load1": "127.0.1.1", "load1.example.org": "192.0.2.7", "localhost": "127.0.0.1"}
    monkeypatch.setattr(
        "zk_locust.contract.bind_address.socket.getaddrinfo",
        lambda host, *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found[host], 0))],
    )
    assert {host: bind_address(host) for host in found} == {
        "load1": "*",
        "load1.example.org": "192.0.2.7",
        "localhost": "127.0.0.1",
    }


def test_where_nothing_can_listen_is_refused_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigurationError, match=rf"^locust_master_port \[{port}\]: Address already in use; choose"
        ):
            require_to_listen("127.0.0.1", port)
    require_to_listen("127.0.0.1", port)
    require_to_listen("*", port)
    with pytest.raises(
        ConfigurationError, match=r"^locust_master_bind_host \[192.0.2.1\]: this host cannot listen there"
    ):
        require_to_listen("192.0.2.1", port)
    with pytest.raises(
        ConfigurationError, match=r"^locust_master_bind_host \[no.such.invalid\]: it cannot be looked up"
    ):
        require_to_listen("no.such.invalid", port)


def test_a_worker_looks_up_locusts_own_options_once_and_not_for_each_option_of_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []
    make = argument_parser.get_empty_argument_parser

    def counted(*arguments: Any, **options: Any) -> Any:
        made.append(arguments)
        return make(*arguments, **options)

    # Another test may have put the quick one there.
    find = getattr(argument_parser.default_args_dict, "__wrapped__", argument_parser.default_args_dict)
    monkeypatch.setattr(argument_parser, "default_args_dict", find)
    monkeypatch.setattr(argument_parser, "get_empty_argument_parser", counted)
    find_own_options_once()
    runner = Mock(spec=WorkerRunner, worker_state=STATE_RUNNING, last_received_spawn_timestamp=0, client=Mock())
    runner.client_id, runner.spawning_greenlet, runner.greenlet = "worker", None, Mock()
    runner.environment = SimpleNamespace(parsed_options=SimpleNamespace())
    job = {
        "timestamp": 1, "host": None, "stop_timeout": 0, "user_classes_count": {},
        "parsed_options": {"hosts": "zk1:2181", "val_size": 8, "num_users": 3, "client": "native"},
    }  # fmt: skip
    WorkerRunner.handle_message(runner, Message("spawn", job, "worker"))
    assert vars(runner.environment.parsed_options) == {"hosts": "zk1:2181", "val_size": 8, "client": "native"}
    assert len(made) == 1
