"""Colours, dashes and markers of routers: the same for the same name in every figure, and safe for colour-blind eyes.

The palette is that of Okabe and Ito without yellow, which is too pale for a line. Names beyond the palette repeat its
colours with other dashes and markers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", (0, (6, 1.5)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "p")
"""Palette, dashes and markers differ in number, so that neighbours differ in more than colour."""

INK, GREY = "#222222", "#6E6E6E"

NORMAL, SMALL = 9.0, 7.5
"""Font sizes in points."""


@dataclass(frozen=True)
class LineStyle:
    """How the frontier of one router is drawn; `dashes` as matplotlib takes them."""

    colour: str
    dashes: str | tuple[int, tuple[float, ...]]
    marker: str


def line_style(name: str, lineup: Sequence[str] = ()) -> LineStyle:
    """The style of a router: by its place in the lineup, and for names that are not in it by the name alone."""
    return style_at(lineup.index(name) if name in lineup else _number(name))


def style_at(place: int) -> LineStyle:
    """The style of a place in a lineup; no two of the first 210 are the same."""
    return LineStyle(
        colour=PALETTE[place % len(PALETTE)],
        dashes=DASHES[place % len(DASHES)],
        marker=MARKERS[place % len(MARKERS)],
    )


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big")
