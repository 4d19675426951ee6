"""Heals what was done to members on purpose, at once: usually their hosts do that themselves at its deadline."""

import shlex
from collections.abc import Callable
from typing import Any

from fleet import leases
from fleet.endpoints import endpoint
from fleet.errors import HostError
from fleet.fault_hosts import DO_LIMIT_S, read_told
from fleet.hosts import Host, ask_all
from fleet.inventory import MEMBERS, Inventory
from fleet.members import managed
from zk_locust.contract.plain_text import plain_line

_SCRIPT = """
launcher="$state/zookeeper/$member/faults/run"
if [ -x "$launcher" ]; then exec "$launcher" heal; else echo {}; fi
"""


def heal(inventory: Inventory, say: Callable[[str], None]) -> int:
    """Heal all faults of all managed members, and report it to `say`; return 1 if one could not be healed, else 0.

    Raises InputError for an inventory that cannot be used.
    """
    names = list(inventory.group(MEMBERS)) if managed(inventory) else []

    def question(host: Host) -> dict[str, Any]:
        name = host.endpoint.name
        words = leases.state_words(str(inventory.hosts[name].get("zookeeper_state_dir") or ""))
        try:
            answer = host.run(f"{words}; member={shlex.quote(name)}{_SCRIPT}", limit_s=DO_LIMIT_S)
        except HostError as error:
            return {"problems": [str(error)]}
        told = read_told(answer.out)
        if told is None or told.get("error"):
            return {"problems": [str(told["error"]) if told else answer.reason]}
        return told

    answers = ask_all([endpoint(inventory.hosts[name]) for name in names], question)
    found = False
    problems = False
    for name, told in answers.items():
        for fault in _texts(told.get("healed")):
            say(f"  {name}: healed: {fault}")
            found = True
        for problem in _texts(told.get("problems")):
            say(f"  {name}: {problem}")
            problems = True
    if not found and not problems:
        say("There is no fault at any member.")
    return 1 if problems else 0


def _texts(told: Any) -> list[str]:
    return [plain_line(str(each)) for each in told[:100]] if isinstance(told, list) else []
