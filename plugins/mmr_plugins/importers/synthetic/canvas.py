"""The surface that pictures of the sample are drawn on, and the four ways in which a picture is hard to see.

A painter states what is there in whole-picture pixels and plain colours; the canvas makes it as clear or unclear as
the instance's `Look` demands. Pictures are drawn at twice their size and reduced, so that lines are smooth.

A `Subject` is what an instance is about before it is put into words: the facts, the plain question, and how to draw it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mmr_plugins.importers.synthetic.chance import Chance

if TYPE_CHECKING:
    from mmr_plugins.importers.synthetic.chance import Chance


Colour = tuple[int, int, int]
Point = tuple[float, float]

WHITE, BLACK, GREY = (255, 255, 255), (25, 25, 30), (128, 128, 132)
PAINTS: dict[str, Colour] = {
    "red": (205, 40, 45),
    "blue": (40, 85, 195),
    "green": (35, 145, 70),
    "yellow": (240, 200, 40),
    "orange": (235, 125, 30),
    "purple": (125, 60, 165),
    "brown": (125, 80, 45),
    "pink": (235, 130, 170),
}

_OVERSIZE = 2
_HAZE, _SHRINKAGE, _SOFTEST = 0.74, 0.42, 2.0


@dataclass(frozen=True, kw_only=True)
class Look:
    """How hard a picture is to see, in four visible properties, each from 0 (clear) to 1.

    :param clutter: things that are there besides what the question is about.
    :param fade: loss of contrast.
    :param blur: loss of sharpness.
    :param small: how small the print is.
    """

    clutter: float
    fade: float
    blur: float
    small: float

    @property
    def hardness(self) -> float:
        """The visual difficulty of the picture, in [0, 1]: the mean of the four."""
        return (self.clutter + self.fade + self.blur + self.small) / 4


CLEAR = Look(clutter=0.0, fade=0.0, blur=0.0, small=0.0)


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class Canvas:
    """A picture in the making.

    :param size: width and height of the finished picture in pixels.
    :param look: how clear it will be.
    :param chance: where painters draw their jitter from.
    :param paper: the ground, towards which fading blends every colour.
    """

    def __init__(self, size: tuple[int, int], look: Look, chance: Chance, paper: Colour = WHITE) -> None:
        self.width, self.height = size
        self.look, self.chance, self.paper = look, chance, paper
        self._image = Image.new("RGB", (size[0] * _OVERSIZE, size[1] * _OVERSIZE), paper)
        self._pen = ImageDraw.Draw(self._image)

    def extras(self, most: int) -> int:
        """How many of up to `most` distracting things belong in this picture."""
        return round(self.look.clutter * most)

    def ink(self, colour: Colour) -> Colour:
        """The colour as it appears here."""
        haze = _HAZE * self.look.fade
        red, green, blue = (round(c + (ground - c) * haze) for c, ground in zip(colour, self.paper, strict=True))
        return red, green, blue

    def line(self, points: Sequence[Point], colour: Colour = BLACK, width: float = 1.0) -> None:
        """A line through the points."""
        self._pen.line(_scaled(points), fill=self.ink(colour), width=_pen_width(width), joint="curve")

    def polygon(
        self, points: Sequence[Point], fill: Colour | None = None, edge: Colour | None = None, width: float = 1.0
    ) -> None:
        """A closed figure, filled, outlined, or both."""
        if fill is not None:
            self._pen.polygon(_scaled(points), fill=self.ink(fill))
        if edge is not None:
            self.line([*points, points[0]], edge, width)

    def box(
        self,
        corner: Point,
        size: Point,
        fill: Colour | None = None,
        edge: Colour | None = None,
        width: float = 1.0,
    ) -> None:
        """An upright rectangle from its upper left corner."""
        (x, y), (w, h) = corner, size
        self.polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], fill, edge, width)

    def disc(
        self,
        centre: Point,
        radius: float,
        fill: Colour | None = None,
        edge: Colour | None = None,
        width: float = 1.0,
        flatness: float = 1.0,
    ) -> None:
        """A disc, or an ellipse whose height is `flatness` times its width."""
        x, y = centre
        corners = _scaled([(x - radius, y - radius * flatness), (x + radius, y + radius * flatness)])
        self._pen.ellipse(
            corners,
            fill=None if fill is None else self.ink(fill),
            outline=None if edge is None else self.ink(edge),
            width=_pen_width(width),
        )

    def arc(
        self, centre: Point, radius: float, start: float, end: float, colour: Colour = BLACK, width: float = 1.0
    ) -> None:
        """Part of a circle, in degrees clockwise from the right."""
        x, y = centre
        corners = _scaled([(x - radius, y - radius), (x + radius, y + radius)])
        self._pen.arc(corners, start, end, fill=self.ink(colour), width=_pen_width(width))

    def wedge(self, centre: Point, radius: float, start: float, end: float, fill: Colour) -> None:
        """A slice of a pie, in degrees clockwise from the right."""
        x, y = centre
        corners = _scaled([(x - radius, y - radius), (x + radius, y + radius)])
        self._pen.pieslice(corners, start, end, fill=self.ink(fill), outline=self.ink(WHITE))

    def text(self, place: Point, words: str, size: float = 11, colour: Colour = BLACK, anchor: str = "la") -> None:
        """Words in Pillow's built-in font, smaller where the print is small.

        :param anchor: what `place` is, in Pillow's letters: "la" the upper left, "mm" the middle.
        """
        (spot,) = _scaled([place])
        self._pen.text(spot, words, fill=self.ink(colour), font=self._sized(size), anchor=anchor)

    def stray_marks(self, most: int = 14) -> None:
        """Scratches and specks that mean nothing, more of them the more cluttered the picture is."""
        chance = self.chance
        for _ in range(self.extras(most)):
            x, y = chance.between(0, self.width), chance.between(0, self.height)
            if chance.happens(0.5):
                reach = (x + chance.between(-22, 22), y + chance.between(-22, 22))
                self.line([(x, y), reach], GREY, 0.7)
            else:
                self.disc((x, y), chance.between(0.7, 2.4), fill=GREY)

    def finish(self) -> Image.Image:
        """The picture at its final size, as sharp as its look allows."""
        picture = self._image.reduce(_OVERSIZE)
        if self.look.blur > 0.05:
            picture = picture.filter(ImageFilter.BoxBlur(_SOFTEST * self.look.blur))
        return picture

    def _sized(self, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return _font(max(round(size * (1.0 - _SHRINKAGE * self.look.small) * _OVERSIZE), 6))


def _scaled(points: Sequence[Point]) -> list[Point]:
    return [(x * _OVERSIZE, y * _OVERSIZE) for x, y in points]


def _pen_width(width: float) -> int:
    return max(round(width * _OVERSIZE), 1)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The facts of one instance.

    :param ask: the question, in plain and in formal words.
    :param answer: a number or a word; further steps of the question change it.
    :param paint: draws the facts; None for a subject without a picture.
    :param wrong: answers that look right, for questions with options; numbers need none.
    :param path: clauses that lead the eye to the answer, in order, for answers that no step can change.
    :param spelling: whether steps may work on the letters of the answer.
    :param opening: sentences before the question.
    :param size: width and height of the picture in pixels.
    :param paper: its ground.
    :param photograph: whether it is stored as a photograph (JPEG) rather than as a drawing (PNG).
    """

    ask: tuple[str, str]
    answer: int | str
    paint: Callable[[Canvas], None] | None = None
    wrong: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    spelling: bool = False
    opening: str = ""
    size: tuple[int, int] = (128, 128)
    paper: Colour = WHITE
    photograph: bool = False


Topic = Callable[[Chance], Subject]
"""Makes up a subject; one function per category of a dataset."""
