"""A load host imports nothing that only the controller needs."""

import subprocess
import sys

PROGRAM = """
import sys
for name in ("pydantic", "pandas", "ansible", "rich", "fabric", "invoke", "reporting", "fleet"):
    sys.modules[name] = None  # an import of it fails
from zk_locust import cli
assert cli.main(["versions"]) == 0
import zk_locust.agent.control, zk_locust.agent.overview, zk_locust.agent.spec, zk_locust.agent.supervisor
import zk_locust.locustfiles.locust_sequence, zk_locust.locustfiles.locust_workload
try:
    import zk_locust.workload.scenarios
except ImportError:
    print("only the controller needs it")
"""


def test_what_a_load_host_runs_needs_nothing_of_the_controller() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "only the controller needs it" in done.stdout
