"""The protocol: split, features, fit, predict, sweep, metrics, with reference rows."""

from __future__ import annotations

from mmr_core.results import METRIC_NAMES, Column, Estimate, Row, Slice
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import columns_of

__all__ = ["METRIC_NAMES", "Column", "Entrant", "Estimate", "Options", "Row", "Slice", "columns_of", "evaluate"]
