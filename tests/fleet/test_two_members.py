"""Two members of one host: what one heals leaves the faults of the other as they are."""

import base64
import io
import json
import zipfile

import pytest

from lab import Lab
from lab.places import PROJECT

pytestmark = pytest.mark.fleet

SOURCES = "/root/two-members.zip"
PROGRAM = """
import json, subprocess, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from zk_locust.host_faults import deadline
from zk_locust.host_faults.external import ExternalMember
from zk_locust.host_faults.faults import Faults

deadline.has_systemd = lambda: False

def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout

run("ip", "link", "add", "here", "type", "veth", "peer", "name", "there")
for name in ("here", "there"):
    run("ip", "link", "set", name, "up")
run("ip", "address", "add", "192.0.2.1/24", "dev", "here")

state = tempfile.mkdtemp()

def member(name):
    folder = Path(state, name, "faults")
    folder.mkdir(parents=True)
    return Faults(folder.parent, folder / "run", ExternalMember(folder.parent, 2181))

def fault(number, do):
    peers = [{"address": "192.0.2.2", "ports": [2888]}]
    sides = {"way": "both", "ports": [2888], "peers": peers, "percent": 100, "client_port": 2181}
    shape = {"rate_bits": 1e6} if do == "bandwidth" else {"latency_ms": 5.0, "jitter_ms": 0.0}
    return {"id": f"run.{number}", "run_id": "run", "number": number, "member": "x", "do": do, "for_s": 300.0,
            **sides, **shape}

def seen():
    tables = sorted({line.split()[2] for line in run("nft", "list", "tables").splitlines()})
    links = sorted(file.name for file in Path("/sys/class/net").iterdir() if file.name.startswith("zk"))
    return {"tables": tables, "links": links, "shaped": "7a6b:" in run("tc", "qdisc", "show", "dev", "here")}

told = {"before": seen()}
one, other = member("one"), member("other")
other.do(fault(1, "partition"))
other.do(fault(2, sys.argv[2]))
told["with"] = seen()
told["healed"] = [one.heal_all()]
told["beside"] = [seen()]
one.do(fault(3, "partition"))
told["healed"].append(one.heal_all())
told["beside"].append(seen())
notes = list(other.notes._folder.glob("*.active"))
told["notes"] = len(notes)
for note in notes:
    note.unlink()
told["healed"].append(one.heal_all())
told["beside"].append(seen())
told["left"] = other.heal_all()
told["after"] = seen()
print(json.dumps(told))
"""


def sources() -> str:
    """What does faults, as a file that Python imports from; as text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("__init__.py", "contract/*.py", "contract/faults/*.py", "host_faults/*.py"):
            for file in (PROJECT / "zk_locust").glob(name):
                archive.write(file, file.relative_to(PROJECT))
    return base64.b64encode(packed.getvalue()).decode()


@pytest.mark.parametrize("do", ["bandwidth", "delay"])
def test_a_member_removes_nothing_of_another_of_its_host(lab: Lab, do: str) -> None:
    host = next(iter(lab.hosts.values()))
    host.put(sources(), f"{SOURCES}.base64")
    host.run(f"base64 -d {SOURCES}.base64 >{SOURCES}")
    own_network = ["unshare", "-n", "-m", "sh", "-c", 'mount -t sysfs none /sys && exec "$0" "$@"']
    done = host.run([*own_network, "python3", "-c", PROGRAM, SOURCES, do], timeout_s=120)
    host.run(f"rm {SOURCES} {SOURCES}.base64")
    told = json.loads(done.stdout)
    nothing = {"tables": [], "links": [], "shaped": False}
    assert told["before"] == told["after"] == nothing
    there = told["with"]
    assert len(there["tables"]) == 2
    assert there["links"]
    assert told["beside"] == [there] * 3
    assert told["notes"] == 2
    assert told["healed"] == [[[], []], [["run.3"], []], [[], []]]
    removed, problems = told["left"]
    assert problems == []
    # What is left without a note is its own, and goes.
    assert {*removed} == {*there["tables"], *there["links"], *(["here"] if there["shaped"] else [])}
