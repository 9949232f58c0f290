"""The reference rows: pure functions of the table, so that no plugin ever holds what they are made of.

The oracle knows the test outcomes and bounds what routing can gain; `constant` knows the training means and shows
what can be had without looking at the query; the single models are what one has without routing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.metrics import SingleModels
from mmr_core.runner.policies import Decided, Policy, Scored

Floats = NDArray[np.float64]

ORACLE = "oracle"
ORACLE_UNAWARE = "oracle-cost-unaware"
BEST_SINGLE = "best-single"
CONSTANT = "constant"
MODEL_PREFIX = "model:"


def is_reference(name: str) -> bool:
    """Whether a row of this name is a reference, so that no router may have it."""
    return name in (ORACLE, ORACLE_UNAWARE, BEST_SINGLE, CONSTANT) or name.startswith(MODEL_PREFIX)


def constant_policy(means: tuple[Floats, Floats], n: int, cost_scale: float) -> Policy:
    """The training means predicted for each of n queries: what can be had without looking at it."""
    utility, cost = means
    return Scored(np.tile(utility, (n, 1)), np.tile(cost / cost_scale, (n, 1)))


def oracle_policy(utility: Floats, cost: Floats, cost_scale: float) -> Policy:
    """The cost-aware oracle: true utility and cost of the test instances as predictions (section D.3.5)."""
    return Scored(utility, cost / cost_scale)


def unaware_oracle_policy(utility: Floats) -> Policy:
    """The cost-unaware oracle, argmax of true utility; ties are split evenly among the tied models."""
    best = utility == utility.max(axis=1, keepdims=True)
    return Decided(np.zeros(1), (best / best.sum(axis=1, keepdims=True),))


def single_policy(model: int, shape: tuple[int, ...]) -> Policy:
    """One model for every query."""
    chosen = np.zeros(shape)
    chosen[:, model] = 1.0
    return Decided(np.zeros(1), (chosen,))


def reference_policies(
    utility: Floats,
    cost: Floats,
    means: tuple[Floats, Floats],
    cost_scale: float,
    singles: SingleModels,
    models: tuple[str, ...],
) -> dict[str, Policy]:
    """Every reference row of one slice, by name, in the order in which tables show them.

    :param utility: [n, K] outcomes of the test instances.
    :param cost: [n, K] in USD.
    :param means: [K] training means of utility and cost.
    :param models: K names; every single model has a row, `MODEL_PREFIX` before its name.
    """
    return {
        ORACLE: oracle_policy(utility, cost, cost_scale),
        ORACLE_UNAWARE: unaware_oracle_policy(utility),
        CONSTANT: constant_policy(means, len(utility), cost_scale),
        BEST_SINGLE: single_policy(singles.best, utility.shape),
        **{f"{MODEL_PREFIX}{name}": single_policy(j, utility.shape) for j, name in enumerate(models)},
    }
