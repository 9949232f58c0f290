"""Concave envelopes under many weightings of the instances at once: what the bootstrap asks of a policy.

A draw's points follow from a weighted running sum over the policy's events; nearly all of them lie below the line
between two others. The sums of a block of draws run side by side in the processor's cache, and most points are dropped
by a look at the steps before and after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.envelope import concave_envelopes, thinned

Floats = NDArray[np.float64]

_RUN = 16
"""Steps of a walk are added up in runs of so many."""

_BLOCK = 1 << 17
"""Numbers per array that a block of draws may take, so that a few of them stay in the processor's cache."""

_LARGEST = 1 << 24
"""Numbers per array that not even a block of eight draws may take: 128 MiB."""

_SPARSE = 4
"""Where there are at least so many steps to a point, points are few and steps are added up point by point."""

_PENDING = 1 << 18
"""Points of so many blocks wait for their envelopes."""

Flat = tuple[NDArray[np.intp], Floats, Floats]
"""Points in a list: the draw of each, its cost, its utility."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Corners:
    """The corners of the concave envelope of each of B draws in one flat list, by draw, then by cost.

    :param draw: [c] the draw, 0 to B - 1.
    :param cost: [c] mean cost.
    :param utility: [c] mean utility.
    """

    draw: NDArray[np.intp]
    cost: Floats
    utility: Floats

    @classmethod
    def of(cls, draw: NDArray[np.intp], cost: Floats, utility: Floats) -> Corners:
        """Those of [m] points, in any order."""
        order = np.argsort(draw, kind="stable")
        draw, cost, utility = concave_envelopes(draw[order], cost[order], utility[order])
        return cls(draw=draw, cost=cost, utility=utility)

    @classmethod
    def together(cls, parts: Sequence[Corners]) -> Corners:
        """Those of the points of several policies in the same draws."""
        return cls.of(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("draw", "cost", "utility"))
        )


Beside = tuple[Floats, Floats]
"""One more point of each draw: [B] cost and [B] utility."""


def point_corners(cost: Floats, utility: Floats, weights: NDArray[Any], beside: Beside) -> Corners:
    """The envelopes of policies that were evaluated one by one.

    :param cost: [m, n] of each instance at each point.
    :param utility: [m, n]
    :param weights: [B, n] how often each draw has an instance.
    """
    draws, points = len(weights), len(cost)
    means = np.empty((2, draws, points + 1))
    for rows in _blocks(draws, weights.shape[1]):
        block = weights[rows].astype(np.float64)
        # Not BLAS: its threads wait for each other on a busy machine, and their number may show in the last digit.
        for mean, outcomes in zip(means, (cost, utility), strict=True):
            mean[rows, 1:] = np.einsum("bn,mn->bm", block, outcomes)
        means[:, rows] /= block.sum(axis=1)[:, None]
    means[:, :, 0] = beside
    return Corners.of(np.repeat(np.arange(draws), points + 1), means[0].ravel(), means[1].ravel())


def step_corners(
    instance: NDArray[np.int32],
    change: tuple[Floats, Floats],
    base: tuple[Floats, Floats],
    ends: NDArray[np.intp],
    weights: NDArray[Any],
    beside: Beside,
) -> Corners:
    """The envelopes of the points of a walk of e steps.

    :param instance: [e] the instance of each step.
    :param change: [e] what each step adds to the instance's true cost, and to its true utility.
    :param base: [n] true cost and true utility of each instance where the walk begins.
    :param ends: [m - 1] ascending: after how many steps there is a point; one more stands at the beginning.
    :param weights: [B, n] how often each draw has an instance.
    """
    if len(ends) * _SPARSE <= len(instance):
        parts = _grouped(instance, change, base, ends, weights)
    else:
        parts = _walked(_Walk(instance, change, base, ends), weights)
    done: list[Flat] = []
    pending: list[Flat] = []
    for part in parts:
        pending.append(part)
        if sum(len(draw) for draw, _, _ in pending) > _PENDING:
            done.append(concave_envelopes(*_concatenated(pending)))
            pending = []
    return Corners.of(*_concatenated([*done, *pending, (np.arange(len(weights)), *beside)]))


def _concatenated(parts: Sequence[Flat]) -> Flat:
    draw, cost, utility = zip(*parts, strict=True)
    return np.concatenate(draw), np.concatenate(cost), np.concatenate(utility)


def _grouped(
    instance: NDArray[np.int32],
    change: tuple[Floats, Floats],
    base: tuple[Floats, Floats],
    ends: NDArray[np.intp],
    weights: NDArray[Any],
) -> Iterator[Flat]:
    """All points, where many steps lie between two: the steps of each group are one row of a sparse matrix."""
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    shape = len(ends), len(base[0])
    rows = np.append(0, ends)
    groups = [csr_array((values[: rows[-1]], instance[: rows[-1]], rows), shape=shape) for values in change]
    for part in _blocks(len(weights), sum(shape)):
        block = np.ascontiguousarray(weights[part].T, dtype=np.float64)
        total = block.sum(axis=0)
        sums = [
            np.cumsum(np.concatenate([np.einsum("n,nb->b", start, block)[None], group @ block]), axis=0) / total
            for start, group in zip(base, groups, strict=True)
        ]  # [m, b]
        draw = np.repeat(np.arange(part.start, part.stop), len(rows))
        yield draw, sums[0].T.ravel(), sums[1].T.ravel()


def _walked(walk: _Walk, weights: NDArray[Any]) -> Iterator[Flat]:
    """The points that may be corners, where nearly every step leads to a point."""
    blocks = _blocks(len(weights), walk.steps.size)
    space = _Space.of(walk, blocks[0].stop)
    for rows in blocks:
        block = np.ascontiguousarray(weights[rows].T, dtype=np.float64)
        yield walk.points(block, rows.start, space.first(block.shape[1]))


class _Walk:
    """The steps in G runs of `_RUN`: the first steps of all runs, then the second ones, and so on.

    A running sum within all runs is then one addition of long rows per step. The first step of all changes nothing and
    stands for the beginning of the walk.

    :ivar steps: [_RUN, G] the instance of each step.
    :ivar change: [2, _RUN, G] cost and utility that it adds.
    :ivar base: [2, n] cost and utility at the beginning.
    :ivar shown: two bool [_RUN, G, 1]: whether there is a point after a step, and after both the step before it and the
        one that follows; None where there is a point after each.
    """

    def __init__(
        self,
        instance: NDArray[np.int32],
        change: tuple[Floats, Floats],
        base: tuple[Floats, Floats],
        ends: NDArray[np.intp],
    ) -> None:
        runs = -(-(len(instance) + 1) // _RUN)

        def laid(values: NDArray[Any]) -> NDArray[Any]:
            longer = np.zeros(runs * _RUN, dtype=values.dtype)
            longer[1 : len(values) + 1] = values
            return np.ascontiguousarray(longer.reshape(runs, _RUN).T)

        self.steps = laid(instance)
        self.change = np.stack([laid(values) for values in change])
        self.base = np.stack(base)
        marks = np.zeros(len(instance), dtype=bool)
        marks[ends - 1] = True
        self.shown: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None
        if not marks.all():
            shown = np.append(True, laid(marks).T.ravel()[1:])
            beside = np.append(True, shown[:-1]) & np.append(shown[1:], False)
            self.shown = shown.reshape(-1, _RUN).T[:, :, None], beside.reshape(-1, _RUN).T[:, :, None]

    def points(self, block: Floats, first: int, space: _Space) -> tuple[NDArray[np.intp], Floats, Floats]:
        """Points of a block of draws, draw by draw along the walk: draw, mean cost and mean utility, flat.

        Left out are those that lie below a neighbour, or below the line between both.

        :param block: [n, b] weights.
        :param first: the number of the first draw.
        """
        steps, sums, kept = space.steps, space.sums, space.kept
        np.take(block, self.steps, axis=0, out=sums[1], mode="wrap")  # no index is out of range; without a copy so
        for which in (0, 1):
            np.multiply(sums[1], self.change[which][:, :, None], out=steps[which, :-1])
            # After the last step of a run comes the first of the next.
            steps[which, -1, :-1], steps[which, -1, -1] = steps[which, 0, 1:], 0.0
        self._keep(space)
        size, draws = self.steps.size, block.shape[1]
        draw, place = np.divmod(np.flatnonzero(kept.transpose(2, 1, 0).copy()), size)
        run, step = np.divmod(place, _RUN)
        place, run = (step * (size // _RUN) + run) * draws + draw, run * draws + draw
        found = []
        for which in (0, 1):
            sums[which, 0] = steps[which, 0]
            for i in range(1, _RUN):
                np.add(sums[which, i - 1], steps[which, i], out=sums[which, i])
            before = np.concatenate([np.einsum("n,nb->b", self.base[which], block)[None], sums[which, -1, :-1]])
            np.cumsum(before, axis=0, out=before)
            found.append(sums[which].ravel()[place] + before.ravel()[run])
        draw, cost, utility = thinned(draw, found[0], found[1])
        total = block.sum(axis=0)[draw]
        return draw + first, cost / total, utility / total

    def _keep(self, space: _Space) -> None:
        """Marks the points that may be corners by the steps before and after them."""
        (before, after), (gained, gains) = ((steps[:-1], steps[1:]) for steps in space.steps)
        kept, flag = space.kept, space.flag
        # Above the line between its neighbours, unless they lie in another order.
        np.greater(
            np.multiply(gained, after, out=space.sums[0]), np.multiply(gains, before, out=space.sums[1]), out=kept
        )
        kept |= np.less_equal(before, 0.0, out=flag)
        kept |= np.less_equal(after, 0.0, out=flag)
        # Neither dearer than the one before and no better, nor the same of the one after.
        np.less(before, 0.0, out=flag)
        flag |= gained > 0
        kept &= flag
        np.greater_equal(after, 0.0, out=flag)
        flag |= gains < 0
        kept &= flag
        kept[0, 0] = True
        if self.shown is not None:
            shown, beside_shown = self.shown
            kept |= ~beside_shown
            kept &= shown


@dataclass(frozen=True, eq=False)
class _Space:
    """Memory for a block of b draws: taking and touching it anew costs more than the arithmetic.

    :param steps: [2, _RUN + 1, G, b]
    :param sums: [2, _RUN, G, b]
    :param kept, flag: bool [_RUN, G, b]
    """

    steps: Floats
    sums: Floats
    kept: NDArray[np.bool_]
    flag: NDArray[np.bool_]

    @classmethod
    def of(cls, walk: _Walk, draws: int) -> _Space:
        run, runs = walk.steps.shape
        return cls(
            np.empty((2, run + 1, runs, draws)),
            np.empty((2, run, runs, draws)),
            np.empty((run, runs, draws), dtype=bool),
            np.empty((run, runs, draws), dtype=bool),
        )

    def first(self, draws: int) -> _Space:
        """The same for fewer draws."""
        if draws == self.kept.shape[-1]:
            return self
        return _Space(
            *(
                np.empty((*array.shape[:-1], draws), dtype=array.dtype)
                for array in (self.steps, self.sums, self.kept, self.flag)
            )
        )


def _blocks(draws: int, size: int) -> list[slice]:
    """Draws in blocks, so that an array of `size` numbers per draw stays in the processor's cache, or is small."""
    block = min(256, max(8, _BLOCK // max(size, 1)), max(1, _LARGEST // max(size, 1)))
    return [slice(begin, min(begin + block, draws)) for begin in range(0, draws, block)]
