"""Keeps the memory of large files from staying with the process after it was freed. Does nothing without glibc.

Files are read in many small parts, and frames are copied column by column. By default, glibc keeps what is freed
between that which is still in use, and a report of a day would take a third more memory.
"""

import contextlib
import ctypes
from typing import Final

_MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE_BYTES: Final = 256 * 1024


def map_large_blocks() -> None:
    """Have the kernel take back each large block as soon as it is freed."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)


def release() -> None:
    """Return the free memory between small blocks."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
