"""Gives every name its colour, dash, marker and hatch, the same wherever it turns up.

The colour of a router is a function of its name alone: it is the same in the plots of `mmr run`, `mmr savings`,
studies and the leaderboard's site, however many rows they have. Where two routers of one figure have the same colour,
dashes and markers tell them apart. Other names (models, encoders, ...) take colours that nothing they meet has, as long
as there are any. Nothing here needs matplotlib.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from mmr_core.render.run_tables import SINGLE_MODELS
from mmr_core.runner.references import CONSTANT
from mmr_core.specs import ORACLE, UNIFORM
from mmr_core.studies.figures import Chart, Series

COLOURS = (
    ("#0072B2", "#5EB7FC"),
    ("#D55E00", "#FEA679"),
    ("#009E73", "#5ED9AA"),
    ("#CC79A7", "#FEABD8"),
    ("#E69F00", "#FECC82"),
    ("#56B4E9", "#A1DBFF"),
    ("#480199", "#9974FD"),
    ("#095807", "#66AD61"),
    ("#8472FE", "#BBBAFD"),
    ("#7D306C", "#D37EBC"),
    ("#0843BE", "#6C9DFC"),
    ("#92AF83", "#BCDBAD"),
    ("#5B2C36", "#B8808A"),
    ("#C01242", "#FD828E"),
    ("#B8359D", "#FE7EDE"),
    ("#528ED9", "#98C5FF"),
    ("#5351D8", "#99A4FE"),
    ("#56206B", "#B078C9"),
    ("#798940", "#B2C57A"),
    ("#564193", "#A28FE9"),
)
"""On white, and the same hue on a dark page. The first six are those of Okabe and Ito (without yellow, too pale for a
line); each further one lies farthest, in OKLab, from those before it as people see them with and without red-green
blindness."""

PALETTE = tuple(day for day, _ in COLOURS)
DASHES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "p")

INK, GREY = "#222222", "#6E6E6E"

_SALT = b"mmr-20341"
"""Chosen so that the routers of the paper have colours that lie far apart; any other salt would do for the rest."""

_REFERENCE_DASHES = ((0, (5, 3)), (0, (1, 1.6)), (0, (8, 2, 1.5, 2)), (0, (3, 1.2)), (0, (6, 1.5, 1, 1.5, 1, 1.5)))
_REFERENCE_MARKERS = ("d", "P", "X", "h", "<")
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx")
_PALE = 0.55
"""How much white is in the paler version of a colour."""


@dataclass(frozen=True)
class Style:
    """How the line of one name is drawn, as places in `COLOURS`, `DASHES` and `MARKERS`.

    :param turn: 0, 1, ... for names of one colour that meet.
    """

    colour: int
    dash: int
    marker: int
    turn: int = 0


def own_style(name: str) -> Style:
    """The style that a name has by itself."""
    number = int.from_bytes(blake2b(name.encode(), digest_size=8, salt=_SALT).digest(), "big")
    return _style_at(number % len(COLOURS))


def _style_at(colour: int) -> Style:
    """A colour with its dash and marker, so that lines can be told apart without seeing colours."""
    return Style(colour, colour % len(DASHES), colour % len(MARKERS))


@dataclass(frozen=True)
class Look:
    """How one name is drawn, as matplotlib takes it.

    :param fill: the colour of areas and bars; with `hatch` it tells those of one colour apart.
    """

    colour: str
    dashes: Any
    marker: str
    fill: str
    hatch: str = ""


@dataclass(frozen=True)
class Palette:
    """The styles of all names of a figure, or of all figures of a report."""

    styles: Mapping[str, Style]
    references: Mapping[str, int]

    @classmethod
    def of(cls, routers: Iterable[str], charts: Iterable[Chart] = ()) -> Palette:
        """Styles for the routers of a run, which meet each other, and for all else that the charts name."""
        figures = list(charts)
        known = sorted({name for name in routers if name != UNIFORM})
        meetings = [known, *([s.name for s in _all(chart) if not _is_grey(s)] for chart in figures)]
        greys = [[s.name for s in _all(chart) if _is_grey(s)] for chart in figures]
        yardsticks = (ORACLE, CONSTANT, UNIFORM)
        return cls(styles=_styles(known, meetings), references=_places(yardsticks, [yardsticks, *greys]))

    def look(self, series: Series) -> Look:
        """How a series is drawn."""
        if series.name == SINGLE_MODELS:
            return Look(INK, "-", "o", INK)
        if _is_grey(series):
            place = self.references.get(series.name, 0)
            dashes = _REFERENCE_DASHES[place % len(_REFERENCE_DASHES)]
            marker = _REFERENCE_MARKERS[place % len(_REFERENCE_MARKERS)]
            return Look(GREY, dashes, marker, _paler(GREY), _HATCHES[1 + place % (len(_HATCHES) - 1)])
        style = self.styles.get(series.name) or own_style(series.name)
        colour = PALETTE[style.colour]
        fill = _paler(colour) if style.turn % 2 else colour
        hatch = _HATCHES[style.turn // 2 % len(_HATCHES)]
        return Look(colour, DASHES[style.dash], MARKERS[style.marker], fill, hatch)


def _styles(routers: Sequence[str], meetings: Sequence[Collection[str]]) -> dict[str, Style]:
    """Routers keep the colours of their names; each other name takes the first colour that is rarest around it."""
    found: dict[str, Style] = {}
    for name in [*routers, *sorted({name for names in meetings for name in names} - set(routers))]:
        met = [found[other] for other in {other for names in meetings if name in names for other in names} & set(found)]
        style = own_style(name)
        if name not in routers:
            colours = [other.colour for other in met]
            style = _style_at(min(range(len(COLOURS)), key=colours.count))
        found[name] = _apart(style, [other for other in met if other.colour == style.colour])
    return found


def _apart(style: Style, others: Sequence[Style]) -> Style:
    """The style with another dash and another marker than others of its colour have, while there are any."""
    dashes, markers = [other.dash for other in others], [other.marker for other in others]
    pairs = {(other.dash, other.marker) for other in others}
    free = [
        ((style.dash + i) % len(DASHES), (style.marker + j) % len(MARKERS))
        for i in range(len(DASHES))
        for j in range(len(MARKERS))
    ]
    dash, marker = min(free, key=lambda pair: (pair in pairs, dashes.count(pair[0]) + markers.count(pair[1])))
    turns = {other.turn for other in others}
    return replace(style, dash=dash, marker=marker, turn=min(set(range(len(others) + 1)) - turns))


def _places(first: Sequence[str], meetings: Sequence[Collection[str]]) -> dict[str, int]:
    """For each name, the lowest place that no name it meets has; `first` choose first, the others by name."""
    others = sorted({name for names in meetings for name in names} - set(first))
    places: dict[str, int] = {}
    for name in [*first, *others]:
        met = {other for names in meetings if name in names for other in names}
        taken = {places[other] for other in met if other in places}
        places[name] = next(place for place in range(len(taken) + 1) if place not in taken)
    return places


def _paler(colour: str) -> str:
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + _PALE * (255 - part)):02X}" for part in parts)


def _all(chart: Chart) -> list[Series]:
    return [series for panel in chart.panels for series in panel.series if series.name != SINGLE_MODELS]


def _is_grey(series: Series) -> bool:
    """The uniform choice is a router, but a yardstick all the same."""
    return series.reference or series.name == UNIFORM
