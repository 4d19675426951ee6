"""Ctrl-C ends a load in the main greenlet, where Locust waits for it.

Python raises KeyboardInterrupt in the running greenlet. In a user or a collector, it would end that greenlet with a
traceback, perhaps in the middle of a file.
"""

import signal
import threading
from types import FrameType

import gevent


def raise_interrupts_in_main() -> None:
    """Have Ctrl-C raised in the main greenlet, unless another handler is set."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _Interrupt())


class _Interrupt:
    """The handler of SIGINT."""

    def __init__(self) -> None:
        self._hub = gevent.get_hub()
        self._asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        # A second Ctrl-C is raised at once: some greenlet may never yield.
        if self._asked or gevent.getcurrent() is self._hub.parent:
            self._asked = False
            signal.default_int_handler(number, frame)
        self._asked = True
        self._hub.loop.run_callback(self._raise_in_main)

    def _raise_in_main(self) -> None:
        if self._asked:
            self._asked = False
            self._hub.handle_system_error(KeyboardInterrupt, KeyboardInterrupt())
