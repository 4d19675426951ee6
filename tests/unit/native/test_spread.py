"""The sessions of a process spread evenly over the members."""

from collections import Counter

from zk_locust.clients.native.session import _order
from zk_locust.contract.connect_string import parse_connect_string

MEMBERS = parse_connect_string("a:1,b:2,c:3").members


def test_sessions_take_turns_at_which_member_they_try_first() -> None:
    first = Counter(_order(MEMBERS)[0] for _ in range(32))
    assert sorted(first.values()) == [10, 11, 11]


def test_each_session_knows_all_members_and_tries_the_others_in_any_order() -> None:
    orders = [_order(MEMBERS) for _ in range(200)]
    assert all(sorted(order) == sorted(MEMBERS) for order in orders)
    assert len({tuple(order) for order in orders}) == 6
