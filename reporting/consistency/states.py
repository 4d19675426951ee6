"""What the check of a history may say."""

from typing import Final

CONSISTENT: Final = "consistent"
PARTLY: Final = "consistent as far as recorded"
"""Nothing was found, and something that a check needs was not recorded."""
VIOLATED: Final = "violated"
NOT_CHECKED: Final = "not checked"
