"""How long a router takes per query, with intervals: from queries asked one by one and in batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.bootstrap import interval
from mmr_core.results import Estimate
from mmr_leaderboard.publish.schema import Latency

Floats = NDArray[np.float64]

DRAWS = 1000
SEED = 0


def latency(single_seconds: Floats, batch_rates: Floats) -> Latency | None:
    """Median and 99th percentile of single queries, and throughput; None where nothing was timed.

    Intervals are percentiles of the figure over bootstrap draws: of the queries that were asked one by one, and of
    the batches that were asked at once.

    :param single_seconds: [m] seconds of each query that was asked by itself.
    :param batch_rates: [b] queries per second of each batch.
    """
    known, rates = (times[np.isfinite(times)] for times in (single_seconds, batch_rates))
    if len(known) == 0 or len(rates) == 0:
        return None
    drawn, drawn_rates = (_drawn(times) for times in (known, rates))
    ends = interval(np.median(drawn_rates, axis=1))
    low, high = ends or (None, None)
    return Latency(
        median_ms=_milliseconds(known, drawn, 0.5),
        p99_ms=_milliseconds(known, drawn, 0.99),
        queries_per_second=Estimate(value=float(np.median(rates)), low=low, high=high),
        asked=len(known),
    )


def _drawn(times: Floats) -> Floats:
    """[B, m] bootstrap draws of [m] figures."""
    return times[np.random.default_rng(SEED).integers(0, len(times), (DRAWS, len(times)))]


def _milliseconds(known: Floats, drawn: Floats, share: float) -> Estimate:
    ends = interval(np.quantile(drawn, share, axis=1, method="inverted_cdf") * 1000)
    value = float(np.quantile(known, share, method="inverted_cdf")) * 1000
    return Estimate(value=value, low=ends[0] if ends else None, high=ends[1] if ends else None)
