"""Attackers that make their attacks one after another in one process: each member is a router of the roll.

A band gives the training means only if every member does, and fails if one raises.
"""

from __future__ import annotations

import importlib

import numpy as np

from .means import Means
from .roll import BANDS, ROUTERS


def router_at(target: str) -> type:
    """The class that a line of the roll points to."""
    module, name = target.split(":")
    found: type = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return found


class Together(Means):
    """Makes the attacks of all members; whatever one of them gets shows in the answer of the band."""

    members: tuple[str, ...] = ()

    def fit(self, training):
        self.band = [router_at(ROUTERS[name])(seed=self.seed) for name in self.members]
        for one in self.band:
            one.fit(training)
        return super().fit(training)

    def predict(self, queries):
        means = super().predict(queries)
        given = [one.predict(queries) for one in self.band]
        for each in given:
            if not (np.array_equal(each.utility, means.utility) and np.array_equal(each.cost, means.cost)):
                return each
        return means


class Thieves(Together):
    members = BANDS["thieves-together"]


class Callers(Together):
    members = BANDS["callers-together"]


class Vandals(Together):
    members = BANDS["vandals-together"]
