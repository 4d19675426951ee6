"""The process that delays packets without netem, in a network of its own: a pair of interfaces and a tap."""

import json
import subprocess
import sys

import pytest

from lab.places import PROJECT
from tests.needs import require_root

pytestmark = pytest.mark.integration

LATENCY_S = 0.1
# Frames that nftables would send over the tap: from this host (its own address is the source), and from the other one.
PROGRAM = f"""
import json, os, socket, subprocess, sys, threading, time
from pathlib import Path
from zk_locust.host_faults import relay

def run(*words):
    subprocess.run(words, check=True)

run("ip", "link", "add", "here", "type", "veth", "peer", "name", "there")
for name in ("here", "there"):
    run("ip", "link", "set", name, "addrgenmode", "none")
    run("ip", "link", "set", name, "up")
taps = {{"here": "zkt000000000000"}}
relay.make_ready(taps)
fault = {{"for_s": 60, "latency_ms": {LATENCY_S * 1000}, "jitter_ms": {LATENCY_S * 500}}}

def serve():
    try:
        relay.serve(taps, fault)
    except OSError:
        print("ended", file=sys.stderr)

served = threading.Thread(target=serve)
served.start()
relay.wait_for(taps)

def sock(name):
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
    found.bind((name, 0x88B5))
    found.settimeout(30)
    return found

own, tap = relay._address("here"), relay._address(taps["here"])
sender, there, back = sock(taps["here"]), sock("there"), sock(taps["here"])
told = {{}}
for way, source, at in (("out", own, there), ("in", bytes([2, 0, 0, 0, 0, 9]), back)):
    sent, frames = [], []
    for number in range(20):
        frame = bytes([2, 0, 0, 0, 0, 7]) + source + bytes([0x88, 0xB5]) + bytes([number]) * 60
        sent.append(time.monotonic())
        sender.send(frame)
    came = []
    while len(frames) < 20:
        frame, (_, _, kind, *_) = at.recvfrom(2000)
        if kind != socket.PACKET_OUTGOING:
            frames.append(frame)
            came.append(time.monotonic())
    told[way] = {{
        "numbers": [frame[14] for frame in frames],
        "after_s": [after - before for before, after in zip(sent, came)],
        "for_tap": all(frame[:6] == tap for frame in frames),
    }}
relay.remove(taps)
served.join(30)
told["ends"] = not served.is_alive()
print(json.dumps(told))
os._exit(0)
"""


def test_frames_come_later_and_in_their_order_both_ways() -> None:
    require_root("a network of its own")
    own_network = ["unshare", "-n", "-m", "sh", "-c", 'mount -t sysfs none /sys && exec "$0" "$@"']
    done = subprocess.run(
        [*own_network, sys.executable, "-c", PROGRAM],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for way in ("out", "in"):
        assert told[way]["numbers"] == list(range(20))
        assert min(told[way]["after_s"]) >= LATENCY_S / 2  # with the jitter
    assert told["in"]["for_tap"]
    assert told["ends"]
