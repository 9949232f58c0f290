"""The evaluation protocol of the authors' released program, reproduced figure by figure.

It serves only for comparison with what they published: its split, its treatment of missing outcomes and its metrics
differ from those of `mmr_core.runner` on purpose. `scoring` turns predictions into their three metrics, `thresholds`
makes that fast, `protocol` evaluates routers on one dataset, and `authors_run` on several. Their features and fits come
from plugins, as components of the protocol "authors".
"""

from __future__ import annotations

from mmr_core.authors.protocol import (
    AuthorsResult,
    authors_order,
    authors_split,
    evaluate_authors,
    fill_missing,
    unit_rows,
)
from mmr_core.authors.scoring import (
    AuthorsMetrics,
    authors_metrics,
    authors_oracle,
    authors_point_metrics,
    best_single,
    random_points,
)

__all__ = [
    "AuthorsMetrics",
    "AuthorsResult",
    "authors_metrics",
    "authors_oracle",
    "authors_order",
    "authors_point_metrics",
    "authors_split",
    "best_single",
    "evaluate_authors",
    "fill_missing",
    "random_points",
    "unit_rows",
]
