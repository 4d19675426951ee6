"""How an operation ended, in `slow-operations.csv`."""

from typing import Final

from zk_locust.contract.clock_names import CENSORED

OK: Final = "ok"
FAILED: Final = "failed"
OUTCOMES: Final = (OK, FAILED, CENSORED)
