"""The clocks of an operation: names of columns, of fields and of histograms. `docs/results.md` explains them."""

from typing import Final

SERVICE: Final = "service"  # sent to arrived
RESPONSE: Final = "response"  # due to arrived
SLIP: Final = "slip"  # due to sent
CLIENT_DELAY: Final = "client_delay"  # arrived to handled
CENSORED: Final = "censored"  # how long operations without a reply had waited

CLOCKS: Final = (RESPONSE, SLIP, CLIENT_DELAY)
"""The clocks beside service time, as prefixes of columns and as fields of a distribution's line."""
