"""A clock that stands still until it is told to go on, and a CPU that uses half of its time."""

from locust_extra.recorder import CpuClock, Recorder
from zk_locust.load.recording import Recording


class FakeClock:
    """`now_s` in seconds; what is asked for it is nanoseconds or seconds."""

    def __init__(self, now_s: float = 100.0) -> None:
        self.now_s = now_s
        self.began_s = now_s

    def ns(self) -> int:
        return round(self.now_s * 1e9)

    def elapsed_s(self) -> float:
        return self.now_s - self.began_s


class FakeCpu(CpuClock):
    def __init__(self, clock: FakeClock, *, has_wait: bool = True) -> None:
        super().__init__()
        self._clock = clock
        self._has_wait_figure = has_wait

    def read_ns(self) -> tuple[int, int | None]:
        used = self._clock.ns() // 2
        return used, used // 5 if self._has_wait_figure else None


def recorder(clock: FakeClock, interval_s: float = 1.0, *, has_wait: bool = True) -> Recorder:
    return Recorder(interval_s, Recording([], clock.ns), cpu=FakeCpu(clock, has_wait=has_wait))
