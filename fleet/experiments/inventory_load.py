"""What an inventory says about the load of every run: beside an arm's variables, it decides what noise applies to."""

import json
from typing import Any, Final

from fleet.inventory import Inventory
from zk_locust.contract.inventory.preflight import scenario_request
from zk_locust.contract.secrets import redacted

_OF_MEMBERS: Final = "zookeeper_properties"


def variables_of(inventory: Inventory) -> dict[str, Any]:
    """Return the variables of the load that the inventory sets, the scenario, and the members' properties.

    What is secret is hidden, so that it can be kept.
    """
    request = scenario_request(inventory.controller, "", managed=True)
    found = {f"benchmark_{name}": value for name, value in request["overrides"].items()}
    found["benchmark_scenario"] = request["scenario"]
    members = (inventory.hosts[host] for host in inventory.contract_hosts)
    found |= next(({_OF_MEMBERS: member[_OF_MEMBERS]} for member in members if _OF_MEMBERS in member), {})
    plain: dict[str, Any] = json.loads(json.dumps(redacted("variables", found), default=str))
    return plain
