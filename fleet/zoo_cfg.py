"""What ZooKeeper takes in zoo.cfg: values that would end a member at its start, or that it would ignore without a word.

Sources: `QuorumPeerConfig.parseProperties` (a value that it cannot parse ends the server) and the administrator's guide
(of other keys a value that is no number is replaced by the default in silence, which would make a benchmark's record
false). Keys that are not named here are passed on as they are.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from zk_locust.contract.secrets import redacted

_MAX_INT: Final = 2**31 - 1
_MAX_LONG: Final = 2**63 - 1

# Key to the least and the greatest number.
_NUMBERS: Final[dict[str, tuple[int, int]]] = {
    **dict.fromkeys(("tickTime", "initLimit", "syncLimit"), (1, _MAX_INT)),
    **dict.fromkeys(("minSessionTimeout", "maxSessionTimeout", "clientPortListenBacklog"), (-1, _MAX_INT)),
    **dict.fromkeys(("secureClientPort", "observerMasterPort", "metricsProvider.httpPort"), (1, 65535)),
    **dict.fromkeys(
        (
            "maxClientCnxns",
            "maxCnxns",
            "connectToLearnerMasterLimit",
            "autopurge.purgeInterval",
            "globalOutstandingLimit",
            "maxResponseCacheSize",
            "maxGetChildrenResponseCacheSize",
            "commitLogCount",
            "admin.idleTimeout",
            "multiAddress.reachabilityCheckTimeoutMs",
        ),
        (0, _MAX_INT),
    ),
    **dict.fromkeys(("snapCount", "electionAlg", "quorum.cnxn.threads.size"), (1, _MAX_INT)),
    "autopurge.snapRetainCount": (3, _MAX_INT),
    **dict.fromkeys(
        (
            "preAllocSize",
            "fsync.warningthresholdms",
            "jvm.pause.info-threshold.ms",
            "jvm.pause.warn-threshold.ms",
            "jvm.pause.sleep.time.ms",
        ),
        (0, _MAX_LONG),
    ),
    "snapSizeLimitInKb": (-(_MAX_LONG + 1), _MAX_LONG),
    "jute.maxbuffer": (1024, _MAX_INT),
}
_SWITCHES: Final = (
    "sslQuorum",
    "portUnification",
    "sslQuorumReloadCertFiles",
    "localSessionsEnabled",
    "localSessionsUpgradingEnabled",
    "syncEnabled",
    "reconfigEnabled",
    "quorumListenOnAllIPs",
    "jvm.pause.monitor",
    "multiAddress.enabled",
    "multiAddress.reachabilityCheckEnabled",
    "snapshot.trust.empty",
)
_REMEDY: Final = "correct it, or leave it out for ZooKeeper's default"
_KNOWN: Final = {key.lower(): key for key in (*_NUMBERS, *_SWITCHES)}


def value_problems(name: str, properties: Mapping[str, Any]) -> Iterator[str]:
    """Say which of a member's `zookeeper_properties` ZooKeeper cannot take: who, variable, [value], remedy.

    A value that may be secret is not shown.
    """
    for key, value in properties.items():
        for problem in _problems(str(key), value):
            yield f"{name}: zookeeper_properties.{key} [{redacted(key, value)}] {problem}"


def _problems(key: str, value: Any) -> Iterator[str]:
    text = str(value).strip()
    if not re.fullmatch(r"[\w.-]+", key, re.ASCII):
        yield "is not a key of zoo.cfg: letters, digits, dots, hyphens and underscores; correct the key"
    elif key not in _NUMBERS and key not in _SWITCHES and key.lower() in _KNOWN:
        yield f"would be ignored by ZooKeeper, whose key is {_KNOWN[key.lower()]}; write it so"
    elif key in _NUMBERS:
        least, greatest = _NUMBERS[key]
        number = not isinstance(value, bool) and re.fullmatch(r"-?\d{1,20}", text, re.ASCII)
        if not number or not least <= int(text) <= greatest:
            yield f"must be a whole number from {least} to {greatest}; {_REMEDY}"
    elif key in _SWITCHES and text.lower() not in ("true", "false"):
        yield f"must be true or false; {_REMEDY}"
