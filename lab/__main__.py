"""`python -m lab up|down|status|image|wheels`: the lab from the command line, and from the Makefile."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import prerequisites, record
from lab.commands import LabError
from lab.image import ensure_images, remove_images
from lab.lab import Lab
from lab.plan import RELEASES, LabOptions
from lab.wheels import ensure_wheels


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m lab", description="Real hosts, made on this one machine.")
    commands = top.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="make the hosts and write an inventory")
    down = commands.add_parser("down", help="remove every trace of them")
    status = commands.add_parser("status", help="say which hosts run")
    image = commands.add_parser("image", help="make the root file systems that are missing, as a lab-up would")
    commands.add_parser("wheels", help="gather the wheels that controllers on bare hosts install, after `image`")
    for command in (up, down, status):
        command.add_argument("--name", default="lab", help="several labs may stand side by side (default: lab)")
    up.add_argument("--members", type=int, default=3, help="ZooKeeper members, zk1, … (3)")
    up.add_argument("--observers", type=int, default=0, help="further members that only observe (0)")
    up.add_argument("--workers", type=int, default=2, help="hosts for Locust workers, load2, … (2)")
    up.add_argument("--release", choices=RELEASES, help="Debian of all hosts (12, and 13 on the last worker host)")
    up.add_argument("--on", action="append", default=[], metavar="HOST=RELEASE", help="Debian of one host: load3=13")
    up.add_argument("--inventory", type=Path, help="where to write the inventory (inventory/lab)")
    image.add_argument("--release", action="append", choices=RELEASES, help="only this release")
    for command in (up, image):
        command.add_argument("--mirror", help="Debian's archive to take packages from (the one of this machine's apt)")
    down.add_argument("--images", action="store_true", help="remove the root file systems too")
    return top


def options_from(arguments: argparse.Namespace) -> LabOptions:
    """Return the lab that the command line asks for. Raises LabError on a word that it cannot read."""
    on: dict[str, str] = {}
    for word in arguments.on:
        host, equals, release = word.partition("=")
        if not equals:
            raise LabError(f"--on [{word}] must name a host and a release: --on load3=13")
        on[host] = release
    sizes = {name: getattr(arguments, name) for name in ("members", "observers", "workers")}
    return LabOptions(name=arguments.name, release=arguments.release, on=on, **sizes)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def _up(arguments: argparse.Namespace) -> int:
    begin = time.monotonic()
    lab = Lab.up(options_from(arguments), inventory_path=arguments.inventory, mirror=arguments.mirror, say=say)
    for host in lab.hosts.values():
        say(f"  {host.name:<8} {host.role:<9} {host.address:<15} Debian {host.release}")
    say(f"{len(lab.hosts)} hosts answer after {time.monotonic() - begin:.1f} s. Inventory: {lab.inventory}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    begin = time.monotonic()
    if Lab.down_by_name(arguments.name):
        say(f"The lab [{arguments.name}] is gone after {time.monotonic() - begin:.1f} s.")
    else:
        say(f"There is no lab [{arguments.name}].")
    if arguments.images:
        others = record.names()
        if others:
            raise LabError(f"the root file systems stay: other labs stand on them: {', '.join(others)}")
        remove_images()
        say("The root file systems are gone.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    lab = Lab.load(arguments.name)
    down = 0
    for host in lab.hosts.values():
        answers = host.running and host.ssh("true", connect_timeout_s=2).returncode == 0
        down += not answers
        state = "answers" if answers else "runs, does not answer" if host.running else "does not run"
        say(f"  {host.name:<8} {host.role:<9} {host.address:<15} Debian {host.release}  {state}")
    return 1 if down else 0


def _image(arguments: argparse.Namespace) -> int:
    prerequisites.require()
    ensure_images(arguments.release or RELEASES, say, arguments.mirror)
    return 0


def _wheels(_: argparse.Namespace) -> int:
    ensure_wheels(RELEASES, say)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    arguments = parser().parse_args(argv)
    act = {"up": _up, "down": _down, "status": _status, "image": _image, "wheels": _wheels}[arguments.command]
    try:
        return act(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; what was being made is removed", file=sys.stderr)
        return 130


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)  # ended from outside, as by Ctrl-C: what was begun is removed
    sys.exit(main())
