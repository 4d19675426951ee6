"""Which callbacks an event sets off."""

import pytest

from zk_locust.clients.native.watches import CHILD, DATA, EXIST, Watches

CREATED, DELETED, CHANGED, CHILDREN = 1, 2, 3, 4


def one(event: object) -> None: ...
def two(event: object) -> None: ...


@pytest.mark.parametrize(
    ("number", "name", "fired"),
    [
        (CREATED, "CREATED", [one]),
        (CHANGED, "CHANGED", [one]),
        (DELETED, "DELETED", [one, two]),
        (CHILDREN, "CHILD", [two, one]),
        (99, "NONE", []),
    ],
)
def test_an_event_fires_its_kinds_once_each_callback(number: int, name: str, fired: list[object]) -> None:
    watches = Watches()
    watches.add(DATA, "/a", one)
    watches.add(EXIST, "/a", one)
    watches.add(CHILD, "/a", two)
    watches.add(CHILD, "/a", one)
    assert watches.fired_by(number, "/b") == (name, [])
    assert watches.fired_by(number, "/a") == (name, fired)
    assert watches.fired_by(number, "/a") == (name, [])


def test_other_kinds_stay() -> None:
    watches = Watches()
    watches.add(DATA, "/a", one)
    watches.add(CHILD, "/a", two)
    watches.fired_by(CHANGED, "/a")
    assert watches.fired_by(DELETED, "/a")[1] == [two]


def test_the_end_of_a_session_takes_all_of_them() -> None:
    watches = Watches()
    watches.add(DATA, "/a", one)
    watches.add(CHILD, "/b", one)
    watches.add(CHILD, "/c", two)
    assert watches.drain() == [one, two]
    assert watches.drain() == []
