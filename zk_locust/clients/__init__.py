"""The ZooKeeper clients behind one interface (`zk_locust.clients.interface`), chosen by `--client`."""

from collections.abc import Callable

from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.options import Options
from zk_locust.contract.protection import REMEDY, unprotected


def _kazoo(options: Options) -> ZooKeeperClient:
    from zk_locust.clients.kazoo.client import KazooZooKeeperClient

    return KazooZooKeeperClient(options.client_settings(), options.kazoo, credentials=options.credentials())


def _native(options: Options) -> ZooKeeperClient:
    from zk_locust.clients.native.client import NativeClient

    return NativeClient(options.client_settings(), credentials=options.credentials())


def _libzookeeper(options: Options) -> ZooKeeperClient:
    from zk_locust.clients.libzookeeper.client import LibZooKeeperClient

    return LibZooKeeperClient(options.client_settings(), credentials=options.credentials())


# A client's library is imported only if the client is chosen: the others need not be installed.
CLIENT_FACTORIES: dict[str, Callable[[Options], ZooKeeperClient]] = {
    "kazoo": _kazoo,
    "native": _native,
    "libzookeeper": _libzookeeper,
    "zkpython": _libzookeeper,
}


def create_client(options: Options, name: str | None = None) -> ZooKeeperClient:
    """Return a client, not started yet: the one called `name`, by default that of `--client`."""
    chosen = name or options.client
    factory = CLIENT_FACTORIES.get(chosen)
    if factory is None:
        known = ", ".join(CLIENT_FACTORIES)
        raise ConfigurationError(
            "--client", chosen, f"unknown client{nearest(chosen, CLIENT_FACTORIES)}", f"choose one of: {known}"
        )
    return factory(options)


def check_client(options: Options) -> None:
    """Raise ConfigurationError if the client of `--client` cannot be made on this machine.

    `--kazoo-create-client` is imported, not called.
    """
    if problem := unprotected(options.client, options.kazoo.protecting()):
        raise ConfigurationError("--client", options.client, problem, REMEDY)
    if options.client == "kazoo" and options.kazoo.create_client:
        options.kazoo.arguments()
        options.kazoo.maker()
    else:
        create_client(options).close()
