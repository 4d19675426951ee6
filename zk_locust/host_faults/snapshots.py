"""Has a member write a snapshot, by the command of its AdminServer (ZooKeeper 3.9, `Commands.SnapshotCommand`)."""

from __future__ import annotations

import http.client

from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 120.0
_PATH = "/commands/snapshot?streaming=false"
# The command wants somebody who has all rights to the root node, by default everyone; a name that nobody has will do.
_WHO = {"Authorization": "digest zk-locust:"}
_REASONS = {
    401: "it asks who that is",
    403: "the root node has an ACL",
    404: "this release has no such command",
    429: "it comes sooner after another than admin.rateLimiterIntervalInMS allows",
    503: "it is disabled (admin.snapshot.enabled), or the member does not serve",
}


def write(admin: str) -> None:
    """Write a snapshot; return when it is written. Raises FaultError with the reason where it is refused."""
    link = http.client.HTTPConnection(admin, timeout=_LIMIT_S)
    try:
        link.request("GET", _PATH, headers=_WHO)
        answer = link.getresponse()
        answer.read(65536)
    except (OSError, http.client.HTTPException) as error:
        raise FaultError(f"the AdminServer at {admin} does not answer: {error}") from None
    finally:
        link.close()
    if answer.status != http.client.OK:
        reason = _REASONS.get(answer.status, answer.reason)
        raise FaultError(f"the AdminServer refuses a snapshot with status {answer.status}: {reason}")
