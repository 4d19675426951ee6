"""Runs a control program (`zk_locust.contract.control_program`) with a controller."""

from collections.abc import Sequence
from typing import Final

from zk_locust.contract.control_program import Instruction
from zk_locust.load.controller import Controller

DEFAULT_MOST: Final = 4
"""By default, there are at most so many times the users of the start."""


def run_control_program(program: Sequence[Instruction], controller: Controller) -> None:
    """Run the program again and again; it ends only with its greenlet."""
    controller.wait_initial_hatch_complete()
    state = _State(controller)
    while True:
        for instruction in program:
            state.do(instruction)


class _State:
    """The bounds, and the last bounce of each kind."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._least = controller.get_num_clients()
        self._most = self._least * DEFAULT_MOST
        self._addend: float | None = None
        self._factor: float | None = None

    def do(self, instruction: Instruction) -> None:
        """Carry out one instruction."""
        value, users = instruction.value, self._controller.get_num_clients()
        match instruction.name:
            case "sleep":
                self._controller.sleep_ms(value or 0)
            case "set_min_num_clients":
                self._least = int(value or 0)
            case "set_max_num_clients":
                self._most = int(value or 0)
            case "change_num_clients":
                self._change(value or 0, instruction.rate)
            case "add_num_clients":
                if not instruction.bounces and value is not None:
                    self._change(users + value)
                    return
                # Between the bounds, the last bounce goes on; the first one goes up.
                if value is not None and (up := self._direction(users, self._addend)):
                    self._addend = value * up
                self._change(users + (self._addend or 0))
            case "multiply_num_clients":
                if not instruction.bounces and value is not None:
                    self._change(users * value)
                    return
                if value is not None and (up := self._direction(users, self._factor)):
                    self._factor = value**up
                self._change(users * (self._factor or 1))

    def _direction(self, users: int, last: float | None) -> int:
        if users >= self._most:
            return -1
        return 1 if users <= self._least or last is None else 0

    def _change(self, users: float, rate: float | None = None) -> None:
        self._controller.start_hatching(num_clients=min(self._most, max(self._least, int(users))), hatch_rate=rate)
