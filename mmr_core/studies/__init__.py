"""The machinery of studies: grids of fits, run in parallel and resumed, whose one result table becomes exhibits.

A study says which cells it needs and what it shows of their results; everything between is done here. The studies
themselves are plugins.
"""

from __future__ import annotations

from mmr_core.results import Cell, CellRecord, EncoderPair, Results, read_results, write_results
from mmr_core.runner.grid import run_cells
from mmr_core.runner.options import Setting
from mmr_core.studies.exhibits import Entry, Exhibit, Line, Sheet
from mmr_core.studies.figures import Axis, Case, Chart, Gallery, Panel, Series
from mmr_core.studies.terms import Finding, Gap, Study, StudyReport, Unavailable

__all__ = [
    "Axis",
    "Case",
    "Cell",
    "CellRecord",
    "Chart",
    "EncoderPair",
    "Entry",
    "Exhibit",
    "Finding",
    "Gallery",
    "Gap",
    "Line",
    "Panel",
    "Results",
    "Series",
    "Setting",
    "Sheet",
    "Study",
    "StudyReport",
    "Unavailable",
    "read_results",
    "run_cells",
    "write_results",
]
