"""How long a router takes per query, with intervals: from the seconds of queries asked one by one and all at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmr_core.bootstrap import interval
from mmr_core.report.schema import EstimateDocument
from mmr_leaderboard.publishing.schema import Latency

Floats = NDArray[np.float64]

DRAWS = 1000
SEED = 0
MEASURED_ONCE = "all queries were asked at once, one time"


def latency(single_seconds: Floats, batch_seconds: float, queries: int) -> Latency | None:
    """Median and 99th percentile of single queries, and throughput; None where nothing was timed.

    Intervals are percentiles of the figure over bootstrap draws of the queries that were asked one by one.

    :param single_seconds: [m] seconds of each.
    :param batch_seconds: seconds for all `queries` at once.
    """
    known = single_seconds[np.isfinite(single_seconds)]
    if len(known) == 0 or not batch_seconds > 0:
        return None
    stream = np.random.default_rng(SEED)
    drawn = known[stream.integers(0, len(known), (DRAWS, len(known)))]  # [B, m]
    return Latency(
        median_ms=_milliseconds(known, drawn, 0.5),
        p99_ms=_milliseconds(known, drawn, 0.99),
        queries_per_second=EstimateDocument(value=queries / batch_seconds, reason=MEASURED_ONCE),
        asked=len(known),
    )


def _milliseconds(known: Floats, drawn: Floats, share: float) -> EstimateDocument:
    ends = interval(np.quantile(drawn, share, axis=1, method="inverted_cdf") * 1000)
    value = float(np.quantile(known, share, method="inverted_cdf")) * 1000
    return EstimateDocument(value=value, low=ends[0] if ends else None, high=ends[1] if ends else None)
