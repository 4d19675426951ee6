"""What the role load_host puts on a host for `fab`, without a whole provision phase: the launcher and what it needs."""

import io
import json
import subprocess
import sysconfig
import tarfile
from pathlib import Path
from typing import Any

from tests.lab import Host

PROJECT = Path(__file__).parents[2]
PROGRAM = "/opt/fab-test"
SLEEPER = ["/usr/bin/python3", "-c", "import time; time.sleep(300)"]
LAUNCHER = f'#!/bin/sh\nPYTHONPATH={PROGRAM} exec /usr/bin/python3 -m zk_locust.cli host-run "$@"\n'


def provision(host: Host, folder: str = "/var/lib/zk-locust/load") -> None:
    """Bring zk_locust and the two packages that its command line loads, and the launcher. All of it is root's."""
    packages = Path(sysconfig.get_path("purelib"))
    pack = io.BytesIO()
    with tarfile.open(fileobj=pack, mode="w:gz") as archive:
        for source in (PROJECT / "zk_locust", packages / "psutil", packages / "yaml"):
            archive.add(source, source.name, filter=lambda file: None if "__pycache__" in file.name else file)
    _as_root(host, f"mkdir -p {PROGRAM} && tar -xz -C {PROGRAM} --no-same-owner", pack.getvalue())
    launcher = f"{folder}/host-run"
    script = f"install -d -m 0750 {folder} {folder}/runs && cat > {launcher} && chmod 0755 {launcher}"
    _as_root(host, script, LAUNCHER.encode())


def start_run(host: Host, run_id: str, processes: list[str], folder: str = "/var/lib/zk-locust/load") -> None:
    """Start processes that sleep, as the run phase starts Locust's."""
    spec: dict[str, Any] = {
        "run_id": run_id,
        "owner": "ada@desk",
        "folder": f"{folder}/runs/{run_id}",
        "lock": f"{folder}/lock",
        "deadline_s": 120,
        "processes": [{"name": name, "arguments": SLEEPER} for name in processes],
        "leader": "master" if "master" in processes else None,
    }
    file = f"{folder}/runs/{run_id}/spec.json"
    script = f"mkdir -p {folder}/runs/{run_id} && cat > {file} && {folder}/host-run start --spec {file}"
    _as_root(host, script, json.dumps(spec).encode())


def remove(host: Host, folder: str = "/var/lib/zk-locust/load") -> None:
    """Leave the host as it was."""
    _as_root(
        host,
        f'for run in {folder}/runs/*/; do [ -d "$run" ] && {folder}/host-run stop --folder "$run"; done; '
        f"rm -rf {folder} {PROGRAM}",
    )


def _as_root(host: Host, script: str, given: bytes = b"") -> None:
    command = [
        "ssh",
        "-i",
        str(host.ssh_dir / "id_ed25519"),
        "-o",
        f"UserKnownHostsFile={host.ssh_dir / 'known_hosts'}",
    ]
    done = subprocess.run(
        [*command, f"root@{host.address}", script], input=given, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
