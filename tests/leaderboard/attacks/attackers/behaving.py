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


class HashesQuestions(Shifted):
    """Honest: what it gets from `hash` is the same in every job, if hashes of strings are."""

    def shifts(self, queries):
        return np.array([noise(hash(question), len(self.utility)) for question in queries.questions])


TINY = 1e-12


class Tiny:
    """Predicts costs so small that what it decides by more than its query lies at enormous trade-off weights."""

    def predict(self, queries):
        prediction = super().predict(queries)
        return Prediction(utility=prediction.utility, cost=prediction.cost * TINY)


class TinyUnseeded(Tiny, Unseeded):
    pass


class TinyOrder(Tiny, Order):
    pass


class TinyBatchStatistics(Tiny, BatchStatistics):
    pass


class TinyIds(Tiny, Ids):
    pass


class Narrow:
    """Decides by more than its query in one narrow interval of trade-off weights alone; its costs are honest.

    At `WHERE` times the weight that turns dearest into cheapest all models score alike, but for a whisper.
    """

    WHERE, WHISPER = 37.0, 1e-4

    def predict(self, queries):
        cost = np.tile(self.cost, (len(queries), 1))
        weight = self.WHERE / self.cost.max()
        return Prediction(utility=weight * cost + self.WHISPER * self.shifts(queries), cost=cost)


class NarrowUnseeded(Narrow, Unseeded):
    pass


class NarrowOrder(Narrow, Order):
    pass


class NarrowBatchStatistics(Narrow, BatchStatistics):
    """In the last digits, where rounding might be."""

    WHISPER = 1e-10


class NarrowIds(Narrow, Ids):
    WHISPER = 1e-10
