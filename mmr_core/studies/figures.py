"""Figures as data: panels of series, and galleries of cases. `render.plots` draws them, all in one style."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SeriesKind = Literal["line", "points", "bars", "stack"]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a panel.

    :param scale: "log" is refused by the drawing where a value is not positive; "symlog" is linear up to `threshold`
        and needs both ends.
    :param categories: names of the places 0, 1, ... on the axis, for bars.
    """

    label: str
    scale: Literal["linear", "log", "symlog"] = "linear"
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    threshold: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Series:
    """One thing that is drawn; the same name has the same colour and marker in every figure.

    :param name: a router, a model, or what else the legend says.
    :param x, y: of one length; `low`, `high` too where there are intervals (a band for lines, bars for points).
    :param labels: direct labels, one per point; "" for none.
    :param kind: "stack" series of a panel are stacked areas over a shared x; "bars" stand side by side.
    :param reference: drawn grey, as a bound or a yardstick.
    :param in_legend: whether it has a place in the legend.
    :param note: what the legend says after the name, such as a figure.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    kind: SeriesKind = "line"
    reference: bool = False
    in_legend: bool = True
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes.

    :param mark: a point (x, y) through which a level and an upright line run, such as the best single model.
    """

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    mark: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Panels in a grid with one legend.

    :param columns: panels beside each other.
    :param legend_title: above the legend.
    """

    panels: tuple[Panel, ...]
    columns: int = 1
    legend_title: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One query with what was chosen for it.

    :param heading: what the case shows.
    :param question: the whole text.
    :param image: None where the query has none.
    :param facts: pairs of a word and a value, such as ("routed to", "gpt-5").
    """

    heading: str
    question: str
    image: Path | None
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Cases side by side, in rows."""

    rows: tuple[tuple[str, tuple[Case, ...]], ...]


Drawing = Chart | Gallery
