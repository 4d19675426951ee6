"""Paths, values and connect strings as the library gets them."""

import pytest

from zk_locust.clients.libzookeeper import arguments
from zk_locust.contract.connect_string import Address, parse_connect_string
from zk_locust.contract.errors import BadArgumentsError, ConnectError


@pytest.mark.parametrize("path", ["/a\0b", "\0", "/\ud800"])
def test_what_would_be_another_node_to_the_library_is_refused(path: str) -> None:
    with pytest.raises(BadArgumentsError, match="is no path"):
        arguments.encoded(path)


def test_paths_are_utf_8() -> None:
    assert arguments.encoded("/ü/𝄞") == "/ü/𝄞".encode()


def test_a_value_beyond_the_librarys_buffer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "MAX_VALUE_BYTES", 4)
    assert arguments.size_of(b"1234") == 4
    with pytest.raises(BadArgumentsError, match="5 bytes"):
        arguments.size_of(b"12345")


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("127.0.0.1", "127.0.0.1:2181"),
        ("127.0.0.1:1,127.0.0.2:2", "127.0.0.1:1,127.0.0.2:2"),
        ("[::1]:2182/a/b", "::1:2182/a/b"),
    ],
)
def test_the_library_gets_literal_addresses_with_ports(hosts: str, expected: str) -> None:
    assert arguments.addresses(parse_connect_string(hosts)).text == expected


def test_names_are_looked_up() -> None:
    found = arguments.addresses(parse_connect_string("localhost:7"))
    assert set(found.members.values()) == {Address("localhost", 7)}
    assert found.text.split(",")[-1] in ("127.0.0.1:7", "::1:7")


def test_a_name_without_an_address() -> None:
    with pytest.raises(ConnectError, match=r"nowhere\.invalid: "):
        arguments.addresses(parse_connect_string("nowhere.invalid:2181"))


def test_a_member_without_an_address_is_left_out() -> None:
    hosts = parse_connect_string("nowhere.invalid:2181,127.0.0.1:2182/chroot")
    assert arguments.addresses(hosts).text == "127.0.0.1:2182/chroot"
