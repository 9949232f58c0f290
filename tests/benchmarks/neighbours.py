"""Measures the search for neighbours of the `knn` router, beside scikit-learn's brute-force search.

    python tests/benchmarks/neighbours.py [--large]

Both run on one thread; times are CPU seconds. `--large` adds 50,000 x 100,000, some 20 seconds, without scikit-learn.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from mmr_core.numerics.means import group_means, summands
from mmr_plugins.routers.cosine_neighbours import CosineNeighbours, unit_rows

NEIGHBOURS, WIDTH, MODELS = 50, 64, 10


def seconds_of(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def own(training: np.ndarray, queries: np.ndarray, outcomes: np.ndarray) -> None:
    """What `KNNRouter.predict` does: the neighbours, and their mean utility and cost."""
    parts, fallback = summands(outcomes, largest=NEIGHBOURS), outcomes.mean(axis=0)
    for _, neighbours in CosineNeighbours(unit_rows(training.astype(float)), NEIGHBOURS).blocks(queries):
        group_means(parts, neighbours, fallback)
        group_means(parts, neighbours, fallback)


def reference(training: np.ndarray, queries: np.ndarray) -> None:
    search = NearestNeighbors(n_neighbors=NEIGHBOURS, metric="cosine", algorithm="brute", n_jobs=1).fit(training)
    search.kneighbors(queries, return_distance=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    sizes = [(20_000, 5_000), *([(50_000, 100_000)] if parser.parse_args().large else [])]
    rng = np.random.default_rng(0)
    print("| training x queries | knn | peak memory | NearestNeighbors | ratio |")
    print("|---|---|---|---|---|")
    for n, m in reversed(sizes):
        training, queries = (rng.normal(size=(rows, WIDTH)).astype(np.float32) for rows in (n, m))
        outcomes = rng.random((n, MODELS))
        mine = seconds_of(lambda: own(training, queries, outcomes))  # noqa: B023
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        theirs = seconds_of(lambda: reference(training, queries)) if m < 10_000 else None  # noqa: B023
        beside = "not run |" if theirs is None else f"{theirs:.1f} s | {mine / theirs:.2f}"
        print(f"| {n:,} x {m:,} | {mine:.1f} s | {peak / 2**20:,.0f} MiB | {beside} |")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
