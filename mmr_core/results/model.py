"""Names that `mmr_core.results` has: kept until nothing imports them from here."""

from __future__ import annotations

from mmr_core.results.estimates import METRIC_NAMES as METRIC_NAMES
from mmr_core.results.estimates import Estimate as Estimate
from mmr_core.results.estimates import RowKind as RowKind
from mmr_core.results.estimates import estimate as estimate
from mmr_core.results.evaluation import Column as Column
from mmr_core.results.evaluation import Difference as Difference
from mmr_core.results.evaluation import LeftOut as LeftOut
from mmr_core.results.evaluation import Macro as Macro
from mmr_core.results.evaluation import MacroRow as MacroRow
from mmr_core.results.evaluation import RouterFailure as RouterFailure
from mmr_core.results.evaluation import Row as Row
from mmr_core.results.evaluation import SingleModel as SingleModel
from mmr_core.results.evaluation import Slice as Slice
from mmr_core.results.evaluation import SliceKind as SliceKind
from mmr_core.results.evaluation import Timing as Timing
from mmr_core.results.run_result import DataFacts as DataFacts
from mmr_core.results.run_result import FusionEntry as FusionEntry
from mmr_core.results.run_result import LineupEntry as LineupEntry
from mmr_core.results.run_result import RunResult as RunResult
