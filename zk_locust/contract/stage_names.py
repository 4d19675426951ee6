"""The stages of a load, in their order."""

from typing import Final

WARM_UP: Final = "warm-up"
MEASURED: Final = "measured"
COOL_DOWN: Final = "cool-down"
