"""Fetches a host's file in parts, so that a host cannot fill the controller's disk or memory.

A command prints each part as base64: this works as another user, and no terminal changes the content.
"""

import base64
import binascii
import contextlib
import resource
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

MIB: Final = 2**20
_PART: Final = 4 * MIB
_MEMORY: Final = 256 * MIB
_BEGIN: Final = "zk-locust-file-part"


class FetchError(OSError):
    """A file cannot be fetched, or is larger than a host may send."""


def bring_file(ask: Callable[[str], Mapping[str, Any]], *, src: str, dest: Path, max_mib: int = 8192) -> dict[str, Any]:
    """Fetch `src` of a host, at most `max_mib`, to `dest` here; return `dest`. Raises FetchError.

    There is no checksum; the format of the file must show whether it is cut off.
    """
    try:
        fetch(ask, src, dest, max_mib)
    except FetchError as error:
        raise FetchError(f"{src} could not be fetched: {error}") from error
    except OSError as error:
        raise FetchError(f"{dest} cannot be written: {error}") from error
    return {"changed": True, "dest": str(dest)}


def fetch(ask: Callable[[str], Mapping[str, Any]], source: str, target: Path, max_mib: int) -> None:
    """Fetch a file to `target`. Raises FetchError, or what `ask` raises, and then leaves no target.

    `ask` runs a text in the host's shell and returns `rc`, `stdout` and `stderr`.
    """
    try:
        with target.open("wb") as file:
            _copy(ask, source, file, max_mib)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy(ask: Callable[[str], Mapping[str, Any]], source: str, file: IO[bytes], max_mib: int) -> None:
    limit, done = max_mib * MIB, 0
    too_large = FetchError(
        f"it is larger than {max_mib:,} MiB (benchmark_collect_max_mib [{max_mib}]); see why it is so large, or set"
        " benchmark_collect_max_mib higher and run playbooks/collect.yml"
    )
    while True:
        wanted = min(_PART, limit + 1 - done)
        try:
            with _little_memory():
                part = _part(ask(_command(source, done, wanted)), wanted)
        except MemoryError:
            raise FetchError("the host sends more than it was asked for; see what has become of that host") from None
        done += len(part)
        if done > limit:
            raise too_large
        file.write(part)
        if len(part) < wanted:
            return


def _command(source: str, offset: int, size: int) -> str:
    name = shlex.quote(source)
    return f"test -f {name} && {{ echo {_BEGIN}; tail -c +{offset + 1} | head -c {size} | base64; }} <{name}"


def _part(answer: Mapping[str, Any], wanted: int) -> bytes:
    # A login may print something before.
    before, begin, text = str(answer["stdout"]).partition(_BEGIN)
    if answer["rc"] != 0 or not begin:
        said = (str(answer["stderr"]).strip() or before.strip()).splitlines()
        raise FetchError(said[-1] if said else "it is not there, or not a regular file")
    try:
        part = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise FetchError("the host sent other data than the file") from None
    if len(part) > wanted:
        raise FetchError("the host sends more than it was asked for; see what has become of that host")
    return part


@contextlib.contextmanager
def _little_memory() -> Iterator[None]:
    """Limit the memory of this process, because a connection keeps everything that a host sends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    status = Path("/proc/self/status")
    used = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmData:")]
    limit = int(used[0]) * 1024 + _MEMORY
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
