"""The place of 2019 of what all clients share: now `zk_locust.errors` and `zk_locust.locust_client`."""

from zk_locust.errors import ZKLocustException
from zk_locust.locust_client import LocustClient as AbstractZKLocustClient

__all__ = ["AbstractZKLocustClient", "ZKLocustException"]
