"""The nodes that are a load's own: told from everybody else's by their names, and by what they hold.

A node that a load makes for itself has a name that nobody else gives, `zk-locust-` with the time of its start, and
holds `MARK`. Only such a node is ever removed, with what is below it.
"""

import re
import secrets
from datetime import UTC, datetime
from typing import Final

from zk_locust.clients.bulk import BulkClient
from zk_locust.contract.errors import NoAuthError, NodeExistsError, NoNodeError

MARK: Final = b"made by zk-locust, which removes it"
FLEET_MARK: Final = MARK + b"; of a run that had the ensemble for itself"

# A run's id, or what stands for one, is behind the prefix.
_OWN_NAME: Final = re.compile(r"zk-locust-\d{8}T\d{6}Z-.+", re.DOTALL)


def is_own_name(name: str) -> bool:
    """Whether a node of this name is one that a load makes for itself."""
    return bool(_OWN_NAME.fullmatch(name))


def own_node(pseudo_root: str) -> str:
    """Return the path of a load's own node at a pseudo root: the pseudo root itself where its name is such a one."""
    return pseudo_root if is_own_name(pseudo_root.rpartition("/")[2]) else fresh_node(pseudo_root)


def fresh_node(parent: str) -> str:
    """Return the path of a node below `parent` that nobody has made yet."""
    return f"{parent}/zk-locust-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def holds(client: BulkClient, path: str, mark: bytes = MARK) -> bool | None:
    """Whether a node's value begins with the mark: a load has made it. None where there is no node.

    Raises ClientError.
    """
    try:
        return client.get(path)[0].startswith(mark)
    except NoNodeError:
        return None
    except NoAuthError:
        return False  # everybody may read what a load makes


def make_parents(client: BulkClient, path: str) -> list[str]:
    """Make every node above `path` that is not there; return what was made, parents first. Raises ClientError."""
    made, parent = [], ""
    for name in path.strip("/").split("/")[:-1]:
        parent = f"{parent}/{name}"
        try:
            client.create(parent)
        except NodeExistsError:
            continue
        made.append(parent)
    return made
