"""The root file systems, one for each Debian release: made once by mmdebstrap, then read-only.

mmdebstrap takes half the time of debootstrap, and resolves dependencies by apt.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.commands import LabError, run, tail
from lab.mirror import own_mirror, own_proxies
from lab.mounts import remove_tree
from lab.places import cache_dir, locked
from lab.plan import RELEASES

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

ZOOKEEPER_PACKAGES = (
    # Installed in advance for roles/zookeeper, because hosts reach no mirror. The package `zookeeper` starts nothing.
    *("zookeeper", "default-jre-headless", "libservlet-api-java", "libslf4j-java", "liblog4j1.2-java"),
    # The C library that the client `libzookeeper` loads.
    "libzookeeper-st2",
)
PACKAGES = (
    # A minimal host: python3 without venv and pip, no compiler, no curl.
    *("apt", "systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "sudo", "iproute2", "procps", "nftables"),
    *ZOOKEEPER_PACKAGES,
)
_EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*/*", "/usr/share/locale/*", "/usr/share/maven-repo/*")
_HOOKS = Path(__file__).parent / "image_hooks"


def recipe_hash() -> str:
    """Return a hash of everything that decides what the root file systems contain."""
    hooks = [path.read_text() for path in sorted(_HOOKS.iterdir()) if path.is_file()]
    return hashlib.sha256(json.dumps([PACKAGES, _EXCLUDED, hooks]).encode()).hexdigest()[:12]


def image_path(release: str) -> Path:
    """Return the folder of the release's root file system, which may not exist yet."""
    return cache_dir() / f"{release}-{recipe_hash()}"


def ensure_images(releases: Iterable[str], say: Callable[[str], None], mirror: str | None = None) -> None:
    """Make the missing root file systems in parallel. Raises LabError with the last lines of the log."""
    wanted = sorted(set(releases))
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        for future in [pool.submit(_ensure, release, say, mirror) for release in wanted]:
            future.result()


def remove_images() -> None:
    """Remove the cache."""
    remove_tree(cache_dir())


def _ensure(release: str, say: Callable[[str], None], mirror: str | None) -> None:
    final = image_path(release)
    if final.is_dir():
        return
    cache_dir().mkdir(parents=True, exist_ok=True)
    with locked(f"image-{release}"):
        if final.is_dir():  # another process has made it meanwhile
            return
        for stale in cache_dir().glob(f"{release}-*.building"):
            remove_tree(stale)
        say(f"Making the root file system of Debian {release}, this takes one or two minutes, once …")
        begin = time.monotonic()
        building = final.with_name(f"{final.name}.building")
        try:
            _make(release, building, mirror or own_mirror())
            building.rename(final)
            _remove_older(release, final)
        finally:
            remove_tree(building)
        say(f"Debian {release} is ready after {time.monotonic() - begin:.0f} s: {final}")


def _remove_older(release: str, newest: Path) -> None:
    # A root file system in use is the lower layer of the mounts of a lab's hosts.
    mounted = Path("/proc/self/mountinfo").read_text()
    for path in cache_dir().glob(f"{release}-*"):
        if path != newest and path.is_dir() and f"lowerdir={path}," not in mounted:
            remove_tree(path)


def _make(release: str, folder: Path, mirror: str) -> None:
    log = cache_dir() / f"{release}.log"
    command = [
        *("mmdebstrap", "--mode=root", "--variant=essential", "--format=directory", "--components=main"),
        *(f"--keyring={KEYRING}", f"--include={','.join(PACKAGES)}", *own_proxies()),
        '--aptopt=Acquire::Retries "3"',
        # The folder becomes an image only when it is complete, so nothing has to be synced before.
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
        f"--essential-hook={_HOOKS / 'before-packages'}",
        f"--customize-hook={_HOOKS / 'after-packages'}",
        *(RELEASES[release], str(folder), mirror),
    ]
    done = run(command, check=False, timeout_s=1800)
    log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        raise LabError(
            f"the root file system of Debian {release} could not be made from [{mirror}]; the log is in {log}\n"
            + tail(done.stderr, 10)
        )
