"""Which clients speak TLS and SASL: a load that is asked to be protected is never driven without."""

from collections.abc import Iterable
from typing import Final

PROTECTING_CLIENT: Final = "kazoo"
PROTECTING_PARAMETERS: Final = ("kazoo-tls", "kazoo-tls-ca", "kazoo-tls-cert", "kazoo-tls-key", "kazoo-sasl-options")
REMEDY: Final = f"use the client {PROTECTING_CLIENT}, or leave that out"


def unprotected(client: str, given: Iterable[str]) -> str:
    """Return why a client cannot have the parameters of `given` (names without dashes); empty where it can."""
    asked = [name for name in PROTECTING_PARAMETERS if name in set(given)]
    if client == PROTECTING_CLIENT or not asked:
        return ""
    return f"it speaks neither TLS nor SASL, and {' and '.join(asked)} is set"
