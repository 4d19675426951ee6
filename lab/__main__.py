"""`python -m lab COMMAND`: the lab from the command line, and from the Makefile."""

import argparse
import functools
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import prerequisites, record
from lab.commands import LabError
from lab.host import Host
from lab.image import ensure_images, remove_images
from lab.lab import Lab
from lab.plan import RELEASES, LabOptions
from lab.wheels import ensure_wheels


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m lab", description="Make real hosts on this machine.")
    commands = top.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="make the hosts and write an inventory")
    down = commands.add_parser("down", help="remove the hosts and the inventory")
    status = commands.add_parser("status", help="show which hosts answer")
    image = commands.add_parser("image", help="make the root file systems that are missing; `up` does this too")
    commands.add_parser("wheels", help="download the wheels that a controller on a bare host installs; needs `image`")
    off = commands.add_parser("power-off", help="cut the power of a host: its processes end at once, its files stay")
    on = commands.add_parser("power-on", help="start a host that does not run")
    for command in (off, on):
        command.add_argument("host", help="its name, such as zk1")
    for command in (up, down, status, off, on):
        command.add_argument(
            "--name", default="lab", help="the name of the lab; several labs can run side by side (default: lab)"
        )
    up.add_argument("--members", type=int, default=3, help="ZooKeeper members, zk1, … (3)")
    up.add_argument("--observers", type=int, default=0, help="additional members that are observers (0)")
    up.add_argument("--workers", type=int, default=2, help="hosts for Locust workers, load2, … (2)")
    up.add_argument(
        "--release", choices=RELEASES, help="Debian release of all hosts (12, and 13 on the last worker host)"
    )
    up.add_argument(
        "--on", action="append", default=[], metavar="HOST=RELEASE", help="Debian release of one host, such as load3=13"
    )
    up.add_argument("--inventory", type=Path, help="folder of the inventory (inventory/lab)")
    image.add_argument("--release", action="append", choices=RELEASES, help="only this release")
    for command in (up, image):
        command.add_argument("--mirror", help="address of a Debian archive (the one that this machine's apt uses)")
    down.add_argument("--images", action="store_true", help="also remove the cached root file systems")
    return top


def options_from(arguments: argparse.Namespace) -> LabOptions:
    """Return the options that the command line gives. Raises LabError for a malformed `--on`."""
    on: dict[str, str] = {}
    for word in arguments.on:
        host, equals, release = word.partition("=")
        if not equals:
            raise LabError(f"--on [{word}]: give a host and a release, such as --on load3=13")
        on[host] = release
    sizes = {name: getattr(arguments, name) for name in ("members", "observers", "workers")}
    return LabOptions(name=arguments.name, release=arguments.release, on=on, **sizes)


say = functools.partial(print, flush=True)


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
        say(f"The lab [{arguments.name}] was removed in {time.monotonic() - begin:.1f} s.")
    else:
        say(f"There is no lab [{arguments.name}].")
    if arguments.images:
        others = record.names()
        if others:
            raise LabError(f"the root file systems were kept, because other labs use them: {', '.join(others)}")
        remove_images()
        say("The cached root file systems were removed.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    lab = Lab.load(arguments.name)
    down = 0
    for host in lab.hosts.values():
        answers = host.running and host.ssh("true", connect_timeout_s=2).returncode == 0
        down += not answers
        state = "answers" if answers else "runs, but does not answer" if host.running else "does not run"
        say(f"  {host.name:<8} {host.role:<9} {host.address:<15} Debian {host.release}  {state}")
    return 1 if down else 0


def _host_of(arguments: argparse.Namespace) -> Host:
    hosts = Lab.load(arguments.name).hosts
    if arguments.host not in hosts:
        raise LabError(f"the lab [{arguments.name}] has no host [{arguments.host}]; it has: {', '.join(hosts)}")
    return hosts[arguments.host]


def _power_off(arguments: argparse.Namespace) -> int:
    _host_of(arguments).power_off()
    return 0


def _power_on(arguments: argparse.Namespace) -> int:
    _host_of(arguments).start()
    return 0


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
    act = {
        **{"up": _up, "down": _down, "status": _status, "image": _image, "wheels": _wheels},
        **{"power-off": _power_off, "power-on": _power_on},
    }[arguments.command]
    try:
        return act(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; the unfinished lab was removed", file=sys.stderr)
        return 130


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)  # handled like Ctrl-C: an unfinished lab is removed
    sys.exit(main())
