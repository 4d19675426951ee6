"""What the check of a history may say."""

from typing import Final

CONSISTENT: Final = "consistent"
VIOLATED: Final = "violated"
NOT_CHECKED: Final = "not checked"
