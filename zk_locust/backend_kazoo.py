"""The place of 2019 of the client on kazoo: now `zk_locust.locust_client`."""

from typing import Final

from kazoo.exceptions import KazooException

from zk_locust.errors import ZKLocustException as KazooLocustException
from zk_locust.locust_client import KazooLocustClient

KAZOO_EXCEPTIONS: Final = [KazooException]

__all__ = ["KAZOO_EXCEPTIONS", "KazooLocustClient", "KazooLocustException"]
