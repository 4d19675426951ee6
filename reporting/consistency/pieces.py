"""Temporary files between the two passes of a check: the records, spread by node."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from reporting.consistency.child_names import NAME
from reporting.consistency.nodes import CHILD, RECORD

Array = np.ndarray[Any, Any]

PIECE_RECORDS: Final = 400_000
_MOST_PIECES: Final = 512
_WORK: Final = ".consistency-"


@contextlib.contextmanager
def work_folder(run: Path) -> Iterator[Path]:
    """A folder for temporary files: in the run's folder, where there is room for its files; or the system's.

    A report that was killed has left its own in the run's folder: it is removed here. Raises OSError.
    """
    for left in run.glob(f"{_WORK}*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        made = tempfile.TemporaryDirectory(prefix=_WORK, dir=run)
    except OSError:  # it cannot be written
        made = tempfile.TemporaryDirectory(prefix=_WORK)
    with made as folder:
        yield Path(folder)


class Pieces:
    """Records spread over temporary files, so that all of a node are in one, and each fits into memory.

    Changes of children, by their parents' keys, have files of their own: their records are shorter. So have their
    names, which only lists of children need.
    """

    def __init__(self, folder: Path, records: int) -> None:
        wanted = min(max(records * 3 // 2 // PIECE_RECORDS, 1), _MOST_PIECES)
        self._bits = (wanted - 1).bit_length()
        self._again: list[Path] = []
        self._files = {
            kind: [folder / f"{number}{ending}" for number in range(1 << self._bits)]
            for kind, ending in ((RECORD, ""), (CHILD, "-children"), (NAME, "-names"))
        }

    def take(self, rows: Array) -> None:
        """Take records of one of the kinds."""
        if not len(rows):
            return
        if not self._bits:
            self._append(0, rows)
            return
        number = (rows["key"] >> np.uint64(64 - self._bits)).astype(np.int64)
        order = np.argsort(number, kind="stable")
        pieces = 1 << self._bits
        bounds = np.searchsorted(number[order], np.arange(pieces + 1))
        rows = rows[order]
        for piece in range(pieces):
            if bounds[piece] < bounds[piece + 1]:
                self._append(piece, rows[bounds[piece] : bounds[piece + 1]])

    def _append(self, piece: int, rows: Array) -> None:
        with self._files[rows.dtype][piece].open("ab") as file:
            file.write(rows.tobytes())

    def each(self) -> Iterator[tuple[Array, Array, Array]]:
        """Yield the records of each piece, the changes of children and their names, and remove its files."""
        for own in zip(*self._files.values(), strict=True):
            if any(file.exists() for file in own):
                self._records_file = own[0]
                yield _records(own[0], RECORD), _records(own[1], CHILD), _records(own[2], NAME)
                for file in own:
                    if file not in self._again:
                        file.unlink(missing_ok=True)

    def keep(self) -> None:
        """Keep the records of the piece that `each` has yielded last."""
        self._again.append(self._records_file)

    def kept(self) -> Iterator[Array]:
        """Yield the records of each piece that was kept."""
        return (_records(file, RECORD) for file in self._again)


def _records(file: Path, kind: np.dtype[Any]) -> Array:
    return np.memmap(file, kind, "r") if file.exists() else np.zeros(0, kind)
