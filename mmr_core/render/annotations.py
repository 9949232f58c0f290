"""Writes on a frontier plot: the names of single models, where the oracle went, that the data are synthetic.

`labels` decides where the names stand; this module measures them on the screen, and draws them there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.metrics import Frontier
from mmr_core.render.axes import CostAxis, UtilityAxis
from mmr_core.render.labels import COVERED, Box, place_labels
from mmr_core.render.numbers import name, number
from mmr_core.render.styles import GREY, INK, NORMAL, SMALL
from mmr_core.results import SingleModel, Slice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

Floats = NDArray[np.float64]

_WEIGHT = 30
"""How many pixels of a line count as much as one single model."""

LABEL = "label"
"""The gid of the texts that name single models."""


def draw_notes(
    axes: Axes, part: Slice, x: CostAxis, y: UtilityAxis, oracle: Frontier, ink: Floats, *, synthetic: bool
) -> list[Box]:
    """What stands inside the axes besides names: where the oracle went, and that the data are synthetic.

    :param ink: [k, 2] pixels on lines.
    """
    texts: list[Text] = []
    if y.oracle_leaves:
        costs, utilities = x.samples(oracle)
        inside = costs[utilities <= y.high]
        at = inside[-1] if len(inside) else costs[0]
        across = float(axes.transAxes.inverted().transform(axes.transData.transform((at, y.high)))[0])
        note = f"↑ oracle, up to {number(float(oracle.utility.max()))}"
        texts.append(axes.text(min(max(across + 0.01, 0.01), 0.75), 0.985, note, va="top", fontsize=SMALL))
    if synthetic:
        texts.append(axes.text(0.985, 0.02, "synthetic data", ha="right", fontsize=NORMAL, style="italic"))
    for text in texts:
        text.set(transform=axes.transAxes, color=GREY)
    if synthetic:
        _move_to_free_place(axes, texts[-1], np.concatenate([ink, *[_pixels(axes, part, y)] * _WEIGHT]))
    return [_box(text) for text in texts]


def marks(axes: Axes, points: Sequence[tuple[float, float]]) -> list[Box]:
    """The room that markers take at some points (cost, utility)."""
    half = 4 * axes.figure.dpi / 72
    pixels: Floats = axes.transData.transform(np.array(points).reshape(-1, 2))
    return [Box(x - half, y - half, x + half, y + half) for x, y in pixels]


def on_screen(axes: Axes, cost: Floats, utility: Floats) -> Floats:
    """[k, 2] pixels along a line, near enough to each other that no label slips between them."""
    corners = axes.transData.transform(np.column_stack([cost, utility]))
    along = np.append(0.0, np.cumsum(np.hypot(*np.diff(corners, axis=0).T)))
    steps = np.arange(0.0, along[-1] + 1, 1.5 * axes.figure.dpi / 72)
    return np.column_stack([np.interp(steps, along, corners[:, i]) for i in (0, 1)])


def draw_labels(axes: Axes, part: Slice, y: UtilityAxis, taken: Sequence[Box], lines: Floats) -> None:
    """Names the single models; those that matter most choose their places first, and one without a place has none.

    :param lines: [k, 2] pixels on lines, which labels avoid.
    """
    ends = (part.best, part.cheapest, part.dearest)
    order = sorted(range(len(part.models)), key=lambda j: (part.models[j].name not in ends, -part.models[j].utility))
    names = [_model_text(part.models[j], y) for j in order]
    draw_names(axes, _pixels(axes, part, y)[order], names, taken, lines)


def draw_names(
    axes: Axes,
    points: Floats,
    names: Sequence[str],
    taken: Sequence[Box],
    lines: Floats,
    *,
    size: float = SMALL,
    covered: float = COVERED,
) -> list[Box | None]:
    """Writes names beside points, free of each other and of the points; returns their boxes, None without a place.

    The first choose first. A name that stands away from its point has a line to it.

    :param points: [m, 2] pixels.
    :param lines: [k, 2] pixels on lines, which names avoid.
    :param size: of the font, in points.
    :param covered: what a name pays to lie on a line, as in `place_labels`.
    """
    from matplotlib.patheffects import withStroke

    scale = axes.figure.dpi / 72
    texts = [axes.text(0, 0, text, fontsize=size, color=INK, gid=LABEL, parse_math=False) for text in names]
    sizes = [(box.right - box.left, box.top - box.bottom) for box in (_box(text) for text in texts)]
    frame = axes.get_window_extent()
    boxes = place_labels(
        points,
        sizes,
        Box(frame.x0, frame.y0, frame.x1, frame.y1),
        gap=3.2 * scale,
        taken=taken,
        lines=lines,
        covered=covered,
    )
    to_axes = axes.transAxes.inverted()
    for point, text, box in zip(points, texts, boxes, strict=True):
        if box is None:
            text.remove()
            continue
        text.set(position=to_axes.transform((box.left, box.bottom)), transform=axes.transAxes, va="bottom", ha="left")
        text.set_in_layout(False)
        text.set_path_effects([withStroke(linewidth=1.8, foreground="white")])
        if box.distance(point) > 7 * scale:
            leader = to_axes.transform([point, box.nearest(point)])
            axes.plot(*leader.T, transform=axes.transAxes, color="#808080", linewidth=0.5, zorder=2)
    return boxes


def _move_to_free_place(axes: Axes, text: Text, busy: Floats) -> None:
    """Along the bottom from right to left, then along the top: the first place with the least in it."""
    places = [(across, up) for up in (0.02, 0.93) for across in (0.985, 0.8, 0.6, 0.4)]

    def crowd(place: tuple[float, float]) -> int:
        text.set_position(place)
        return _box(text).count(busy)

    text.set_position(min(places, key=crowd))


def _pixels(axes: Axes, part: Slice, y: UtilityAxis) -> Floats:
    """[K, 2] where the single models stand; those below the axis at its edge."""
    pixels: Floats = axes.transData.transform([(model.cost, max(model.utility, y.low)) for model in part.models])
    return pixels


def _box(text: Text) -> Box:
    extent = text.get_window_extent()
    return Box(extent.x0, extent.y0, extent.x1, extent.y1)


def _model_text(model: SingleModel, y: UtilityAxis) -> str:
    below = "" if model.utility >= y.low else f" ({number(model.utility)})"
    return shortened(model.title or model.name) + below


def shortened(text: str, longest: int = 30) -> str:
    """A name that is short enough for a figure."""
    shown = name(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
