"""The folder of a benchmark's runs, with the scripted server in it."""

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.truth.scripted_server import compile_server


@contextmanager
def server_folder(parser: ArgumentParser, keep: Path | None) -> Iterator[tuple[Path, Path]]:
    """Return the folder and the compiled server; without `keep` the folder is a temporary one.

    Exits with the remedy if the folder is not empty, or if there is no C compiler.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"--keep [{folder}]: it is not empty; name another folder")
        program = compile_server(folder)
        if program is None:
            sys.exit("the scripted server needs a C compiler: apt install gcc libc6-dev")
        yield folder, program
