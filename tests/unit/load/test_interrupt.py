"""Ctrl-C: it ends the load, and nothing in the middle of its work."""

import subprocess
import sys

import pytest

# In a process of its own: pytest has a use for Ctrl-C itself.
PROGRAM = """
import os, signal
import gevent
from zk_locust.load.interrupt import raise_interrupts_in_main
{before}
raise_interrupts_in_main()
said = []
def collector():
    for number in range(3):
        os.kill(os.getpid(), signal.SIGINT) if number < {times} else None
        said.append(number)
    gevent.sleep(0)
    said.append("goes on")
works = gevent.spawn(collector)
try:
    gevent.sleep(5)
except KeyboardInterrupt:
    said.append("main")
works.join()
print(said)
"""


@pytest.mark.parametrize(
    ("times", "before", "said"),
    [
        (1, "", "[0, 1, 2, 'main', 'goes on']"),
        # A greenlet that never gives up its turn can be ended all the same.
        (2, "", "[0, 'main']"),
        (1, "signal.signal(signal.SIGINT, lambda *_: said.append('theirs'))", "['theirs', 0, 1, 2, 'goes on']"),
    ],
)
def test_an_interrupt_is_the_main_greenlets(times: int, before: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before, times=times)], capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == said
    assert ("Traceback" in done.stderr) == (times == 2)


def test_an_interrupt_while_all_wait_is_the_main_greenlets_too() -> None:
    program = """
import os, signal, threading
import gevent
from zk_locust.load.interrupt import raise_interrupts_in_main
raise_interrupts_in_main()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    gevent.sleep(20)
except KeyboardInterrupt:
    print("main")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("main\n", "")
