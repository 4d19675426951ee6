"""What the manifest records of an inventory: the variables that users set, without secrets."""

import re
from collections.abc import Mapping
from typing import Any, Final

from zk_locust.contract.secrets import redacted

_CONTRACT: Final = re.compile(r"(zookeeper|locust|benchmark|load_host)_\w+|ansible_(host|port|user|connection)")
# Facts that our own roles have set while they worked.
_WORKING_FACT: Final = re.compile(
    r"(?!benchmark_run_time$)benchmark_(collect|run|plan)(_\w+)?|zookeeper_(result|serves|checked|compared|before|status|answer|host_probe|problems|warnings)"
    r"|load_host_(folder|found|probe|interpreter|workers|versions|master_address|run_command|kind|environment)"
)


def contract_variables(hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return each host's variables of the inventory contract, secrets removed."""
    return {
        name: {
            key: redacted(key, variables[key])
            for key in sorted(variables)
            if _CONTRACT.fullmatch(key) and not _WORKING_FACT.fullmatch(key)
        }
        for name, variables in hostvars.items()
    }
