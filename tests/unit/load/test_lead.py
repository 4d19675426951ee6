"""A timer's lead follows how late the process wakes up, costs little, and lets nothing be sent early."""

import pytest

from zk_locust.load.lead import LONGEST_NS, SHARE, Lead

US = 1_000
MS = 1_000_000


class Clock:
    """A clock that only goes on when it is read, by a tenth of a microsecond."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.reads = 0

    def __call__(self) -> int:
        self.now_ns += 100
        self.reads += 1
        return self.now_ns


def wake(lead: Lead, clock: Clock, wait_ns: int, late_ns: int) -> tuple[int, int, int]:
    """Arm for a time, wake up late; return this time, when the timer expired, and when the process was ready."""
    at_ns = clock.now_ns + wait_ns
    expires_ns = lead.expiry(at_ns)
    clock.now_ns = max(clock.now_ns, expires_ns) + late_ns
    return at_ns, expires_ns, lead.awake(at_ns)


def test_a_process_that_always_wakes_up_late_by_the_same_time_is_ready_when_an_operation_is_due() -> None:
    clock = Clock()
    lead = Lead(clock)
    slips = []
    for _ in range(200):
        at_ns, _, ready_ns = wake(lead, clock, 10 * MS, 50 * US)
        slips.append(ready_ns - at_ns)
    assert slips[0] >= 50 * US, "nothing is known at first"
    assert max(slips[100:]) <= 5 * US
    assert min(slips) >= 0, "nothing is sent before it is due"


@pytest.mark.parametrize("late_us", [0, 30, 400])
def test_a_timer_expires_neither_late_nor_earlier_than_the_longest_lead(late_us: int) -> None:
    clock = Clock()
    lead = Lead(clock)
    for _ in range(300):
        at_ns, expires_ns, ready_ns = wake(lead, clock, 10 * MS, late_us * US)
        assert at_ns - LONGEST_NS <= expires_ns <= at_ns <= ready_ns


def test_a_high_rate_leaves_no_time_to_watch_the_clock() -> None:
    clock = Clock()
    lead = Lead(clock)
    for _ in range(300):
        wake(lead, clock, 10 * MS, 80 * US)
    at_ns, expires_ns, _ = wake(lead, clock, 200 * US, 80 * US)
    assert at_ns - expires_ns <= 200 * US // SHARE


def test_the_lead_becomes_short_again_when_the_process_wakes_up_soon() -> None:
    clock = Clock()
    lead = Lead(clock)
    for _ in range(300):
        wake(lead, clock, 10 * MS, 80 * US)
    for _ in range(300):
        at_ns, expires_ns, _ = wake(lead, clock, 10 * MS, 0)
    assert at_ns - expires_ns <= 5 * US


def test_what_was_due_before_the_timer_was_armed_teaches_nothing() -> None:
    clock = Clock()
    lead = Lead(clock)
    for _ in range(300):
        wake(lead, clock, -MS, 500 * US)
    at_ns, expires_ns, _ = wake(lead, clock, 10 * MS, 0)
    assert expires_ns == at_ns


def test_a_time_that_is_far_away_is_not_waited_for() -> None:
    clock = Clock()
    lead = Lead(clock)
    lead.expiry(MS)
    before = clock.reads
    assert lead.awake(1 << 62) < MS
    assert clock.reads == before + 1
