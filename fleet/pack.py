"""Unpacks what a host has sent. The host is not trusted: it may be broken, or an attacker may control it.

Only regular files with plain names are taken. Each becomes a new file that is then renamed, so nothing outside the
folder is written. `tarfile` only parses headers: its readers trust sizes, sparse maps and extended headers, and what
they refuse depends on Python's version.
"""

import gzip
import os
import re
import secrets
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from zk_locust.contract.durable_files import is_left_over, sync_folder

MIB: Final = 2**20
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+=-]{0,98}")
_KINDS: Final = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.DIRTYPE: "a folder",
    tarfile.FIFOTYPE: "a FIFO",
}
_NO_CONTENT: Final = frozenset(_KINDS)
_NAMES_THE_NEXT: Final = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_DESCRIBES: Final = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_DESCRIPTION_LIMIT: Final = 64 * 1024
_ENTRIES: Final = 10_000
_SHOWN: Final = 80


class PackError(OSError):
    """A pack cannot be read to its end, or is larger than a host may send."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a host may send: bytes of each file, and of all together."""

    file: int = 2048 * MIB
    all: int = 8192 * MIB


@dataclass(slots=True)
class Unpacked:
    """The names that were taken; a line for each entry that was refused; the names of those that are too large."""

    taken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)

    def refuse(self, name: str, reason: str) -> None:
        """Note that an entry was refused, with its name made safe for a terminal."""
        self.refused.append(f"[{shown(name)}] was refused: {reason}")


def shown(name: str) -> str:
    """Return a name that a host gave, for screen and record: printable ASCII of bounded length."""
    clean = "".join(letter if " " <= letter <= "~" else "?" for letter in name[: _SHOWN + 1])
    return clean if len(clean) <= _SHOWN else f"{clean[:_SHOWN]}..."


def unpack(pack: Path, folder: Path, limits: Limits) -> Unpacked:
    """Take the files of a tar file, compressed or not, into a folder. Raises PackError, and OSError for the folder."""
    found = Unpacked()
    with pack.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        with gzip.GzipFile(fileobj=file) if is_compressed else file as content:
            _take_all(_Stream(content, limits.all), folder, limits, found)
    sync_folder(folder)
    return found


class _Stream:
    """What is in the pack, read from its beginning to its end, and no more than the limit of it."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._left = limit

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        try:
            content = self._source.read(min(size, self._left + 1))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise PackError(f"the pack is damaged ({error})") from None
        self._left -= len(content)
        if self._left < 0:
            raise PackError(
                f"its files are larger than {self._limit // MIB:,} MiB together; benchmark_collect_max_mib sets the"
                " limit"
            )
        return content

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes."""
        parts = []
        while size:
            part = self.read(size)
            if not part:
                raise PackError("the pack is damaged (it ends too early)")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def copy(self, size: int, target: IO[bytes] | None) -> None:
        """Read the content of an entry, and what fills its last block; write it to `target` where there is one."""
        left = size
        while left:
            part = self.exactly(min(left, MIB))
            if target is not None:
                target.write(part)
            left -= len(part)
        self.exactly(-size % tarfile.BLOCKSIZE)


def _take_all(stream: _Stream, folder: Path, limits: Limits, found: Unpacked) -> None:
    described: dict[str, str] = {}
    for _ in range(_ENTRIES):
        block = stream.exactly(tarfile.BLOCKSIZE)
        if not any(block):
            while stream.read(MIB):
                pass  # the checksum of a compressed pack is at its end
            return
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError) as error:
            raise PackError(f"the pack is damaged ({error})") from None
        if header.size < 0:
            raise PackError("the pack is damaged (a negative size)")
        if header.type in (*_DESCRIBES, *_NAMES_THE_NEXT):
            described |= _description(stream, header)
            continue
        _take(stream, header, described, folder, limits, found)
        described = {}
    raise PackError(f"it has more than {_ENTRIES:,} files")


def _description(stream: _Stream, header: tarfile.TarInfo) -> dict[str, str]:
    """Return `path` and `size` from an extended header, which precedes the file's own."""
    if header.size > _DESCRIPTION_LIMIT:
        raise PackError("the pack is damaged (a description of a file is too long)")
    content = stream.exactly(header.size)
    stream.exactly(-header.size % tarfile.BLOCKSIZE)
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    found = {}
    if header.type != tarfile.GNUTYPE_LONGLINK:
        while content:
            length, _, rest = content.partition(b" ")
            # At most five digits fit into the limit. A record counts itself: `<length> <key>=<value>\n`.
            if not length.isdigit() or len(length) > 5 or not len(length) + 1 < int(length) <= len(content):
                raise PackError("the pack is damaged (a description of a file cannot be read)")
            key, _, value = rest[: int(length) - len(length) - 1].partition(b"=")
            found[key.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
            content = content[int(length) :]
    return {key: value for key, value in found.items() if key in ("path", "size") or key.startswith("GNU.sparse")}


def _take(
    stream: _Stream, header: tarfile.TarInfo, described: dict[str, str], folder: Path, limits: Limits, found: Unpacked
) -> None:
    """Take or refuse one entry."""
    name = described.get("path", header.name).removeprefix("./")
    size = header.size
    if "size" in described:
        if not re.fullmatch(r"[0-9]{1,19}", described["size"]):
            raise PackError("the pack is damaged (a size cannot be read)")
        size = int(described["size"])
    if header.type in _NO_CONTENT:
        if header.type != tarfile.DIRTYPE or name.strip("/.") != "":
            found.refuse(name, f"it is {_KINDS[header.type]}")
        return
    reason = ""
    if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or any(key.startswith("GNU") for key in described):
        reason = "it is not a regular file"
    elif not _PLAIN.fullmatch(name):
        reason = "its name is not a plain file name"
    elif name in found.taken:
        reason = "there is another of that name"
    elif size > limits.file:
        reason = (
            f"it has {size // MIB:,} MiB, more than {limits.file // MIB:,} MiB; benchmark_collect_max_file_mib sets the"
            " limit"
        )
        found.too_large.append(name)
    if reason:
        if not is_left_over(name):
            found.refuse(name, reason)
        stream.copy(size, None)
        return
    new = folder / f".{secrets.token_hex(8)}.new"
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "wb") as target:
            stream.copy(size, target)
            target.flush()
            os.fsync(target.fileno())  # the host then removes its own copy
        new.replace(folder / name)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    found.taken.append(name)
