"""The wheelhouse: everything that load hosts install, gathered once on the controller.

Load hosts need no index. For each kind of load host (Python version and architecture) the controller gathers the wheels
that `requirements/load_host.txt` pins, and builds the project's own wheel. The name of an environment is a hash of its
pins and sources.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

from fleet.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "requirements" / "load_host.txt"
SOURCES = ("pyproject.toml", "README.md", "zk_locust", "collectors", "reporting", "fleet")
# Wheels are built for the oldest glibc that they run with: 2.28 is that of 2018 (Debian 10, RHEL 8).
_GLIBC = ("2_5", "2_12", "2_17", "2_24", "2_26", "2_27", "2_28")
_OLD_NAMES = {"x86_64": ("manylinux1", "manylinux2010", "manylinux2014"), "aarch64": ("manylinux2014",)}
_HASH_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of load host: its Python (`3.13`) and its architecture (`x86_64`), as `platform.machine()` says it."""

    python: str
    machine: str

    @classmethod
    def parse(cls, text: str) -> Kind:
        """Read `3.13-x86_64`. Raises InputError for anything else."""
        match = re.fullmatch(r"(3\.\d+)-(\w+)", text)
        if match is None:
            raise InputError(f"kind of load host [{text}]: it must be a Python and an architecture, e.g. 3.13-x86_64")
        return cls(*match.groups())

    def __str__(self) -> str:
        return f"{self.python}-{self.machine}"

    @property
    def tags(self) -> list[str]:
        """The arguments that make pip choose wheels for this kind instead of its own."""
        abi = "cp" + self.python.replace(".", "")
        names = [f"{old}_{self.machine}" for old in _OLD_NAMES.get(self.machine, ())]
        names += [f"manylinux_{glibc}_{self.machine}" for glibc in _GLIBC] + [f"linux_{self.machine}"]
        arguments = ["--python-version", self.python, "--implementation", "cp"]
        for tag in (abi, "abi3", "none"):
            arguments += ["--abi", tag]
        for name in names:
            arguments += ["--platform", name]
        return arguments


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """What the hosts of one kind install: names that follow from the content, and where the controller keeps it.

    `environment` names the environment; `pack` is a tar file with the wheels of the pins; `wheel` is the project's own.
    """

    kind: Kind
    environment: str
    pack: Path
    wheel: Path

    @classmethod
    def of(cls, kind: Kind, cache: Path, wheels: Path | None = None) -> Wheelhouse:
        """Name the wheelhouse of a kind; nothing is gathered.

        `cache` is the controller's folder for wheelhouses. `wheels` is a folder of wheels that stands in for the index,
        for a site without one.
        """
        if wheels is not None and not wheels.is_dir():
            raise InputError(f"load_host_wheels [{wheels}]: there is no such folder on the controller; name another")
        # Not what the folder holds: each wheel that is taken has a hash of the pins, wherever it comes from.
        pins = _digest([pins_for(kind).encode()])
        project = _digest(_source_contents())
        return cls(
            kind=kind,
            environment=f"py{kind}-{_digest([pins.encode(), project.encode()])}",
            pack=cache / f"wheels-{kind}-{pins}.tar",
            wheel=cache / f"project-{project}" / "wheel",
        )

    def gather(self, wheels: Path | None = None) -> Wheelhouse:
        """Download and build what is not there yet, and return the wheelhouse with the project wheel's own path."""
        self.pack.parent.mkdir(parents=True, exist_ok=True)
        if not self.pack.exists():
            _make_pack(self.kind, self.pack, wheels)
        if not self.wheel.exists():
            _build_wheel(self.wheel)
        (built,) = self.wheel.glob("*.whl")
        return Wheelhouse(self.kind, self.environment, self.pack, built)


def pins_for(kind: Kind, pins: Path | None = None) -> str:
    """Return the pins that apply on a kind of host, without their markers: pip judges those by its own Python.

    `pins` is another file than that of load hosts.
    """
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": kind.machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{kind.python}.0",
        "python_version": kind.python,
        "sys_platform": "linux",
        "extra": "",
    }
    kept = []
    for requirement in _requirements((pins or PINS).read_text(encoding="utf-8")):
        head, _, hashes = requirement.partition("\\\n")
        name, _, marker = (part.strip() for part in head.partition(";"))
        if not marker or Marker(marker).evaluate(environment):
            kept.append(f"{name} \\\n{hashes}")
    return "\n".join(kept) + "\n"


def _requirements(text: str) -> Iterator[str]:
    """Yield each requirement with the lines of its hashes, comments removed."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    yield from re.findall(r"^\S.*(?:\n\s+.*)*", "\n".join(lines), flags=re.MULTILINE)


def _digest(contents: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for content in contents:
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:_HASH_LENGTH]


def _source_contents() -> Iterator[bytes]:
    for file in _source_files():
        if file.suffix == ".md":
            continue  # the wheel shows it, and nothing runs it
        yield str(file.relative_to(ROOT)).encode()
        yield file.read_bytes()


def _source_files() -> list[Path]:
    if not (ROOT / "pyproject.toml").exists():
        raise InputError(f"zk-locust [{ROOT}]: this is no checkout, so there is nothing to build for load hosts")
    files = []
    for name in SOURCES:
        source = ROOT / name
        files += [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]
    return sorted(file for file in files if "__pycache__" not in file.parts)


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target`; its entry `made` becomes `target` at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
        yield Path(work)
        made = Path(work) / "made"
        if made.is_dir() and target.exists():
            return  # another controller was faster with the same content
        made.replace(target)


def _make_pack(kind: Kind, pack: Path, wheels: Path | None) -> None:
    with _appearing(pack) as work:
        pins = work / "pins.txt"
        pins.write_text(pins_for(kind), encoding="utf-8")
        folder = work / "wheels"
        index = [] if wheels is None else ["--no-index", "--find-links", str(wheels)]
        options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", *index, *kind.tags]
        _pip(f"the wheels for {kind}", ["download", *options, "--requirement", str(pins), "--dest", str(folder)])
        with tarfile.open(work / "made", "w") as archive:
            for file in sorted(folder.iterdir()):
                archive.add(file, arcname=file.name)


def _build_wheel(target: Path) -> None:
    with _appearing(target) as work:
        # A copy: setuptools would leave its own files in the checkout, and take stale ones from there.
        copy = work / "sources"
        for file in _source_files():
            destination = copy / file.relative_to(ROOT)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, destination)
        options = ["--no-deps", "--no-build-isolation", "--no-index"]
        _pip("the project's wheel", ["wheel", *options, "--wheel-dir", str(work / "made"), str(copy)])


def _pip(what: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    if done.returncode == 0:
        return
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
    raise InputError(
        f"{what} could not be gathered on the controller: {' '.join(errors[-2:])}; give the controller a way to the"
        " Python index (pip's own configuration applies), or set load_host_wheels to a folder that holds the wheels"
    )
