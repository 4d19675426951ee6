"""Heals what was done to hosts on purpose, at once: usually they do that themselves at its deadline."""

import shlex
from collections.abc import Callable
from typing import Any

from fleet import leases
from fleet.endpoints import endpoint
from fleet.errors import HostError
from fleet.fault_hosts import DO_LIMIT_S, read_told
from fleet.hosts import Host, ask_all
from fleet.inventory import MEMBERS, WORKERS, Inventory
from fleet.load_hosts import folder_words
from fleet.members import faults_allowed, managed
from zk_locust.contract.plain_text import plain_line

_MOST_LINES = 100
_EACH = 'do [ ! -x "$run" ] || "$run" heal; done; echo {}'
_OF_MEMBER = f'for run in "$state/zookeeper/$member/faults/run"; {_EACH}'
_OF_RUNS = f'for run in "$folder"/runs/*/faults/run; {_EACH}'


def heal(inventory: Inventory, say: Callable[[str], None]) -> int:
    """Heal all faults of all members that may have one and of all load hosts, and report it to `say`.

    Returns 1 if one could not be healed, else 0.

    Raises InputError for an inventory that cannot be used.
    """
    members = list(inventory.group(MEMBERS)) if managed(inventory) or faults_allowed(inventory) else []
    of_load = list(inventory.group(WORKERS))
    names = [*members, *(name for name in of_load if name not in members)]

    def question(host: Host) -> dict[str, Any]:
        name = host.endpoint.name
        words = leases.state_words(str(inventory.hosts[name].get("zookeeper_state_dir") or ""))
        scripts = [f"{words}; member={shlex.quote(name)}; {_OF_MEMBER}"] if name in members else []
        if name in of_load:
            scripts.append(f"{folder_words(inventory.hosts[name])}; {_OF_RUNS}")
        healed: list[str] = []
        problems: list[str] = []
        for script in scripts:
            try:
                answer = host.run(script, limit_s=DO_LIMIT_S)
            except HostError as error:
                return {"healed": healed, "problems": [*problems, str(error)]}
            for line in answer.out.splitlines()[:_MOST_LINES]:
                told = read_told(line)
                if told is None or told.get("error"):
                    problems.append(str(told["error"]) if told else answer.reason)
                else:
                    healed += _texts(told.get("healed"))
                    problems += _texts(told.get("problems"))
        return {"healed": healed, "problems": problems}

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
        say("There is no fault at any host.")
    return 1 if problems else 0


def _texts(told: Any) -> list[str]:
    return [plain_line(str(each)) for each in told[:100]] if isinstance(told, list) else []
