"""Walks of many instances at once from model to model, as the trade-off weight or the budget rises.

The walks of `sweep`: down the upper envelope of each instance's lines, or up through the models that become affordable.
Every step compares all K models of all instances of a chunk that are still walking, so the passes over memory are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.summation import two_sum

Floats = NDArray[np.float64]
Pairs = NDArray[np.complex128]
Models = NDArray[np.intp]
Step = Callable[[Floats, Floats, Floats, Floats], tuple[Floats, Models]]

_CHUNK = 8192
"""Instances walked at a time; their K lines then stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Walks:
    """All steps of all instances in no particular order, and where each walk began and ended."""

    level: Floats
    instance: NDArray[np.int32]
    change: Pairs
    rest: Floats
    first: Pairs
    last: Pairs


def walk(
    arrays: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]],
    *,
    start: Callable[[Floats, Floats], Models],
    step: Step,
) -> Walks:
    """Walks every instance from where `start` puts it, one `step` after another, to its last model.

    :param arrays: predicted utility, predicted cost, true utility and true cost, [n, K] each.
    """
    pred_utility, pred_cost, utility, cost = arrays
    n, models = pred_utility.shape
    first, last = np.empty((2, n), dtype=np.complex128)
    # No walk visits a model twice. Memory beyond the last event is never touched, so it costs nothing.
    most = n * (models - 1)
    level, instance, change, rest = np.empty(most), np.empty(most, np.int32), np.empty(most, complex), np.empty(most)
    events = 0
    for begin in range(0, n, _CHUNK):
        rows = slice(begin, min(begin + _CHUNK, n))
        lines = as_lines(pred_utility[rows], pred_cost[rows])
        true_cost, true_utility = (np.ascontiguousarray(array[rows], np.float64).ravel() for array in (cost, utility))
        origin = np.arange(rows.stop - begin) * models
        chosen = start(*lines)
        now_cost, now_utility = true_cost[origin + chosen], true_utility[origin + chosen]
        first.real[rows], first.imag[rows] = now_cost, now_utility
        for reached, walkers, after in steps(lines, chosen, step):
            new = slice(events, events + len(walkers))
            events = new.stop
            level[new] = reached
            np.add(walkers, begin, out=instance[new], casting="same_kind")
            place = origin[walkers] + after
            then_cost, then_utility = true_cost[place], true_utility[place]
            change.real[new], rest[new] = two_sum(then_cost, -now_cost[walkers])
            change.imag[new] = then_utility - now_utility[walkers]
            now_cost[walkers], now_utility[walkers] = then_cost, then_utility
        last.real[rows], last.imag[rows] = now_cost, now_utility
    return Walks(
        level=level[:events],
        instance=instance[:events],
        change=change[:events],
        rest=rest[:events],
        first=first,
        last=last,
    )


def steps(
    lines: Floats, chosen: NDArray[np.integer[Any]], step: Step
) -> Iterator[tuple[Floats, NDArray[np.intp], Models]]:
    """The steps of one chunk, all instances abreast: (level, who steps, to which model).

    :param lines: [2, K, m] of `as_lines`.
    :param chosen: [m] where the walks begin.
    """
    walkers, at = np.arange(len(chosen)), chosen.astype(np.intp)
    reached = np.full(len(chosen), -np.inf)
    while True:
        here = lines.reshape(2, -1).take(at * len(at) + np.arange(len(at)), axis=1)
        level, at = step(*lines, *here)
        moving = np.flatnonzero(at >= 0)
        if len(moving) == 0:
            return
        if len(moving) < len(walkers):
            lines = lines.take(moving, axis=2)
            walkers, at, reached, level = walkers[moving], at[moving], reached[moving], level[moving]
        reached = np.maximum(reached, level)
        yield reached, walkers, at


def as_lines(pred_utility: NDArray[Any], pred_cost: NDArray[Any]) -> Floats:
    """[2, K, m]: the loss, which is minus the utility, and the cost of each model.

    Model by model, so that comparisons between models run over contiguous memory.
    """
    lines = np.empty((2, *pred_utility.T.shape))
    lines[0], lines[1] = pred_utility.T, pred_cost.T
    np.negative(lines[0], out=lines[0])
    return lines


def dearest(loss: Floats, cost: Floats) -> Models:
    """[m] argmin of loss; ties: lower cost, then lower index."""
    return _least(loss, cost)[1]


def cheapest(loss: Floats, cost: Floats) -> Models:
    """[m] argmin of cost; ties: lower loss, then lower index."""
    return _least(cost, loss)[1]


def next_cheaper(loss: Floats, cost: Floats, loss_now: Floats, cost_now: Floats) -> tuple[Floats, Models]:
    """The next corner of each upper envelope: ([m] its lambda, [m] the model that takes over, or -1)."""
    # On an envelope every cheaper model has a higher loss. Those that are not cheaper are divided by 0, which saves a
    # mask: infinity is never chosen, nor is the nan of 0 / 0.
    crossing, saved = loss - loss_now, cost_now - cost  # [K, m]
    np.maximum(saved, 0.0, out=saved)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        np.divide(crossing, saved, out=crossing)
        np.abs(crossing, out=crossing)
        return _least(crossing, cost, loss)


def next_better(loss: Floats, cost: Floats, loss_now: Floats, cost_now: Floats) -> tuple[Floats, Models]:
    """The cheapest model that beats the present one: ([m] its predicted cost, [m] the model, or -1)."""
    return _least(np.where(loss < loss_now, cost, np.inf), loss)


def _least(keys: Floats, *tie_breaks: Floats) -> tuple[Floats, Models]:
    """For each column the least key and the model that has it, -1 where none is finite; nan is passed over.

    Ties go to the least of each of `tie_breaks` in turn, then to the lower index. Ties are rare, so only their columns
    are looked at twice.
    """
    least = np.fmin.reduce(keys, axis=0)
    least[np.isinf(least)] = np.nan  # equals no key
    hits = keys == least  # [K, m]
    # The number of the model that hits, counted from 1, by whole numbers of one byte: many fit into a vector.
    numbers = np.arange(1, len(keys) + 1, dtype=np.int8 if len(keys) < 128 else np.int16)[:, None]
    model = (hits.view(np.int8) * numbers).max(axis=0).astype(np.intp) - 1
    if np.count_nonzero(hits) > np.count_nonzero(model >= 0):
        tied = np.flatnonzero(np.count_nonzero(hits, axis=0) > 1)
        left = hits[:, tied]
        for tie_break in tie_breaks:
            values = np.where(left, tie_break[:, tied], np.inf)
            left &= values == values.min(axis=0)
        model[tied] = left.argmax(axis=0)
    return least, model
