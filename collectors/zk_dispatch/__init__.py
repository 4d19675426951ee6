"""Disables and enables members of the ensemble while a load goes on: the dispatcher of 2019, by its names of then.

    from zk_dispatch import register_dispatcher

    def messing(controller, members, **kwargs):
        controller.wait_initial_hatch_complete()
        while True:
            controller.sleep_ms(10000)
            controller.disable_leader(members)
            controller.sleep_ms(5000)
            controller.enable_all(members)

    register_dispatcher(fn=messing)

`--zk-dispatch-program` does the same without a function, in every locustfile.
"""

import locust  # noqa: F401 - first: it patches ssl, which must not be imported before

from zk_dispatch.controllers import AbstractController, RunController, ShellScriptController
from zk_dispatch.dispatchers import AbstractDispatcher, FunctionDispatcher, ProgrammedDispatcher, RandomDispatcher
from zk_dispatch.members import EnsembleMember
from zk_dispatch.registration import register_dispatcher

__all__ = [
    "AbstractController",
    "AbstractDispatcher",
    "EnsembleMember",
    "FunctionDispatcher",
    "ProgrammedDispatcher",
    "RandomDispatcher",
    "RunController",
    "ShellScriptController",
    "register_dispatcher",
]
