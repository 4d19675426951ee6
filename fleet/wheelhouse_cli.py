"""`zk-locust-wheelhouse`: names and gathers what load hosts install, for the role `load_host` and for people."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fleet.errors import FleetError
from fleet.wheelhouse import Kind, Wheelhouse


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the wheelhouses as a JSON object, by kind of host."""
    parser = argparse.ArgumentParser(prog="zk-locust-wheelhouse", description=main.__doc__)
    parser.add_argument("action", choices=["identify", "gather"], help="say the names, or make what is missing")
    parser.add_argument("--kind", action="append", required=True, help="Python and architecture, e.g. 3.13-x86_64")
    parser.add_argument("--cache", type=Path, default=_default_cache(), help="folder of the wheelhouses [%(default)s]")
    parser.add_argument("--wheels", type=Path, help="folder of wheels that stands in for the index")
    options = parser.parse_args(arguments)
    wheels = options.wheels.expanduser() if options.wheels else None
    try:
        houses = [Wheelhouse.of(Kind.parse(kind), options.cache.expanduser(), wheels) for kind in options.kind]
        if options.action == "gather":
            houses = [house.gather(wheels) for house in houses]
    except FleetError as error:
        print(error, file=sys.stderr)
        return 2
    described = {
        str(house.kind): {"environment": house.environment, "pack": str(house.pack), "wheel": str(house.wheel)}
        for house in houses
    }
    print(json.dumps(described, indent=1))
    return 0


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "zk-locust" / "wheelhouse"


if __name__ == "__main__":
    sys.exit(main())
