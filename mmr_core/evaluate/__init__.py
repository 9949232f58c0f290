"""The protocol: split, features, fit, predict, sweep, metrics, with reference rows."""

from __future__ import annotations

from mmr_core.evaluate.column import columns_of
from mmr_core.evaluate.options import Entrant, Options
from mmr_core.evaluate.protocol import evaluate
from mmr_core.evaluate.results import METRIC_NAMES, Column, Estimate, Row, Slice

__all__ = ["METRIC_NAMES", "Column", "Entrant", "Estimate", "Options", "Row", "Slice", "columns_of", "evaluate"]
