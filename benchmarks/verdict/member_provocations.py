"""Provocations by a real ensemble of three."""

import time
from dataclasses import replace
from typing import Final

from benchmarks.truth.locust_run import Load
from benchmarks.verdict.provocation import SECONDS, Provocation, Setting
from benchmarks.verdict.recorded_run import Course
from lab.locust_processes import LocustMasterAndWorkers
from reporting.verdict.judged_run import JudgedRun

LOAD: Final = Load(16, SECONDS, wait_ms=10)
_MANY: Final = 1200
_PAUSED_S: Final = 4.0


def _leader_killed(setting: Setting) -> JudgedRun:
    servers = setting.ensemble

    def kill(_: LocustMasterAndWorkers) -> None:
        time.sleep(1)
        leader = servers.leader()
        servers.kill(leader)
        time.sleep(0.5)
        servers.start(leader, wait=False)

    return setting.real(Course(replace(LOAD, seconds=6), servers=servers, meanwhile=kill))


def _uneven(setting: Setting) -> JudgedRun:
    return setting.real(Course(LOAD, servers=setting.ensemble), members=[0])


def _outstanding(setting: Setting) -> JudgedRun:
    """Sets wait for a majority, so they are outstanding at the leader while both followers are paused."""
    servers = setting.ensemble
    servers.start_all()
    leader = servers.leader()
    followers = [at for at in range(len(servers.members)) if at != leader]

    def pause(_: LocustMasterAndWorkers) -> None:
        for at in followers:
            servers.pause(at)
        time.sleep(_PAUSED_S)
        for at in followers:
            servers.resume(at)

    course = Course(
        Load(_MANY, _PAUSED_S + 1, options={"spawn-rate": _MANY}), locustfile="locust_set.py", servers=servers,
        polled=[leader], meanwhile=pause,
    )  # fmt: skip
    return setting.real(course, members=[leader])


def _unanswered(setting: Setting) -> JudgedRun:
    servers = setting.ensemble

    def stop(_: LocustMasterAndWorkers) -> None:
        follower = servers.followers()[0]
        servers.stop(follower)
        time.sleep(2)
        servers.start(follower, wait=False)

    return setting.real(Course(LOAD, servers=servers, meanwhile=stop))


def _unpolled(setting: Setting) -> JudgedRun:
    return setting.real(Course(LOAD, servers=setting.ensemble, polled=[0, 1]))


MEMBER_PROVOCATIONS: Final[dict[str, Provocation]] = {
    "leader-killed": Provocation("the leader killed, and started again", ("leader-change",), _leader_killed),
    "one-member": Provocation("all sessions at one of three members", ("sessions-uneven",), _uneven),
    "outstanding": Provocation(
        f"{_MANY:,} users set a value at the leader while both followers are paused", ("outstanding-requests",),
        _outstanding,
    ),
    "stopped-member": Provocation("a follower stopped for 2 s", ("member-unreachable",), _unanswered),
    "unpolled-member": Provocation("the metrics of 2 of 3 members polled", ("members-missing",), _unpolled),
}  # fmt: skip
