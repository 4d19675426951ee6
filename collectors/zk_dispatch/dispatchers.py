"""Dispatchers: what decides which members are disabled and enabled, and when."""

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

import gevent

from zk_dispatch.controllers import AbstractController, ShellScriptController
from zk_dispatch.members import OBSERVER, EnsembleMember
from zk_locust.contract.dispatch_program import Instruction, parse_dispatch_program
from zk_locust.contract.dispatch_settings import Pauses
from zk_locust.contract.events import DISPATCH_FAILED, MEMBER_DISABLED, MEMBER_ENABLED

logger = logging.getLogger(__name__)

ACTION_DISABLE: Final = "disable"
ACTION_ENABLE: Final = "enable"


class Load:
    """The load beside which a dispatcher runs; without one, nothing is waited for and nothing recorded."""

    def __init__(
        self,
        wait_until_measured: Callable[[], object] = lambda: None,
        record_event: Callable[[str, str, str], object] = lambda *_: None,
        pauses: Pauses | None = None,
        make_member: Callable[[str], EnsembleMember] = EnsembleMember,
    ) -> None:
        self.wait_until_measured = wait_until_measured
        self.record_event = record_event
        self.pauses = pauses or Pauses()
        self.make_member = make_member


class AbstractDispatcher(ABC):
    """What a function or a program is given: it disables and enables members, by its `controller`.

    Without a controller, members are disabled by the scripts of the environment, or in a run of the playbooks by its
    controller.
    """

    def __init__(self, *, controller: AbstractController | None = None) -> None:
        self.has_own_controller = controller is not None
        self.controller = controller or ShellScriptController()
        self.quorum_size = 0
        self._load = Load()
        self._away: dict[str, EnsembleMember] = {}

    def join(self, load: Load, controller: AbstractController) -> None:
        """Run beside a load; `controller` is for a dispatcher without one of its own."""
        self._load = load
        if not self.has_own_controller:
            self.controller = controller

    @abstractmethod
    def run(self, hosts_and_ports: Sequence[str], quorum_size: int) -> None:
        """Disable and enable members until the load ends; `quorum_size` is a majority of those that vote."""

    def disable(self, member: EnsembleMember) -> None:
        """Disable a member, from the measured stage on."""
        self._load.wait_until_measured()
        self._away[member.host_and_port] = member  # before: what is only half done is undone too
        if self._done(ACTION_DISABLE, member, self.controller.disable):
            member.note_disabled()
            self._load.record_event(MEMBER_DISABLED, member.host_and_port, f"it was {member.state}")

    def enable(self, member: EnsembleMember) -> None:
        """Enable a member, from the measured stage on."""
        self._load.wait_until_measured()
        if self._done(ACTION_ENABLE, member, self.controller.enable):
            self._away.pop(member.host_and_port, None)
            self._load.record_event(MEMBER_ENABLED, member.host_and_port, "")

    def restore(self) -> None:
        """Enable what is disabled, after the load: members must not stay away because it has ended.

        What could not be enabled is tried once more by the next call.
        """
        if not getattr(self.controller, "restores", True):  # one of 2019 may not say
            self._away.clear()
        for name, member in [*self._away.items()]:
            try:
                is_done = self._done(ACTION_ENABLE, member, self.controller.enable)
            except Exception as error:  # of one member: the others are enabled
                logger.exception("%s is not enabled after the load", name)
                self._load.record_event(DISPATCH_FAILED, name, f"{ACTION_ENABLE}: {type(error).__name__}: {error}")
                continue
            if is_done:
                del self._away[name]
                self._load.record_event(MEMBER_ENABLED, name, "the load has ended")

    def sleep_ms(self, ms: float, cause: str | None = None) -> None:
        """Wait so many milliseconds; `cause` is for the log."""
        logger.debug("Sleeping %g ms %s", ms, cause or "")
        gevent.sleep(ms / 1000)

    def sleep_after(self, action: str | None) -> None:
        """Wait as long as `--zk-dispatch-config` says after this action."""
        pauses = self._load.pauses
        after = {ACTION_DISABLE: pauses.sleep_after_disable_ms, ACTION_ENABLE: pauses.sleep_after_enable_ms}
        self.sleep_ms(after.get(str(action), pauses.sleep_ms), f"after action {action}" if action else None)

    def wait_initial_hatch_complete(self, sleep_ms: float = 250) -> None:  # noqa: ARG002 - an argument of 2019
        """Wait until all users of the start are running and the measured stage has begun."""
        self._load.wait_until_measured()

    def ping_ensemble(self, members: Sequence[EnsembleMember]) -> list[list[EnsembleMember]]:
        """Ask all members for their role; return those that serve and vote, and the others."""
        gevent.joinall([gevent.spawn(member.ping) for member in members])
        ups = [member for member in members if member.is_up()]
        logger.info("Checked status of %d members (%d up)", len(members), len(ups))
        return [ups, [member for member in members if not member.is_up()]]

    def disable_leader(self, members: Sequence[EnsembleMember]) -> None:
        """Disable the member that leads now, if one does."""
        ups, _ = self.ping_ensemble(members)
        leader = next((member for member in ups if member.is_leader()), None)
        if leader is None:
            logger.warning("No member leads now, so none is disabled")
        else:
            self.disable(leader)

    def disable_follower(self, members: Sequence[EnsembleMember]) -> None:
        """Disable a follower that was not for the longest time, if more than a majority of the members serve."""
        ups, _ = self.ping_ensemble(members)
        followers = sorted((each for each in ups if each.is_follower()), key=EnsembleMember.last_disabled_sort_key)
        if len(ups) <= self.quorum_size or not followers:
            up = ", ".join(map(str, ups)) or "none"
            logger.warning(
                "No follower is disabled: %d members are a majority, and these serve: %s", self.quorum_size, up
            )
            return
        longest = followers[0].last_disabled
        self.disable(random.choice([each for each in followers if each.last_disabled == longest]))

    def enable_all(self, members: Sequence[EnsembleMember]) -> None:
        """Enable all members that do not serve."""
        _, downs = self.ping_ensemble(members)
        for member in downs:
            if member.state != OBSERVER:
                self.enable(member)

    def _members(self, hosts_and_ports: Sequence[str]) -> list[EnsembleMember]:
        return [self._load.make_member(each) for each in hosts_and_ports]

    def _done(self, action: str, member: EnsembleMember, do: Callable[[EnsembleMember], Any]) -> bool:
        """Have the controller do something; whether it did it. One of 2019 may return nothing."""
        logger.debug("%s %s", action, member)
        if do(member) is not False:
            return True
        problem = getattr(self.controller, "problem", "") or "it was not done"
        if getattr(self.controller, "too_late", False):
            logger.info("%s %s: %s", action, member.host_and_port, problem)
            return False
        logger.error("%s %s: %s", action, member.host_and_port, problem)
        self._load.record_event(DISPATCH_FAILED, member.host_and_port, f"{action}: {problem}")
        return False


class RandomDispatcher(AbstractDispatcher):
    """Disables or enables a member at random, so that never fewer than a majority serve."""

    def run(self, hosts_and_ports: Sequence[str], quorum_size: int) -> None:
        """Do so until the load ends."""
        self.quorum_size = quorum_size
        members = self._members(hosts_and_ports)
        action: str | None = None
        self.wait_initial_hatch_complete()
        while True:
            self.sleep_after(action)
            ups, downs = self.ping_ensemble(members)
            downs = [member for member in downs if member.state != OBSERVER]
            action, member = self._decide(ups, downs)
            if member is not None:
                {ACTION_DISABLE: self.disable, ACTION_ENABLE: self.enable}[str(action)](member)

    def _decide(
        self, ups: Sequence[EnsembleMember], downs: Sequence[EnsembleMember]
    ) -> tuple[str | None, EnsembleMember | None]:
        can = [ACTION_ENABLE] if downs else []
        if len(ups) > self.quorum_size:
            can.append(ACTION_DISABLE)
        if not can:
            return None, None
        action = random.choice(can)
        return action, random.choice(downs if action == ACTION_ENABLE else ups)


class ProgrammedDispatcher(AbstractDispatcher):
    """Runs a program in a loop, see `zk_locust.contract.dispatch_program`."""

    def __init__(self, *, program: str | Sequence[Instruction], controller: AbstractController | None = None) -> None:
        """Raises ValueError for a program with mistakes."""
        super().__init__(controller=controller)
        self.program = parse_dispatch_program(program) if isinstance(program, str) else tuple(program)

    def run(self, hosts_and_ports: Sequence[str], quorum_size: int) -> None:
        """Run the program again and again until the load ends."""
        self.quorum_size = quorum_size
        members = self._members(hosts_and_ports)
        self.wait_initial_hatch_complete()
        while True:
            for instruction in self.program:
                self._do(instruction, members)

    def _do(self, instruction: Instruction, members: Sequence[EnsembleMember]) -> None:
        logger.debug("Instruction of line %d: %s", instruction.line, instruction)
        member = members[instruction.member or 0]
        match instruction.name:
            case "poll_initial_hatch_complete":
                self.wait_initial_hatch_complete(instruction.ms or 0)
            case "sleep":
                self.sleep_ms(instruction.ms or 0)
            case "disable":
                self.disable(member)
            case "enable":
                self.enable(member)
            case "poll_up":
                while member.ping() not in _SERVING:
                    self.sleep_ms(max(instruction.ms or 0, _LEAST_POLL_MS))
            case "disable_leader":
                self.disable_leader(members)
            case "disable_follower":
                self.disable_follower(members)
            case "enable_all":
                self.enable_all(members)


_SERVING: Final = ("leader", "follower", "observer")
_LEAST_POLL_MS: Final = 10


class FunctionDispatcher(AbstractDispatcher):
    """Calls a function of the locustfile once."""

    def __init__(self, *, fn: Callable[..., object], controller: AbstractController | None = None) -> None:
        super().__init__(controller=controller)
        self.fn = fn

    def run(self, hosts_and_ports: Sequence[str], quorum_size: int) -> None:
        """Call it with `controller`, `hosts_and_ports`, `quorum_size` and `members`."""
        self.quorum_size = quorum_size
        self.fn(
            controller=self,
            hosts_and_ports=hosts_and_ports,
            quorum_size=quorum_size,
            members=self._members(hosts_and_ports),
        )
