"""Which clients speak TLS and SASL: a load that is asked to be protected is never driven without.

So this also says which client a scenario drives that names none.
"""

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Final

PROTECTING_CLIENT: Final = "kazoo"
# Each with its attribute of KazooOptions.
PROTECTING_PARAMETERS: Final = {
    "kazoo-tls": "tls",
    "kazoo-tls-ca": "tls_ca",
    "kazoo-tls-cert": "tls_cert",
    "kazoo-tls-key": "tls_key",
    "kazoo-sasl-options": "sasl",
}
# Clients other than kazoo would ignore these.
_KAZOO_ONLY: Final = frozenset(
    {*PROTECTING_PARAMETERS, "kazoo-tls-key-password", "kazoo-handler", "kazoo-create-client"}
)
REMEDY: Final = f"use the client {PROTECTING_CLIENT}, or leave that out"


def client_of_scenario(given: Iterable[str]) -> str:
    """Return the client of a scenario that names none: native, unless it sets a parameter that only kazoo has."""
    return PROTECTING_CLIENT if _KAZOO_ONLY & set(given) else "native"


def unprotected(client: str, given: Iterable[str]) -> str:
    """Return why a client cannot have the parameters of `given` (names without dashes); empty where it can."""
    asked = [name for name in PROTECTING_PARAMETERS if name in set(given)]
    if client == PROTECTING_CLIENT or not asked:
        return ""
    return f"it speaks neither TLS nor SASL, and {' and '.join(asked)} is set"


def remedy_for_run(parameters: Mapping[str, object] | None) -> str:
    """Return what a run of the playbooks is to be given, where `benchmark_parameters` has those of `parameters`.

    `-e` replaces the inventory's parameters, all of them, so it must name them again. None means that they cannot be
    shown: one of them is a secret.
    """
    remedy = f"set client: {PROTECTING_CLIENT} in benchmark_parameters, beside what is there"
    if parameters is None:
        return remedy
    complete = {"benchmark_parameters": {**parameters, "client": PROTECTING_CLIENT}}
    return f"{remedy}, or add -e {shlex.quote(json.dumps(complete))} to the command"
