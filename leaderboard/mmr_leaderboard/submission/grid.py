"""Finds what is missing and what is there twice among the cells of a grid, without holding the grid. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage:
    """How often cells of a grid are taken.

    :param missing: how many cells are not taken at all.
    :param first_missing: the first of them, ascending.
    :param repeated: how many times a cell is taken that was taken before.
    :param first_repeated: the first cells that are taken more than once, ascending.
    """

    missing: int
    first_missing: Integers
    repeated: int
    first_repeated: Integers

    @property
    def exact(self) -> bool:
        """Whether each cell is taken once."""
        return self.missing == 0 and self.repeated == 0


def coverage(taken: Integers, size: int, examples: int = 10) -> Coverage:
    """How the cells 0 to `size` - 1 are taken.

    :param taken: [r] the cell that each row takes, in any order.
    """
    ordered = np.sort(taken)
    again = ordered[1:] == ordered[:-1]
    distinct = ordered[np.concatenate(([True], ~again))] if len(ordered) else ordered  # [d]
    # Before the d-th cell that is taken, distinct[d] - d cells are not: this never falls, so it can be searched.
    gaps = distinct - np.arange(len(distinct))
    missing = size - len(distinct)
    ranks = np.arange(min(missing, examples))
    return Coverage(
        missing=missing,
        first_missing=ranks + np.searchsorted(gaps, ranks, side="right"),
        repeated=int(again.sum()),
        first_repeated=np.unique(ordered[1:][again])[:examples],
    )
