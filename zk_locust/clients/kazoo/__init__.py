"""The client on kazoo, which Python applications use."""

from zk_locust.clients.kazoo.client import KazooZooKeeperClient

__all__ = ["KazooZooKeeperClient"]
