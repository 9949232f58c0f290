"""Trained routers, each in one file without pickle: trained, saved, loaded, and used to route new queries.

`mmr train` and `mmr route` use it. `training` fits, `serialize` and `restore` convert to and from the file, whose
manifest is defined in `trained_manifest` and whose container in `archive`; `inference` decides. Training is imported
from `mmr_core.trained.training` only, so that routing does not load it.
"""

from __future__ import annotations

from mmr_core.trained.inference import (
    DecisionRule,
    ModelForecast,
    Query,
    RoutingDecision,
    TrainedRouter,
    decide,
    decision_rule,
)
from mmr_core.trained.restore import load
from mmr_core.trained.serialize import save

__all__ = [
    "DecisionRule",
    "ModelForecast",
    "Query",
    "RoutingDecision",
    "TrainedRouter",
    "decide",
    "decision_rule",
    "load",
    "save",
]
