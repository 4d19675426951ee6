"""Small files that survive a power loss: replaced at once, synced, and read only where they are regular files.

A file that is renamed without fsync(2) may be empty after a power loss, and one that is synced without its folder may
be the old one (rename(2), fsync(2)). Opening a FIFO waits for a writer, so nothing here opens one to wait. Modules on
hosts use this file too: Python 3.9, standard library only.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any, Final

READ_LIMIT: Final = 64 * 2**20
_BLOCK_BYTES: Final = 4096
_NOT_REGULAR: Final = "it is not a regular file"


class DamagedFileError(OSError):
    """A file does not hold what was written, e.g. after a power loss or on a full disk."""


class NotRegularFileError(OSError):
    """A FIFO, a folder or a device is where a file should be."""


def write_text(file: Path, text: str) -> None:
    """Replace a file at once, and have it on the disk before this returns. Writers may be several."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def padded(text: str, growth_bytes: int = 0) -> str:
    """Return text that fills blocks of a disk, with room for `growth_bytes` more: `overwrite` needs no other."""
    blocks = -(-(len(text.encode()) + growth_bytes + 1) // _BLOCK_BYTES)
    return text + " " * (blocks * _BLOCK_BYTES - len(text.encode()) - 1) + "\n"


def overwrite(file: Path, text: str) -> bool:
    """Write over a padded file where a full disk has no room for a new one; return whether a reader sees the text now.

    It is one write within blocks that the file has already, so there is no half of it.
    """
    content = text.rstrip().encode()
    try:
        with file.open("r+b", buffering=0) as target:
            there = target.seek(0, os.SEEK_END)
            if len(content) >= there:
                return False
            target.seek(0)
            target.write(content.ljust(there - 1) + b"\n")
    except OSError:
        return False
    return True


def is_left_over(name: str) -> bool:
    """Whether a file of this name is what `write_text` leaves where its process is killed."""
    return name.startswith(".") and name.endswith(".new")


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(file: Path, flags: int, mode: int = 0o600) -> int:
    """Open a regular file, without waiting; return the descriptor. Raises NotRegularFileError for anything else."""
    try:
        descriptor = os.open(file, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENXIO):  # a folder; a socket, or a FIFO that nobody reads
            reason = os.strerror(error.errno) if error.errno == errno.EISDIR else _NOT_REGULAR
            raise NotRegularFileError(error.errno, reason, str(file)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularFileError(errno.EINVAL, _NOT_REGULAR, str(file))
    return descriptor


def read_text(file: Path) -> str:
    """Return the text of a regular file. Raises OSError."""
    with os.fdopen(open_regular(file, os.O_RDONLY), "rb") as source:
        content = source.read(READ_LIMIT + 1)
    if len(content) > READ_LIMIT:
        raise DamagedFileError(f"{file} is larger than {READ_LIMIT // 2**20} MiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise DamagedFileError(f"{file} is damaged: it is not UTF-8") from None


def read_object(file: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, None where there is no file.

    Raises DamagedFileError where it holds something else, for whoever treats it as missing to say so; else OSError.
    """
    try:
        content = json.loads(read_text(file))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise DamagedFileError(f"{file} is empty or damaged, as after a power loss or on a full disk")
    return content


def read_object_if_sound(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty where there is none that can be read."""
    try:
        return read_object(file) or {}
    except OSError:
        return {}
