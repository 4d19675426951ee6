"""Operations on the value of one node of a key space that all users share."""

import itertools
import random
from typing import Any, Final, Unpack

from zk_locust.load.locust_client import LocustClient
from zk_locust.load.operations.base import AbstractSingleTimerOp, MaybeInterrupt, OpSettings

DEFAULT_KEY_SPACE_SIZE = 128
KEYS: Final = "/c-"

_next_key = itertools.count()


class _OnOneKey(AbstractSingleTimerOp):
    """An operation on one node of a key space that all users share."""

    def __init__(
        self,
        client: LocustClient,
        maybe_interrupt: MaybeInterrupt | None = None,
        sequential_keys: bool = False,
        key_space_size: int = DEFAULT_KEY_SPACE_SIZE,
        key_size: int | None = None,
        val_size: int | None = None,
        label: str | None = None,
        *,
        key_prefix: str = KEYS,
        **settings: Unpack[OpSettings],
    ) -> None:
        super().__init__(client, maybe_interrupt, label=label, **settings)
        key = next(_next_key) % key_space_size if sequential_keys else random.randrange(key_space_size)
        key_size = client.options.key_size if key_size is None else key_size
        self._node = key_prefix + str(key).zfill(key_size - len(key_prefix) + 1)
        self._val_size = client.value_size(val_size)
        self._path = ""

    def first_value(self) -> bytes:
        """Return the value that the node is made with."""
        return random.randbytes(self._val_size)

    def prepare(self) -> None:
        """Make the node unless it is there; give it a value of our size where a load of another size has left it."""
        value = self.first_value()
        self._path = self.client.create_node(self._node, value)
        client = self.client.get_zk_client()
        stat = client.exists(self._path)
        if stat is not None and stat.dataLength != len(value):
            client.set(self._path, value)


class ZKGetOp(_OnOneKey):
    """Read a node."""

    default_label = "get"

    def op(self) -> None:
        """Read the node once."""
        with self.timing() as timer:
            timer.success(len(self.client.get_zk_client().get_value(self._path)))


class ZKSetOp(_OnOneKey):
    """Write the same value to a node again and again."""

    default_label = "set"

    def __init__(self, client: LocustClient, *arguments: Any, **options: Any) -> None:
        super().__init__(client, *arguments, **options)
        self._value = super().first_value()

    def first_value(self) -> bytes:
        """Return the value that all requests write."""
        return self._value

    def op(self) -> None:
        """Write the node once."""
        with self.timing():
            self.client.get_zk_client().set(self._path, self._value)


class ZKIncrementingSetOp(_OnOneKey):
    """Write a number that goes up by one with each request, padded to the value size."""

    default_label = "incr_set"

    def __init__(self, client: LocustClient, *arguments: Any, **options: Any) -> None:
        super().__init__(client, *arguments, **options)
        self._numbers = itertools.count()

    def first_value(self) -> bytes:
        """Return the next number."""
        return str(next(self._numbers)).zfill(self._val_size).encode("ascii")

    def op(self) -> None:
        """Write the next number."""
        value = self.first_value()
        with self.timing():
            self.client.get_zk_client().set(self._path, value)
