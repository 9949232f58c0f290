"""The rows of a training split that are most similar to queries, by cosine: exact, quick and in bounded memory.

A similarity is a float64 product rounded to nine decimals, and among equal ones the first rows in training win.
Float32 products take a tenth of the time, so they find the candidates: every row that their rounding error leaves in
reach of the k-th place. Only those are then computed in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.intp]

CELLS_AT_ONCE = 2**24
"""How many float32 similarities are held at a time: 64 MiB. Other arrays of a block are smaller."""

SIMILARITY_DECIMALS = 9
"""The last bits of a matrix product depend on the size of the batch, and float32 features mean nothing below 1e-9:
rounded, near ties are ties, which the order of training breaks in every batch alike."""

COLUMNS_PER_GROUP = 32


def unit_rows(rows: Floats) -> Floats:
    """Rows at unit length; a row of zeros stays one."""
    norm = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return rows / np.where(norm > 0, norm, 1.0)


class CosineNeighbours:
    """The most similar rows of a training split.

    >>> search = CosineNeighbours(np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]), 2)
    >>> [(rows, neighbours.tolist()) for rows, neighbours in search.blocks(np.array([[0.0, 3.0]]))]
    [(slice(0, 1, None), [[1, 2]])]

    :param unit: float64 [n, p], rows of unit length or of zeros, which are as similar as orthogonal ones.
    :param count: k, how many rows to find, at most n.
    """

    def __init__(self, unit: Floats, count: int) -> None:
        self._unit = unit
        self._count = count
        self._single = unit.astype(np.float32)
        # Two roundings of the factors, p of the sum, and the decimals; some to spare for norms just above 1.
        self._error = (unit.shape[1] + 4) * 2.0**-24 + 10.0**-SIMILARITY_DECIMALS
        # Whole groups of columns are passed over by their maximum. With many more groups than neighbours, few stay.
        self._group_size = max(1, min(COLUMNS_PER_GROUP, len(unit) // (8 * count)))
        self._groups = -(-len(unit) // self._group_size)

    def blocks(self, queries: NDArray[np.floating]) -> Iterator[tuple[slice, Indices]]:
        """Block by block of queries, the most similar rows of each, int [block, k], in ascending order.

        :param queries: floats [m, p], of any length and precision.
        """
        at_once = min(max(1, len(queries)), max(16, min(1024, CELLS_AT_ONCE // len(self._unit))))
        similarity = np.full((at_once, self._group_size * self._groups), -np.inf, dtype=np.float32)
        for start in range(0, len(queries), at_once):
            rows = slice(start, min(start + at_once, len(queries)))
            yield rows, self._neighbours(unit_rows(queries[rows].astype(np.float64)), similarity[: rows.stop - start])

    def _neighbours(self, queries: Floats, similarity: NDArray[np.float32]) -> Indices:
        """[m, k] for unit queries.

        :param similarity: [m, at least n] to be written into, -inf beyond column n.
        """
        columns = len(self._unit)
        np.matmul(queries.astype(np.float32), self._single.T, out=similarity[:, :columns])
        grouped = similarity.reshape(len(queries), self._group_size, self._groups)  # column j is in group j % groups
        greatest = grouped.max(axis=1)  # [m, groups]
        # At least `count` columns reach the count-th greatest maximum, so the true k-th is at most one error below it.
        least = np.partition(greatest, self._groups - self._count, axis=1)[:, self._groups - self._count]
        floor = least - 2 * self._error  # [m]
        near = greatest >= floor[:, None]
        crowded = near.sum(axis=1) > self._groups // 4
        near[crowded] = False
        found = np.empty((len(queries), self._count), dtype=np.intp)
        found[~crowded] = self._among_candidates(queries, grouped, near, floor)
        for rows in _pieces(np.flatnonzero(crowded), columns):
            found[rows] = most_similar(np.round(queries[rows] @ self._unit.T, SIMILARITY_DECIMALS), self._count)
        return found

    def _among_candidates(
        self, queries: Floats, grouped: NDArray[np.float32], near: NDArray[np.bool_], floor: NDArray[np.float32]
    ) -> Indices:
        """The neighbours, [some, count], of the queries that have groups marked as near."""
        row, group = np.nonzero(near)
        pair, place = np.nonzero(grouped[row, :, group] >= floor[row, None])  # of [pairs, group size]
        row, column = row[pair], place * self._groups + group[pair]
        exact = np.empty(len(row))
        for some in _pieces(np.arange(len(row)), self._unit.shape[1]):
            exact[some] = np.einsum("ij,ij->i", queries[row[some]], self._unit[column[some]])
        order = np.lexsort((column, -np.round(exact, SIMILARITY_DECIMALS), row))
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(queries)))])
        rank = np.arange(len(row)) - starts[row]  # rows are in order, so this is the rank after sorting, too
        return np.sort(column[order[rank < self._count]].reshape(-1, self._count), axis=1)


def most_similar(similarity: Floats, count: int) -> Indices:
    """The columns of the `count` greatest values of each row, int [n, count], in ascending order of the column.

    Of equal values the leftmost are taken, as by a stable sort, which would take several times as long.
    """
    columns = similarity.shape[1]
    least = np.partition(similarity, columns - count, axis=1)[:, columns - count, None]  # [n, 1]
    taken = similarity >= least
    crowded = taken.sum(axis=1) > count
    if crowded.any():
        above = similarity[crowded] > least[crowded]
        tied = similarity[crowded] == least[crowded]
        room = count - above.sum(axis=1, keepdims=True)
        taken[crowded] = above | (tied & (tied.cumsum(axis=1) <= room))
    return np.nonzero(taken)[1].reshape(len(similarity), count)


def _pieces(items: Indices, width: int) -> Iterator[Indices]:
    """Items in pieces, so that `width` float64 for each take a quarter of the memory of a block."""
    size = max(1, CELLS_AT_ONCE // 8 // width)
    return (items[start : start + size] for start in range(0, len(items), size))
