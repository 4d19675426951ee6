"""A member of the ensemble as a dispatcher sees it: where it listens, and which role it had when it was asked last."""

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

import gevent

from zk_locust.contract.connect_string import Address, parse_connect_string
from zk_metrics.settings import members_of
from zk_metrics.sources import AdminServer, FourLetterWord, Source

logger = logging.getLogger(__name__)

UNKNOWN: Final = "unknown"
FOLLOWER: Final = "follower"
LEADER: Final = "leader"
OBSERVER: Final = "observer"
_STATES: Final = {
    "leader": LEADER,
    "standalone": LEADER,
    "follower": FOLLOWER,
    "observer": OBSERVER,
}
_LIMIT_S: Final = 1.0


class EnsembleMember:
    """The member that listens at `host_and_port`. `state` is unknown while it does not serve.

    `sources` are asked one after the other, each for `limit_s` at most, by default the four-letter word `srvr`.
    """

    def __init__(self, host_and_port: str, sources: Sequence[Source] = (), limit_s: float = _LIMIT_S) -> None:
        """Raises ValueError for what is no address."""
        self.host_and_port = host_and_port
        address = parse_connect_string(host_and_port).members[0]
        self.host, self.port = address
        self.state = UNKNOWN
        self.last_ping: float | None = None
        self.last_disabled: float | None = None
        self._sources = tuple(sources) or (FourLetterWord("srvr", address),)
        self._limit_s = limit_s

    def __str__(self) -> str:
        ago = "" if self.last_ping is None else f" {time.monotonic() - self.last_ping:.3g}s ago"
        return f"{self.host_and_port} (state {self.state}{ago})"

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(self.host, self.port)

    def is_up(self) -> bool:
        """Whether it served, and votes, when it was asked last."""
        return self.state in (FOLLOWER, LEADER)

    def is_leader(self) -> bool:
        """Whether it led when it was asked last; a standalone member counts as the leader."""
        return self.state == LEADER

    def is_follower(self) -> bool:
        """Whether it followed when it was asked last."""
        return self.state == FOLLOWER

    def ping(self) -> str:
        """Ask it for its role, and return that."""
        state = UNKNOWN
        for source in self._sources:  # each has the limit: one that does not answer leaves the next its time
            with gevent.Timeout(self._limit_s, False):
                state = self._told_by(source)
            if state != UNKNOWN:
                break
        self.state, self.last_ping = state, time.monotonic()
        return state

    def note_disabled(self) -> None:
        """Note that it was disabled now."""
        self.last_disabled = time.monotonic()

    def last_disabled_sort_key(self) -> float:
        """Return when it was disabled last; 0 for never."""
        return self.last_disabled or 0.0

    def _told_by(self, source: Source) -> str:
        try:
            told = source.metrics(source.answer(self._limit_s)).get("server_state")
        except Exception as error:  # whatever it answers, a member that is away is what this is about
            logger.debug("%s, %s: %s", self.host_and_port, source.name, error)
            return UNKNOWN
        return _STATES.get(str(told), UNKNOWN)


def members_to_ask(options: Any, limit_s: float) -> list[EnsembleMember]:
    """Return the members of `--hosts` in their order, each with what it can be asked by.

    An AdminServer is asked where the client port does not tell (it speaks TLS), and only if it is clear whose it is.
    """
    by_client = {each.client: each for each in members_of(options) if each.client is not None}
    tls = any(getattr(options, name, None) for name in ("kazoo_tls", "kazoo_tls_ca", "kazoo_tls_cert"))
    found = []
    for address in parse_connect_string(options.hosts).members:
        sources: list[Source] = [FourLetterWord("srvr", address, tls)]
        if address in by_client:
            sources.append(AdminServer(by_client[address].admin_url))
        found.append(EnsembleMember(str(address), sources, limit_s))
    return found
