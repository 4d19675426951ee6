"""What a load comes to, without how it was said: two arms with the same have the same load."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zk_locust.contract.inventory.names import OVERRIDES
from zk_locust.contract.run_token import VARIABLE

VARIABLES: Final = frozenset(("benchmark_scenario", *(f"benchmark_{name}" for name in OVERRIDES)))
"""The variables that only the plan of a load reads."""
_DECIDE: Final = (
    *("users", "first_users", "spawn_rate", "warmup", "run_time_s", "parameters", "arrival", "user_stages", "faults"),
    *("dispatch", "members"),
)


def load_of(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides a load, of its plan: neither names and paths nor secrets, but the locustfile's content.

    Modules that the locustfile imports do not count.
    """
    file = Path(str(plan["locustfile"]))
    try:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:  # preflight names it
        content = ""
    return {name: plan[name] for name in _DECIDE} | {"locustfile": [file.name, content]}


def secrets_of(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return the secret parameters of a plan, without the token, which each run has of its own."""
    return {name: value for name, value in plan["secret_environment"].items() if name != VARIABLE}
