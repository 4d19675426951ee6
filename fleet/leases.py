"""The lease of a host: which run holds it, from before it provisions until its figures are collected."""

import shlex
from collections.abc import Mapping
from typing import Final

from fleet.errors import HostError
from fleet.hosts import Host
from fleet.inventory import HostVariables
from zk_locust.contract.host_lease import lease_in
from zk_locust.contract.run_files import LEASE

Lease = Mapping[str, str]

SHOW: Final = f'date +%s; cat "$state/{LEASE}" 2>/dev/null'
"""Shell words that print the lease in the folder `state`, for `parse`."""


def state_words(given: str) -> str:
    """Shell words that set `state` to a host's state folder, which depends on the user there."""
    if given:
        return f"state={shlex.quote(given)}"
    return (
        'if [ "$(id -u)" -eq 0 ]; then state=/var/lib/zk-locust; else state="${HOME:-$(echo ~)}/.cache/zk-locust"; fi'
    )


def parse(shown: str) -> Lease | None:
    """The lease in what `SHOW` has printed; None where there is none."""
    now, _, text = shown.partition("\n")
    return lease_in(text, float(now)) if now.isdigit() else None


def on_member(host: Host, variables: HostVariables) -> Lease | None:
    """Ask a member's host for the lease on it; None also where it does not answer."""
    try:
        return parse(host.run(f"{state_words(str(variables.get('zookeeper_state_dir') or ''))}; {SHOW}").out)
    except HostError:
        return None  # asking the member reports the problem
