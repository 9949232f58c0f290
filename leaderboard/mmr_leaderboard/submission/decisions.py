"""Decisions from a file: read once, checked against the test instances and the pool, and turned into a policy.

Two layouts: `instance_id, operating_point, model`, or `instance_id, operating_point` and one probability column per
model of the pool. Everything that is wrong is reported at once, with counts. All steps are vectorised: a million rows
are checked in seconds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.runner.policies import Decided
from mmr_leaderboard.findings import Finding, finding
from mmr_leaderboard.submission.decision_file import DecisionFile, DecisionsRefused
from mmr_leaderboard.submission.decision_rows import INSTANCE, MODEL, POINT, Rows, counted, read_rows
from mmr_leaderboard.submission.folder import PARQUET
from mmr_leaderboard.submission.parquet import open_parquet
from mmr_leaderboard.submission.pins import Expected
from mmr_leaderboard.submission.zipped_csv import open_csv_gz

POINTS = 256
"""The most operating points that a curve may have."""

ROWS_ALWAYS = 1_000_000
ROWS_NEVER = 20_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class DecidedPoints:
    """Valid decisions: one for each of n test instances at each of m operating points.

    :param points: m names, sorted by number if all are numbers, else by text.
    :param choice: int16 [m, n] indices into the pool; None if probabilities are given.
    :param probabilities: float32 or float64 [m, n, K], as given; None if models are named.
    :param models: K, the size of the pool.
    """

    points: tuple[str, ...]
    choice: NDArray[np.int16] | None
    probabilities: NDArray[Any] | None
    models: int

    def policy(self) -> Decided:
        """The decisions as a policy like a router's; the weights are just the numbers of the points, 0 to m - 1."""
        if self.choice is not None:
            rows = tuple(np.eye(self.models)[one] for one in self.choice)
        else:
            assert self.probabilities is not None
            rows = tuple(one.astype(np.float64) for one in self.probabilities)
        return Decided(np.arange(len(rows), dtype=np.float64), rows)

    def content(self) -> str:
        """A digest of the decisions themselves.

        It does not depend on the file format, the order of rows, the layout if probabilities are all 0 or 1, or the
        names, order and repetition of points; probabilities count to six digits.
        """
        if self.choice is not None:
            points = [one.astype("<i2").tobytes() for one in self.choice]
        else:
            assert self.probabilities is not None
            points = [_content(one) for one in self.probabilities]
        digests = sorted({blake2b(one, digest_size=16).digest() for one in points})
        return blake2b(b"".join(digests), digest_size=16).hexdigest()


def read_decisions(name: str, content: bytes, expected: Expected) -> tuple[DecidedPoints | None, list[Finding]]:
    """The decisions of a file, or what is wrong with them; one of the two is empty.

    :param name: `decisions.parquet` or `decisions.csv.gz`.
    """
    opener = open_parquet if name == PARQUET else open_csv_gz
    try:
        opened = opener(name, content, rows_allowed(len(expected.test_ids)))
        findings = _columns(name, opened, expected)
        usable = _usable(opened, expected)
        if usable is None:
            return None, findings
        rows, noticed = read_rows(name, opened, usable, expected)
    except DecisionsRefused as refused:
        return None, [refused.found]
    findings += noticed + _points(name, rows) + _coverage(name, rows, expected)
    return (None, findings) if findings else (_in_order(rows, expected), [])


def rows_allowed(instances: int) -> int:
    """How many rows are read for n test instances: more than can be right, so that the excess can be reported."""
    return min(ROWS_NEVER, max(ROWS_ALWAYS, 2 * POINTS * instances))


def _columns(name: str, opened: DecisionFile, expected: Expected) -> list[Finding]:
    """What is wrong with the columns."""
    columns = opened.columns
    findings = []
    twice = [column for column, times in Counter(columns).items() if times > 1]
    if twice:
        findings.append(finding("extra-column", name, "columns occur more than once", twice))
    known = {INSTANCE, POINT, MODEL, *expected.pool}
    extra = [column for column in dict.fromkeys(columns) if column not in known]
    probabilities = [column for column in expected.pool if column in columns and column != MODEL]
    if MODEL in columns:
        extra += probabilities
    if extra:
        findings.append(finding("extra-column", name, f"{len(extra)} columns do not belong in decisions", extra))
    missing = [column for column in (INSTANCE, POINT) if column not in columns]
    if MODEL not in columns:
        missing += [model for model in expected.pool if model not in columns] if probabilities else [MODEL]
    if missing:
        findings.append(finding("missing-column", name, f"{len(missing)} columns are missing", missing))
    return findings


def _usable(opened: DecisionFile, expected: Expected) -> tuple[str, ...] | None:
    """The columns that hold the decisions: `model`, or the pool's; None if required columns are missing."""
    columns = opened.columns
    if len(set(columns)) < len(columns) or not {INSTANCE, POINT} <= set(columns):
        return None
    if MODEL in columns:
        return (MODEL,)
    return expected.pool if set(expected.pool) <= set(columns) else None


def _points(name: str, rows: Rows) -> list[Finding]:
    found = len(rows.points)
    if found <= POINTS:
        return []
    some = [repr(point) for point in rows.points[:10]]
    return [counted("too-many-points", f"{name}, column {POINT}", f"{found:,} operating points", some, found)]


def _coverage(name: str, rows: Rows, expected: Expected) -> list[Finding]:
    """Instances without a decision, and instances with two."""
    n = len(expected.test_ids)
    if not rows.points:
        few = f"there are no operating points, and {n} instances to decide"
        return [counted("missing-instance", name, few, expected.test_ids[:10], n)]
    known = (rows.instance >= 0) & (rows.point >= 0)
    cells = rows.point[known].astype(np.int64) * n + rows.instance[known]
    covered = coverage(cells, len(rows.points) * n)

    def shown(cells: NDArray[np.int64]) -> list[str]:
        return [f"{expected.test_ids[cell % n]!r} at {rows.points[cell // n]!r}" for cell in cells.tolist()]

    findings = []
    if covered.missing:
        told = f"{covered.missing:,} of {len(rows.points):,} x {n:,} decisions are missing"
        findings.append(counted("missing-instance", name, told, shown(covered.first_missing), covered.missing))
    if covered.repeated:
        told = f"{covered.repeated:,} decisions repeat an instance at the same operating point"
        findings.append(counted("two-decisions", name, told, shown(covered.first_repeated), covered.repeated))
    return findings


def _in_order(rows: Rows, expected: Expected) -> DecidedPoints:
    """Complete decisions without repetition, in the order of the test instances."""
    m, n, pool = len(rows.points), len(expected.test_ids), len(expected.pool)
    order = sorted(range(m), key=_sort_key(rows.points))
    place = np.empty(m, dtype=np.int64)
    place[order] = np.arange(m)
    cells = place[rows.point] * n + rows.instance
    points = tuple(rows.points[i] for i in order)
    if rows.model is not None:
        choice = np.empty(m * n, dtype=np.int16)
        choice[cells] = rows.model
        return DecidedPoints(points=points, choice=choice.reshape(m, n), probabilities=None, models=pool)
    assert rows.probabilities is not None
    probabilities = np.empty((m * n, pool), dtype=rows.probabilities.dtype)
    probabilities[cells] = rows.probabilities
    return DecidedPoints(points=points, choice=None, probabilities=probabilities.reshape(m, n, pool), models=pool)


def _sort_key(points: Sequence[str]) -> Callable[[int], tuple[float, str]]:
    """Sorts points by number if all are finite numbers, else by text."""
    try:
        values = [float(point) for point in points]
    except ValueError:
        values = []
    numbered = len(values) == len(points) and all(math.isfinite(value) for value in values)
    return lambda i: (values[i] if numbered else 0.0, points[i])


def _content(probabilities: NDArray[Any]) -> bytes:
    """Bytes for one point's probabilities [n, K]; model indices if each row has all its weight on one model."""
    if ((probabilities == 0) | (probabilities == 1)).all():
        kept = probabilities.argmax(axis=1).astype("<i2")
    else:
        kept = np.rint(probabilities.astype(np.float64) * 1e6).astype("<i4")
    return bytes(kept.tobytes())


Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage:
    """How often the cells of a grid are taken.

    :param missing: how many cells are not taken at all.
    :param first_missing: the first of them, ascending.
    :param repeated: how many takings repeat an earlier one.
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
