"""Whether two arrays of feature rows are the same: what encoders and fusions are held to.

Rows may differ by rounding, because sums over a batch of another size round otherwise in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.testing.checks import Broken

ROUNDING = 1e-4
"""How far apart two rows may be, relative to the length of the first: a few thousand roundings of float32."""


def demand_rows(rows: object, count: int, what: str) -> NDArray[Any]:
    """The rows, if they are finite float32 [count, d].

    :raises Broken: if they are not.
    """
    due = f"{what} gives finite float32 [{count}, d]"
    if not isinstance(rows, np.ndarray):
        raise Broken(f"a {type(rows).__name__}", expected=due)
    if rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != count or not rows.shape[1]:
        raise Broken(f"{rows.dtype} of shape {rows.shape}", expected=due)
    if not np.isfinite(rows).all():
        raise Broken(f"{int((~np.isfinite(rows)).any(axis=1).sum())} rows that are not finite", expected=due)
    return rows


def demand_same_rows(first: NDArray[Any], second: NDArray[Any], when: str) -> None:
    """:raises Broken: if a row is another, beyond rounding."""
    if first.shape != second.shape:
        raise Broken(f"{when}, rows had shape {second.shape} instead of {first.shape}")
    if not len(first):
        return
    apart = np.linalg.norm(first.astype(np.float64) - second.astype(np.float64), axis=1)
    allowed = ROUNDING * np.maximum(np.linalg.norm(first.astype(np.float64), axis=1), 1e-6)
    changed = apart > allowed
    if changed.any():
        raise Broken(f"{when}, {int(changed.sum())} of {len(first)} rows changed, by up to {apart.max():.2g}")
