"""What a share of failures may be in truth, by Wilson's interval: one of the few that hold for none of many.

Reports compute the interval's upper end. Experiments know from it how many operations an objective needs.
"""

import math
from typing import Final

_Z: Final = 1.96
"""Of the normal distribution, for an interval of 95 %."""


def upper_end(share: float, tried: int) -> float:
    """Return the upper end of the 95 % interval of a share (0 to 1) that was found in `tried` operations, at least 1.

    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    middle = share + _Z * _Z / (2 * tried)
    spread = _Z * math.sqrt(share * (1 - share) / tried + _Z * _Z / (4 * tried * tried))
    return (middle + spread) / (1 + _Z * _Z / tried)


def least_tried(limit: float) -> int:
    """Return how many operations without a failure have an upper end below `limit` (a share above 0, at most 1)."""
    return math.floor(_Z * _Z * (1 - limit) / limit) + 1
