"""The place of 2019 of the client on the official C library: now `zk_locust.load.locust_client`."""

from typing import Final

from zk_locust.contract.errors import ClientError as ZKClientError
from zk_locust.load.locust_client import ZKLocustClient

ZKPYTHON_EXCEPTIONS: Final = [ZKClientError]

__all__ = ["ZKPYTHON_EXCEPTIONS", "ZKClientError", "ZKLocustClient"]
