"""An ssh with a given home folder: the real one asks the system for it and ignores HOME."""

import shutil
from pathlib import Path

from tests.needs import missing


def make(home: Path) -> Path:
    """Write this ssh into the home. It reads only `.ssh/config` there, and no settings of the tester."""
    ssh = shutil.which("ssh")
    if ssh is None:
        missing("needs ssh: apt install openssh-client")
    folder = home / ".ssh"
    (home / "ssh_config").write_text(
        f"Include {folder}/config\nHost *\n  UserKnownHostsFile {folder}/known_hosts {folder}/known_hosts2\n"
    )
    file = home / "ssh"
    # A -F in the arguments overrides this one.
    file.write_text(f'#!/bin/sh\nexec {ssh} -F {home}/ssh_config "$@"\n')
    file.chmod(0o755)
    return file
