"""The conformance kit: what every plugin of a kind promises, as checks that anybody can run on their own.

Test classes for pytest are here, one per kind; `mmr plugins check NAME` makes the same checks without pytest. A
failure says what was expected, what came, and where the contract is written.
"""

from __future__ import annotations

from mmr_core.testing.checks import Broken, Check, NotApplicable, Outcome, run_check
from mmr_core.testing.classes import (
    Conformance,
    DatasetConformance,
    EncoderConformance,
    FusionConformance,
    ImporterConformance,
    ModelConformance,
    RouterConformance,
)
from mmr_core.testing.running import CHECKS, Target, check_target, targets

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
