"""What an instance is about before it is put into words: the facts, the plain question, and how to draw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmr_plugins.importers.synthetic.canvas import WHITE, Canvas, Colour
from mmr_plugins.importers.synthetic.chance import Chance


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
