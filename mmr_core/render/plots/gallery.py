"""Draws a gallery: cases side by side, each with its image, its question and what was chosen for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.render.plots.axes import DrawingError
from mmr_core.render.plots.chart import DOUBLE, DPI, SINGLE
from mmr_core.render.plots.labels import SYNTHETIC
from mmr_core.render.plots.lettering import Ruler, broken, drawable, families
from mmr_core.render.plots.palette import GREY, INK
from mmr_core.render.plots.panel import TICKS, TITLE
from mmr_core.studies.figures import Case, Gallery

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

COLUMNS = 2
"""Cases beside each other; further ones of a row go below."""
QUESTION_LINES, FACT_LINES = 9, 3
PICTURE = 1.15
"""Inches that an image is wide and high at most."""
PIXELS = 460
"""Of the longer side of an image in the figure."""
GAP, PAD, MARGIN = 0.14, 0.07, 0.03
LINE = TICKS * 1.32 / 72
UNREADABLE = "(the image cannot be read)"

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Card:
    """A case, broken into lines; inches.

    :param picture: [h, w, 3]; None where there is none.
    :param facts: a word, and the lines of its value.
    """

    heading: list[str]
    question: list[str]
    picture: Pixels | None
    facts: list[tuple[str, list[str]]]
    indent: float

    @property
    def body(self) -> float:
        """The height of question and image."""
        text = len(self.question) * LINE
        return text if self.picture is None else max(text, self.picture_size[1])

    @property
    def picture_size(self) -> tuple[float, float]:
        """Width and height of the image."""
        assert self.picture is not None
        height, width = self.picture.shape[:2]
        scale = PICTURE / max(height, width)
        return width * scale, height * scale

    @property
    def height(self) -> float:
        """Of all of it."""
        facts = sum(len(lines) for _, lines in self.facts) * LINE
        return len(self.heading) * LINE * TITLE / TICKS + self.body + facts + 4 * PAD


def gallery_figure(gallery: Gallery, *, synthetic: bool) -> Figure:
    """The figure of a gallery: as high as its cases need.

    :raises DrawingError: if it has no case.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [(heading, cases) for heading, cases in gallery.rows if cases]
    if not rows:
        raise DrawingError("a gallery without cases")
    columns = min(COLUMNS, max(len(cases) for _, cases in rows))
    width = DOUBLE if columns > 1 else SINGLE
    figure = Figure(figsize=(width, 1.0), dpi=DPI)
    ruler = Ruler(FigureCanvasAgg(figure))
    inner = (width - 2 * MARGIN - (columns - 1) * GAP) / columns - 2 * PAD
    bands = [(heading, [_card(case, inner, ruler) for case in cases]) for heading, cases in rows]
    top = LINE + PAD if synthetic else PAD
    height = top + sum(_band_height(cards, columns) for _, cards in bands)
    figure.set_size_inches(width, height)
    page = _Page(figure, width, height)
    if synthetic:
        page.write(width - MARGIN, 0.02, SYNTHETIC, size=TICKS, color=GREY, style="italic", ha="right")
    at = top
    for heading, cards in bands:
        page.write(MARGIN, at, drawable(heading), size=TITLE, weight="bold", color=INK)
        down = at + 1.6 * LINE
        for start in range(0, len(cards), columns):
            beside = cards[start : start + columns]
            tall = max(card.height for card in beside)
            for place, card in enumerate(beside):
                _draw_card(page, card, MARGIN + place * (inner + 2 * PAD + GAP), down, inner, tall)
            down += tall + GAP
        at += _band_height(cards, columns)
    return figure


def _band_height(cards: Sequence[Card], columns: int) -> float:
    tall = [max(card.height for card in cards[i : i + columns]) for i in range(0, len(cards), columns)]
    return 1.6 * LINE + sum(tall) + GAP * len(tall)


def _card(case: Case, width: float, ruler: Ruler) -> Card:
    picture = None if case.image is None else _picture(case.image)
    beside = width if picture is None else width - PICTURE - PAD
    words = [f"{drawable(word)}:" for word, _ in case.facts]
    indent = min(ruler.widest(words, size=TICKS, weight="bold") + PAD, 0.4 * width)
    question = broken(drawable(case.question), beside, ruler, size=TICKS, most=QUESTION_LINES)
    if case.image is not None and picture is None:
        question.insert(0, UNREADABLE)
    return Card(
        heading=broken(drawable(case.heading), width, ruler, size=TITLE, most=2),
        question=question,
        picture=picture,
        facts=[
            (
                "".join(broken(word, indent, ruler, size=TICKS, most=1, weight="bold")),
                broken(drawable(value), width - indent, ruler, size=TICKS, most=FACT_LINES) or [""],
            )
            for word, (_, value) in zip(words, case.facts, strict=True)
        ],
        indent=indent,
    )


def _picture(path: Path) -> Pixels | None:
    """The image, small enough for a figure, on white; None where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.thumbnail((PIXELS, PIXELS))
            shown = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    white = Image.new("RGBA", shown.size, "white")
    return np.asarray(Image.alpha_composite(white, shown).convert("RGB"))


def _draw_card(page: _Page, card: Card, left: float, top: float, width: float, height: float) -> None:
    page.frame(left, top, width + 2 * PAD, height)
    x, y = left + PAD, top + PAD
    for line in card.heading:
        page.write(x, y, line, size=TITLE, color=INK, style="italic")
        y += LINE * TITLE / TICKS
    y += PAD
    words = x
    if card.picture is not None:
        wide, high = card.picture_size
        page.show(card.picture, x + (PICTURE - wide) / 2, y, wide, high)
        words = x + PICTURE + PAD
    for i, line in enumerate(card.question):
        page.write(words, y + i * LINE, line, size=TICKS, color=INK)
    y += card.body + PAD
    for word, lines in card.facts:
        page.write(x, y, word, size=TICKS, color=INK, weight="bold")
        for i, line in enumerate(lines):
            page.write(x + card.indent, y + i * LINE, line, size=TICKS, color=INK)
        y += len(lines) * LINE


class _Page:
    """A figure on which things are placed in inches from the upper left corner."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self._figure, self._width, self._height = figure, width, height

    def write(self, x: float, y: float, text: str, *, size: float, **look: Any) -> None:
        """One line, whose top is at y."""
        place = (x / self._width, 1 - y / self._height)
        self._figure.text(*place, text, va="top", fontsize=size, fontfamily=list(families()), parse_math=False, **look)

    def show(self, picture: Pixels, x: float, y: float, width: float, height: float) -> None:
        """An image."""
        axes = self._figure.add_axes(self._place(x, y, width, height))
        axes.imshow(picture, aspect="auto", interpolation="antialiased")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(color="#B0B0B0", linewidth=0.4)

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """A thin rectangle."""
        from matplotlib.patches import Rectangle

        left, bottom, wide, high = self._place(x, y, width, height)
        self._figure.add_artist(
            Rectangle((left, bottom), wide, high, fill=False, edgecolor="#B0B0B0", linewidth=0.6, clip_on=False)
        )

    def _place(self, x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
        bottom = 1 - (y + height) / self._height
        return x / self._width, bottom, width / self._width, height / self._height
