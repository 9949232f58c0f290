"""Turns the drawing of an exhibit into the files of a figure: PNG, SVG and PDF, the same bytes for the same drawing.

Needs matplotlib (the extra `plots`), and uses it without its global state.
"""

from __future__ import annotations

import importlib.util

from mmr_core.errors import MissingExtraError
from mmr_core.render.exhibits.charts import chart_figure, is_wide
from mmr_core.render.exhibits.gallery import gallery_figure
from mmr_core.render.exhibits.palette import Palette
from mmr_core.render.plots import figure_bytes
from mmr_core.studies.figures import Chart, Drawing

KINDS = ("png", "svg", "pdf")


def drawn(drawing: Drawing, palette: Palette, *, synthetic: bool) -> dict[str, bytes]:
    """The contents of a figure's files, by kind.

    :param palette: of the whole report.
    :raises MissingExtraError: if matplotlib is not installed.
    :raises DrawingError: if the drawing cannot be made of its numbers.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("figures need matplotlib", fix="pip install 'mmr-bench[plots]'")
    if isinstance(drawing, Chart):
        figure = chart_figure(drawing, palette, synthetic=synthetic)
    else:
        figure = gallery_figure(drawing, synthetic=synthetic)
    return {kind: figure_bytes(figure, kind) for kind in KINDS}


def wide(drawing: Drawing) -> bool:
    """Whether a figure goes over both columns of a printed page."""
    return is_wide(drawing) if isinstance(drawing, Chart) else True
