"""How charts look: one palette, one axis style, shared by the page and the figure files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

# Okabe and Ito's palette for colour-blind readers, without its yellow and black: those vanish on a light and on a dark
# page. https://jfly.uni-koeln.de/color/
PALETTE: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Each series has its own dash as well, so that nothing is told by colour alone.
DASHES: Final = ([1, 0], [6, 3], [2, 2], [9, 3, 2, 3], [12, 4], [4, 1])
# Classes of counts, from few to many: lighter to darker, so that they can be told apart in print as well. The page's
# style sheet has the same classes for the dark scheme.
CLASSES: Final = ("#A6CFE8", "#6FB2DD", "#3A8FC7", "#1870AC", "#0A4F85", "#05294A")
FAULT: Final = "#B3261E"
INK: Final = "#3A4149"
FAINT: Final = "#E3E6EA"
SHADE: Final = "#8A94A0"
FONT: Final = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"


def config() -> dict[str, Any]:
    """The Vega-Lite configuration of every chart."""
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "domainColor": SHADE,
            "gridColor": FAINT,
            "labelColor": INK,
            "labelFontSize": 11,
            "tickColor": SHADE,
            "tickSize": 4,
            "titleColor": INK,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "titlePadding": 8,
        },
        "axisX": {"grid": False, "labelOverlap": True, "labelFlush": True},
        "axisY": {"domain": False, "ticks": False, "labelPadding": 6, "tickCount": 5},
        "legend": {
            "orient": "top",
            "direction": "horizontal",
            "title": None,
            "labelColor": INK,
            "labelFontSize": 12,
            "labelLimit": 220,
            "symbolStrokeWidth": 2.5,
            "symbolSize": 320,
            "symbolType": "stroke",
            "offset": 6,
        },
        "title": {
            "anchor": "start",
            "color": "#1B2025",
            "fontSize": 15,
            "fontWeight": 600,
            "subtitleColor": "#5A636D",
            "subtitleFontSize": 11,
            "offset": 10,
        },
    }


@dataclass(frozen=True, slots=True)
class Look:
    """Colour and dash of each name, in the names' order."""

    names: Sequence[str]

    @property
    def colours(self) -> list[str]:
        """One for each name."""
        return [PALETTE[i % len(PALETTE)] for i in range(len(self.names))]

    @property
    def dashes(self) -> list[list[int]]:
        """One for each name; shifted on each turn of the palette, so that every pair of colour and dash is unique."""
        return [DASHES[(i + i // len(PALETTE)) % len(DASHES)] for i in range(len(self.names))]

    @property
    def legend_columns(self) -> int:
        """The number of columns of the legend on the narrowest page (about 300 px)."""
        longest = max((len(name) for name in self.names), default=1)
        return max(1, int(300 / (min(longest * 6.5, 220) + 38)))
