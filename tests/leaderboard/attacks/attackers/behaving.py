"""Routers whose answer to a query depends on more than that query."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from mmr_core.contracts import Prediction

from .means import TOLD, Means


class Shifted(Means):
    """The means, with something added to each query's utilities."""

    def predict(self, queries):
        prediction = super().predict(queries)
        return Prediction(utility=prediction.utility + self.shifts(queries), cost=prediction.cost)

    def shifts(self, queries):
        raise NotImplementedError


def noise(what, models):
    seed = int.from_bytes(hashlib.blake2b(repr(what).encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).random(models)


class Remembers(Shifted):
    """Answers otherwise about what it was asked before."""

    def shifts(self, queries):
        self.seen = getattr(self, "seen", {})
        rows = []
        for question in queries.questions:
            self.seen[question] = self.seen.get(question, 0) + 1
            rows.append(noise((question, self.seen[question]), len(self.utility)))
        return np.array(rows)


class BatchStatistics(Shifted):
    """Standardises over its batch."""

    def shifts(self, queries):
        lengths = np.array([len(question) for question in queries.questions], dtype=float)
        return np.array([noise(float(lengths.mean()), len(self.utility))] * len(lengths))


class Order(Shifted):
    def shifts(self, queries):
        return np.array([noise(place, len(self.utility)) for place in range(len(queries))])


class Unseeded(Shifted):
    def shifts(self, queries):
        return np.random.default_rng(int.from_bytes(os.urandom(8), "big")).random((len(queries), len(self.utility)))


class Ids(Shifted):
    def shifts(self, queries):
        return np.array([noise(name, len(self.utility)) for name in queries.ids])


class OnItsBestBehaviour(Shifted):
    """Behaves while it is watched: only when it is asked about all of test does it look at the others."""

    def shifts(self, queries):
        if len(queries) < TOLD["test"]:
            return np.zeros((len(queries), len(self.utility)))
        return np.array([noise((place, len(queries)), len(self.utility)) for place in range(len(queries))])
