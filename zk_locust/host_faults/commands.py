"""Runs other programs of the host, with a limit."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from zk_locust.host_faults.errors import FaultError


def run(words: Sequence[str], limit_s: float, text: str = "") -> str:
    """Run a program with `text` as its input; return what it prints. Raises FaultError where it fails."""
    try:
        done = subprocess.run(
            list(words), input=text, capture_output=True, text=True, errors="replace",
            timeout=limit_s, check=False, cwd="/",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FaultError(f"{words[0]} did not end within {limit_s:g} s") from None
    except OSError as error:
        raise FaultError(f"{words[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise FaultError(f"{words[0]} failed: {said}")
    return done.stdout
