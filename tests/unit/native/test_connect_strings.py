import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native import NativeClient, paths
from zk_locust.contract.connect_string import Address, parse_connect_string
from zk_locust.contract.errors import BadArgumentsError, ConfigurationError


@pytest.mark.parametrize(
    ("hosts", "addresses", "chroot"),
    [
        ("zk1", [("zk1", 2181)], ""),
        ("zk1:2182,zk2", [("zk1", 2182), ("zk2", 2181)], ""),
        (" 10.0.0.1:2181 , 10.0.0.2:2181 ", [("10.0.0.1", 2181), ("10.0.0.2", 2181)], ""),
        ("[::1]:2181,[fe80::1%eth0]/a/b", [("::1", 2181), ("fe80::1%eth0", 2181)], "/a/b"),
        ("zk1/", [("zk1", 2181)], ""),
        ("zk-1.example_net.org:1/a", [("zk-1.example_net.org", 1)], "/a"),
    ],
)
def test_connect_strings(hosts: str, addresses: list[tuple[str, int]], chroot: str) -> None:
    assert parse_connect_string(hosts) == (tuple(addresses), chroot)


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ("", "names no member"),
        ("  ", "names no member"),
        ("zk1,,zk2", r"a member \[\] that is no address"),
        ("zk1,", r"a member \[\] that is no address"),
        ("zk1;zk2", "separate them by commas"),
        ("::1", r"\[::1\]:2181"),
        ("fe80::1:2181", "without brackets"),
        ("[zk1]:2181", "no IPv6 address"),
        ("[::1", "is no address"),
        ("zk1:port", "from 1 to 65535"),
        ("zk1:0", "from 1 to 65535"),
        ("zk1:65536", "from 1 to 65535"),
        ("zk1:", "from 1 to 65535"),
        (":2181", "without a valid host name"),
        ("zk 1", "without a valid host name"),
        ("zk1/a,zk2/a", "the chroot once, at the end"),
        ("zk1/a/", "no path of a node"),
        ("zk1//a", "no path of a node"),
        ("zk1/../a", "no path of a node"),
        ("http://zk1:2181", "web"),
    ],
)
def test_connect_strings_that_cannot_work(hosts: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        NativeClient(ClientSettings(hosts))
    assert str(caught.value).startswith(f"--hosts [{hosts}]: ")


@given(st.text(max_size=30))
def test_any_text_is_a_connect_string_or_a_configuration_error(text: str) -> None:
    try:
        addresses, chroot = parse_connect_string(text)
    except ValueError:
        return
    again = ",".join(map(str, addresses)) + chroot
    assert parse_connect_string(again) == (addresses, chroot)


def test_addresses_as_they_are_written() -> None:
    assert [str(Address("zk1", 1)), str(Address("::1", 2))] == ["zk1:1", "[::1]:2"]


@pytest.mark.parametrize(
    "path", ["", "a", "/a/", "//", "/a//b", "/.", "/..", "/a/../b", "/a/.", "/\0", "/a\x1f", "/\ud800"]
)
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(BadArgumentsError):
        paths.ServerPaths("")[path]


@pytest.mark.parametrize("path", ["/", "/a", "/a/b", "/...", "/.a", "/a..", "/ü €"])
def test_paths_below_a_chroot_and_back(path: str) -> None:
    for chroot in ("", "/c", "/c/d"):
        below = paths.ServerPaths(chroot)
        server = below[path][4:].decode()
        assert server == (chroot + path).rstrip("/") or server == "/"
        assert below.client_path(server) == path
        assert int.from_bytes(below[path][:4]) == len(server.encode())


def test_the_start_of_a_sequential_path() -> None:
    below = paths.ServerPaths("/c")
    assert below.sequential("/q/")[4:] == b"/c/q/"
    assert below.sequential("/q/n-")[4:] == b"/c/q/n-"
    with pytest.raises(BadArgumentsError):
        below.sequential("/q//")


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "CACHE_LIMIT", 10)
    below = paths.ServerPaths("")
    for number in range(100):
        assert below[f"/{number}"].endswith(f"/{number}".encode())
    assert len(below) <= 10
