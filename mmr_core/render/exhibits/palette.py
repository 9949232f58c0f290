"""Gives every name of a report its colour, dash, marker and hatch: the same in every figure, whatever their order.

Names that meet in a figure, and all routers of the run, take different places of the palette, so that none of them
share a colour before the palette is exhausted; names that never meet may.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmr_core.render.grids import SINGLE_MODELS, UNIFORM
from mmr_core.render.styles import GREY, INK, PALETTE, LineStyle, style_at
from mmr_core.runner.references import CONSTANT, ORACLE
from mmr_core.studies.figures import Chart, Series

_REFERENCE_DASHES = ((0, (5, 3)), (0, (1, 1.6)), (0, (8, 2, 1.5, 2)), (0, (3, 1.2)), (0, (6, 1.5, 1, 1.5, 1, 1.5)))
_REFERENCE_MARKERS = ("d", "P", "X", "h", "<")
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx")
_PALE = 0.55
"""How much white is in the paler version of a colour."""


@dataclass(frozen=True)
class Look:
    """How one name is drawn.

    :param fill: the colour of areas and bars; with `hatch` it tells those of one colour apart.
    """

    colour: str
    dashes: Any
    marker: str
    fill: str
    hatch: str = ""


@dataclass(frozen=True)
class Palette:
    """The places of all names of a report."""

    places: Mapping[str, int]
    references: Mapping[str, int]

    @classmethod
    def of(cls, lineup: Sequence[str], charts: Iterable[Chart]) -> Palette:
        """Places for the routers of the run, in their order, and for all else that the charts name.

        :param lineup: names of routers.
        """
        figures = list(charts)
        routers = [name for name in dict.fromkeys(lineup) if name != UNIFORM]
        meetings = [routers, *([s.name for s in _all(chart) if not _is_grey(s)] for chart in figures)]
        greys = [[s.name for s in _all(chart) if _is_grey(s)] for chart in figures]
        known = (ORACLE, CONSTANT, UNIFORM)
        return cls(places=_placed(routers, meetings), references=_placed(known, [known, *greys]))

    def look(self, series: Series) -> Look:
        """How a series is drawn; one that no chart of the report had has the first place."""
        if series.name == SINGLE_MODELS:
            return Look(INK, "-", "o", INK)
        if _is_grey(series):
            place = self.references.get(series.name, 0)
            dashes = _REFERENCE_DASHES[place % len(_REFERENCE_DASHES)]
            marker = _REFERENCE_MARKERS[place % len(_REFERENCE_MARKERS)]
            return Look(GREY, dashes, marker, _paler(GREY), _HATCHES[1 + place % (len(_HATCHES) - 1)])
        place = self.places.get(series.name, 0)
        style: LineStyle = style_at(place)
        turn = place // len(PALETTE)
        fill = _paler(style.colour) if turn % 2 else style.colour
        return Look(style.colour, style.dashes, style.marker, fill, _HATCHES[turn // 2 % len(_HATCHES)])


def _paler(colour: str) -> str:
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + _PALE * (255 - part)):02X}" for part in parts)


def _all(chart: Chart) -> list[Series]:
    return [series for panel in chart.panels for series in panel.series if series.name != SINGLE_MODELS]


def _is_grey(series: Series) -> bool:
    """The uniform choice is a router, but a yardstick all the same."""
    return series.reference or series.name == UNIFORM


def _placed(first: Sequence[str], meetings: Sequence[Collection[str]]) -> dict[str, int]:
    """The lowest place for each name that no name which it meets has; `first` choose first, the others by name."""
    others = sorted({name for names in meetings for name in names} - set(first), key=str)
    places: dict[str, int] = {}
    for name in [*first, *others]:
        met = {other for names in meetings if name in names for other in names}
        taken = {places[other] for other in met if other in places}
        places[name] = next(place for place in range(len(taken) + 1) if place not in taken)
    return places
