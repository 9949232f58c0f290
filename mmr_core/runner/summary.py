"""What follows from several columns: macro averages per scenario and over scenarios, and differences in pairs.

Both work on the draws that the rows carry, so that an average and a difference have intervals of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mmr_core.results import (
    METRIC_NAMES,
    PAIRED_METRICS,
    Column,
    Difference,
    Estimate,
    Macro,
    MacroRow,
    Row,
    Slice,
    difference_of,
    estimate,
)

Floats = NDArray[np.float64]
Drawn = Row | MacroRow

EVERYTHING = "all"


def macro_averages(columns: Sequence[Column]) -> tuple[Macro, ...]:
    """Means over the datasets of each scenario, then over scenarios (section 5.1); mixtures do not count.

    A row that is missing from a part, because its router failed there, has no average. An infinite part makes the
    average infinite. Empty where there is a single dataset.
    """
    plain = [column for column in columns if not column.members]
    if len(plain) < 2:
        return ()
    by_scenario: dict[str, list[Column]] = {}
    for column in plain:
        by_scenario.setdefault(column.scenario, []).append(column)
    scenarios = [
        Macro(
            name=scenario,
            parts=tuple(column.dataset for column in members),
            rows=averaged([column.whole.rows for column in members]),
        )
        for scenario, members in by_scenario.items()
    ]
    overall = Macro(
        name=EVERYTHING,
        parts=tuple(macro.name for macro in scenarios),
        rows=averaged([macro.rows for macro in scenarios]),
    )
    return (*scenarios, overall)


def paired_differences(part: Slice, names: Sequence[str] | None = None) -> list[Difference]:
    """Every pair of routers on every metric, the better first, on the same draws.

    :param names: the rows to pair; all routers where None.
    """
    rows = [row for row in part.rows if (row.kind == "router" if names is None else row.name in names)]
    return [
        difference
        for metric in PAIRED_METRICS
        for one, other in combinations(rows, 2)
        if (difference := _difference(part.name, metric, one, other)) is not None
    ]


def _difference(name: str, metric: str, one: Drawn, other: Drawn) -> Difference | None:
    values = [row.metrics[metric].value for row in (one, other)]
    if values[0] is None or values[1] is None:
        return None
    first, second = (one, other) if values[0] >= values[1] else (other, one)
    value, draws = abs(values[0] - values[1]), (first.draws[metric], second.draws[metric])
    return difference_of(name, metric, first.name, second.name, value, *draws)


def averaged(parts: Sequence[Sequence[Drawn]]) -> tuple[MacroRow, ...]:
    """Means of the rows that all parts have, with the draws of those means.

    :param parts: the rows of each dataset, or of each scenario.
    """
    by_name = [{row.name: row for row in part} for part in parts]
    shared = [row for row in parts[0] if all(row.name in part for part in by_name)]
    return tuple(
        MacroRow(
            name=row.name,
            kind=row.kind,
            metrics={metric: _average([part[row.name] for part in by_name], metric) for metric in METRIC_NAMES},
            draws={metric: _mean_draws([part[row.name] for part in by_name], metric) for metric in METRIC_NAMES},
        )
        for row in shared
    )


def _average(rows: Sequence[Drawn], metric: str) -> Estimate:
    values = [row.metrics[metric].value for row in rows]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Estimate(value=None, reason="a part of the average has no figure")
    return estimate(float(np.mean(known)), _mean_draws(rows, metric))


def _mean_draws(rows: Sequence[Drawn], metric: str) -> Floats:
    means: Floats = np.mean([row.draws[metric] for row in rows], axis=0)
    return means
