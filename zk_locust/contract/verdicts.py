"""What a run and each of its figures may be worth."""

from typing import Final

VALID: Final = "valid"
INCONCLUSIVE: Final = "inconclusive"
VOID: Final = "void"

VERDICTS: Final = (VALID, INCONCLUSIVE, VOID)
"""From the best to the gravest."""
