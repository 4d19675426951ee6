"""An ssh that takes the home that it is told for its user's: the real one asks the system, whatever HOME is."""

import shutil
from pathlib import Path

from tests.needs import missing


def make(home: Path) -> Path:
    """Write it into the home. It reads `.ssh/config` there and nothing of the tester's own."""
    ssh = shutil.which("ssh")
    if ssh is None:
        missing("needs ssh: apt install openssh-client")
    folder = home / ".ssh"
    (home / "ssh_config").write_text(
        f"Include {folder}/config\nHost *\n  UserKnownHostsFile {folder}/known_hosts {folder}/known_hosts2\n"
    )
    file = home / "ssh"
    # A -F that is given wins over this one.
    file.write_text(f'#!/bin/sh\nexec {ssh} -F {home}/ssh_config "$@"\n')
    file.chmod(0o755)
    return file
