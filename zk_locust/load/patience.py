"""How long a master and its workers wait for one another before they give each other up.

Locust's own patience is short: a worker that is not heard for 5 s is missing, without any worker the load ends, and a
worker that does not hear its master for a minute leaves. A network that fails for a moment would cost figures that TCP
delivers as soon as it works again, though after a minute it may take another to try.
"""

import os
from typing import Final

from locust import runners

WORKER_NAME_VARIABLE: Final = "ZK_LOCUST_WORKER_NAME"
"""Where a supervisor starts the worker: it ends it at the run's deadline, whatever becomes of the master."""

MISSING_S: Final = 8
_CUT_OFF_S: Final = 170


def have_patience_with_workers() -> None:
    """Let this master count a worker as lost after `MISSING_S`, and take it back for some minutes."""
    # Locust counts down once a second, and looks before it does.
    runners.HEARTBEAT_LIVENESS = MISSING_S - 2
    runners.HEARTBEAT_DEAD_INTERNAL = -_CUT_OFF_S


def have_patience_with_master() -> None:
    """Let this worker go on without its master for some minutes, where somebody else ends it in time."""
    if os.environ.get(WORKER_NAME_VARIABLE):
        runners.MASTER_HEARTBEAT_TIMEOUT = _CUT_OFF_S
