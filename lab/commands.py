"""Run commands, and report their failures as LabError."""

import subprocess
from collections.abc import Sequence
from pathlib import Path


class LabError(Exception):
    """The lab cannot do what was asked; the message names the cause and the remedy."""


class LabUnavailableError(LabError):
    """This machine cannot run a lab; the message names what is missing and the remedy."""


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | bytes = b"",
    check: bool = True,
    timeout_s: float | None = 60.0,
) -> "subprocess.CompletedProcess[str]":
    """Run a command and return its output as text. Raises LabError if it fails, unless `check` is false."""
    command = [str(word) for word in argv]
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=timeout_s)
    except FileNotFoundError as error:
        raise LabError(
            f"there is no command [{command[0]}]; install it with: sudo tools/install-packages lab"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"[{' '.join(command)}] did not end within {timeout_s:g} s") from error
    result = subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
    if check:
        require_success(result, f"[{' '.join(command)}]")
    return result


def require_success(done: "subprocess.CompletedProcess[str]", what: str) -> None:
    """Raise LabError with the end of the output if a command has failed; `what` names it."""
    if done.returncode != 0:
        said = tail(done.stderr or done.stdout, 15)
        raise LabError(f"{what} failed with code {done.returncode}\n{said}".rstrip())


def tail(text: str, lines: int) -> str:
    """Return the last lines of a text."""
    return "\n".join(text.rstrip().splitlines()[-lines:])
