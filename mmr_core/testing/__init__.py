"""The conformance kit: the requirements on every kind of plugin, as checks that plugin authors can run.

It has one test class per kind for pytest; `mmr plugins check NAME` runs the same checks without pytest. A failure says
what was expected, what came, and where the contract is documented.
"""

from __future__ import annotations

from mmr_core.testing.contract_check import Broken, Check, NotApplicable, Outcome, run_check
from mmr_core.testing.pytest_classes import (
    Conformance,
    DatasetConformance,
    EncoderConformance,
    FusionConformance,
    ImporterConformance,
    ModelConformance,
    RouterConformance,
)
from mmr_core.testing.targets import CHECKS, Target, check_target, targets

__all__ = [
    "CHECKS",
    "Broken",
    "Check",
    "Conformance",
    "DatasetConformance",
    "EncoderConformance",
    "FusionConformance",
    "ImporterConformance",
    "ModelConformance",
    "NotApplicable",
    "Outcome",
    "RouterConformance",
    "Target",
    "check_target",
    "run_check",
    "targets",
]
