"""The place of 2019 of what all clients share: now `zk_locust.contract.errors` and `zk_locust.load.locust_client`."""

from zk_locust.contract.errors import ZKLocustException
from zk_locust.load.locust_client import LocustClient as AbstractZKLocustClient

__all__ = ["AbstractZKLocustClient", "ZKLocustException"]
