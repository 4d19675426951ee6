"""Has a locustfile control the number of users while a load goes on.

    from locust_extra.control import register_controller

    def control(controller):
        controller.wait_initial_hatch_complete()
        controller.sleep_ms(5000)
        controller.start_hatching(num_clients=2 * controller.get_num_clients())

    register_controller(control)

`--control-program` does the same without a function, in every locustfile, and goes before one.
"""

from zk_locust.load import session
from zk_locust.load.controller import Controller
from zk_locust.load.user_control import Control, register_control, register_listener

__all__ = ["Controller", "controller_available", "register_controller"]


class _Hook:
    """A hook as Locust had them in 2019: `hook += function`."""

    def __iadd__(self, function: Control) -> "_Hook":
        register_listener(function)
        return self

    def add_listener(self, function: Control) -> Control:
        """Have the function called with the controller of each load."""
        register_listener(function)
        return function


controller_available = _Hook()
"""Calls its listeners with the controller of each load, before anything controls it."""


def register_controller(fn: Control | None = None) -> None:
    """Have each load that this process leads run this function beside it; without one, only a control program."""
    session.register()
    if fn is not None:
        register_control(fn)
