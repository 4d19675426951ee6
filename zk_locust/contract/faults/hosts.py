"""What preflight says of a member's host for the sake of faults."""

import re
from collections.abc import Iterable, Iterator

from zk_locust.contract.faults.actions import ACTIONS
from zk_locust.contract.plain_text import plain_line

NO_NFT = "zk-locust-no-nft"
"""What the host prints where nft(8) cannot list its tables."""
LACKS = "zk-locust-lacks "
"""What the host prints before an action that it cannot do, and the reason."""
_REMEDIES = {
    "delay": "it needs root, iproute2, nftables, and a kernel with netem, ifb and htb (Fedora and its kin have netem in"
    " kernel-modules-extra), or Linux 5.16 with tap and nftables 1.0.1",
    "bandwidth": "it needs root, iproute2, nftables, and a kernel with ifb and htb",
    "drop-connections": "it needs root, and iproute2 with a kernel that has INET_DIAG_DESTROY, or Linux 5.6",
}
_MOST_NAMED = 3
_ID = re.compile(r"[A-Za-z0-9._-]{1,200}\Z")


def fault_problems(name: str, told: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    """Yield what keeps a run from being started: a fault that is still there, or a tool that is not.

    `told` are the lines that the host has printed: the ids of faults, `NO_NFT`, and what it `LACKS`. `wanted` are the
    planned actions.
    """
    lines = [plain_line(line) for line in told if line.strip()]
    there = [line for line in lines if line != NO_NFT and _ID.match(line)]
    if there:
        more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
        yield (
            f"{name}: the fault {', '.join(there[:_MOST_NAMED])}{more} is still in it; wait until it has healed by"
            " itself, or call `fab heal`"
        )
    needing = sorted({do for do in wanted if do in ACTIONS and ACTIONS[do].of_network})
    if needing and NO_NFT in lines:
        yield (
            f"{name}: nft cannot be used there, and the planned {', '.join(needing)} needs it; install nftables, run as"
            " root (ansible_become), or leave the fault out"
        )
    for line in lines:
        if line.startswith(LACKS):
            action, _, reason = line.removeprefix(LACKS).partition(" ")
            if action in needing and NO_NFT in lines:
                continue  # said above
            remedy = f"; {_REMEDIES[action]}" if action in _REMEDIES else ""
            yield f"{name}: the planned {action} cannot be done there: {reason}{remedy}; or leave the fault out"
