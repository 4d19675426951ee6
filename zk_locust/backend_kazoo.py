"""The place of 2019 of the client on kazoo: now `zk_locust.load.locust_client`."""

from typing import Final

from kazoo.exceptions import KazooException

from zk_locust.contract.errors import ClientError, ConfigurationError
from zk_locust.contract.errors import ZKLocustException as KazooLocustException
from zk_locust.load.locust_client import KazooLocustClient

KAZOO_EXCEPTIONS: Final = [KazooException]

# What stands for each today: an `except` that names one catches what is raised now.
KazooLocustNoHostsException = ConfigurationError
KazooLocustArgumentsException = ConfigurationError
KazooLocustStartedException = ClientError
KazooLocustStoppedException = ClientError

__all__ = [
    "KAZOO_EXCEPTIONS",
    "KazooLocustArgumentsException",
    "KazooLocustClient",
    "KazooLocustException",
    "KazooLocustNoHostsException",
    "KazooLocustStartedException",
    "KazooLocustStoppedException",
]
