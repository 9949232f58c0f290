"""The legend beside a plot of frontiers: a line, the name of what it stands for, and one figure about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmr_core.render.styles import INK, NORMAL, SMALL

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_legend(figure: Figure, handles: Sequence[tuple[Any, str]], *, title: str) -> None:
    """Draw the legend to the right of the axes, every name as it is typed.

    :param handles: what was drawn, each with its text.
    """
    legend = figure.legend(
        [handle for handle, _ in handles],
        [_shown(text) for _, text in handles],
        loc="outside right upper",
        fontsize=NORMAL - 0.5,
        frameon=False,
        title=title,
        title_fontsize=SMALL,
        alignment="left",
        handlelength=2.6,
        labelcolor=INK,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _shown(text: str) -> str:
    return f" {text}" if text.startswith("_") else text  # matplotlib hides what begins with an underscore
