"""Measures and breaks text for drawings, and keeps to letters that the fonts have.

Not textwrap, which counts letters, where drawings need inches; nor matplotlib's own wrapping, which neither limits the
number of lines nor breaks a word that is too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from mmr_core.render.numbers import one_line

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

_FIRST = "DejaVu Sans"
_FURTHER = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "PingFang SC", "Microsoft YaHei", "SimHei")
"""Fonts for East Asian letters, of which one may be installed."""

ELLIPSIS = "…"


@cache
def families() -> tuple[str, ...]:
    """The fonts that drawings use: matplotlib's own, then those that are installed for further letters."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return (_FIRST, *(name for name in _FURTHER if name in installed))


@cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(
        code for name in families() for code in get_font(findfont(FontProperties(family=name))).get_charmap()
    )


def drawable(text: str) -> str:
    """A text on one line, where letters that no font has are replacement marks."""
    known = _letters()
    return "".join(letter if ord(letter) in known else "\ufffd" for letter in one_line(text))


def shortened(name: str, longest: int) -> str:
    """A name of so many letters at most: what is too long loses its middle, for names often differ at their ends."""
    if len(name) <= longest:
        return name
    end = (longest - 1) // 3
    return f"{name[: longest - 1 - end].rstrip()}{ELLIPSIS}{name[len(name) - end :].lstrip()}"


def broken(text: str, width: float, ruler: Ruler, *, size: float, most: int | None = None, **look: Any) -> list[str]:
    """The lines of a text that is no wider than `width` inches; a word that is too long is broken anywhere.

    :param most: lines beyond these are cut off, and the last one ends in an ellipsis.
    :param look: further properties of the font, such as its weight.
    """

    def fits(line: str) -> bool:
        return ruler.width(line, size=size, **look) <= width

    lines: list[str] = []
    line = ""
    for word in text.split():
        if most is not None and len(lines) > most:
            break
        longer = f"{line} {word}" if line else word
        if fits(longer):
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while not fits(line) and len(line) > 1:
            cut = _fitting(line, fits)
            lines.append(line[:cut])
            line = line[cut:]
    if line:
        lines.append(line)
    if most is None or len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and not fits(last + ELLIPSIS):
        last = last[:-1]
    return [*lines[: most - 1], last.rstrip() + ELLIPSIS]


def _fitting(word: str, fits: Any) -> int:
    """How many letters of a word fit, at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(word[:middle]) else (low, middle - 1)
    return low


class Ruler:
    """Measures texts as a figure would draw them."""

    def __init__(self, canvas: FigureCanvasAgg) -> None:
        self._canvas = canvas
        self._renderer: Any = canvas.get_renderer()  # type: ignore[no-untyped-call]

    def width(self, text: str, *, size: float, **look: Any) -> float:
        """Inches from the beginning to the end of a line."""
        from matplotlib.font_manager import FontProperties

        font = FontProperties(family=list(families()), size=size, **look)
        width, _, _ = self._renderer.get_text_width_height_descent(text, font, False)
        return float(width) / float(self._canvas.figure.dpi)

    def widest(self, texts: Sequence[str], *, size: float, **look: Any) -> float:
        """The width of the longest, in inches."""
        return max((self.width(text, size=size, **look) for text in texts), default=0.0)
