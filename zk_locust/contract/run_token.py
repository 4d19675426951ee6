"""The secret that the processes of one run share, and the key pairs that follow from it.

Processes never exchange the token: master and workers derive the same two CurveZMQ key pairs from it
(https://rfc.zeromq.org/spec/26/) and prove that they have them. Each run of the playbooks makes a token; load hosts get
it by SSH, in the run's secrets file. If you start Locust by hand, set the variable for all processes, or for none.
"""

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.secrets import REDACTED

VARIABLE: Final = "ZK_LOCUST_RUN_TOKEN"
_TOKEN: Final = re.compile(r"[0-9a-fA-F]{64,}")


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A CurveZMQ key pair, in the text form of ZeroMQ (Z85)."""

    public: bytes
    secret: bytes


@dataclass(frozen=True, slots=True, repr=False)
class RunKeys:
    """The key pairs of a run's master and of its workers, which all have the same."""

    master: KeyPair
    worker: KeyPair


def new_token() -> str:
    """Return a token for a new run."""
    return secrets.token_hex(32)


def run_keys(environment: Mapping[str, str] | None = None) -> RunKeys | None:
    """Return the keys of this process's run, None where it has no token. Raises ConfigurationError for a weak token."""
    text = (os.environ if environment is None else environment).get(VARIABLE, "")
    if not text:
        return None
    if not _TOKEN.fullmatch(text):
        raise ConfigurationError(
            VARIABLE, REDACTED, "it is not a token", "set 64 hexadecimal digits, e.g. from `openssl rand -hex 32`"
        )
    token = bytes.fromhex(text[: len(text) // 2 * 2])
    return RunKeys(_pair(token, b"master"), _pair(token, b"worker"))


def _pair(token: bytes, role: bytes) -> KeyPair:
    import zmq  # whoever only makes a token needs none
    from zmq.utils import z85

    # Any 32 bytes are a secret key of Curve25519.
    secret = z85.encode(hmac.digest(token, b"zk-locust " + role, "sha256"))
    return KeyPair(zmq.curve_public(secret), secret)
