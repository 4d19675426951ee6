"""Connect strings as ZooKeeper's own clients take them."""

import pytest

from zk_locust.contract.connect_string import Address, ConnectString, parse_connect_string


@pytest.mark.parametrize(
    ("text", "members", "chroot"),
    [
        ("zk1", [("zk1", 2181)], ""),
        ("zk1:2182", [("zk1", 2182)], ""),
        ("zk1:1,zk2:2 , zk3", [("zk1", 1), ("zk2", 2), ("zk3", 2181)], ""),
        ("zk1:1,zk2:2/app/a", [("zk1", 1), ("zk2", 2)], "/app/a"),
        ("zk1/", [("zk1", 2181)], ""),
        ("zk1.example.com.:1", [("zk1.example.com.", 1)], ""),
        ("[::1]:2181,10.0.0.1", [("::1", 2181), ("10.0.0.1", 2181)], ""),
        ("[fe80::1%eth0]", [("fe80::1%eth0", 2181)], ""),
    ],
)
def test_it_is_taken_apart(text: str, members: list[tuple[str, int]], chroot: str) -> None:
    assert parse_connect_string(text) == ConnectString(tuple(Address(*member) for member in members), chroot)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no member"),
        (",", "no address"),
        ("zk1,,zk2", "no address"),
        ("zk1:", "no address"),
        ("zk1:port", "[zk1:port]"),
        ("zk 1:2181", "[zk 1:2181]"),
        ("::1", "[::1]"),
        ("zk1:0", "port [0]"),
        ("zk1:65536", "port [65536]"),
        ("zk1//a", "chroot"),
        ("zk1/a/", "chroot"),
        ("zk1..example.com:2181", "without a valid host name"),
        (f"{'a' * 64}.example.com", "without a valid host name"),
    ],
)
def test_what_is_none_is_refused_with_the_part_that_is_wrong(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=r"write") as refused:
        parse_connect_string(text)
    assert named in str(refused.value)
