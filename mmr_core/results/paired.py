"""Compares routers within and across runs, in pairs and on the same bootstrap draws.

Runs can be compared if they evaluated the same table on the same split with the same draws: then draw b of one run
resampled the same instances as draw b of another, and a difference has an interval of its own. `mmr compare` prints
the comparison.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError, UnknownNameError, UsageError
from mmr_core.plugins import did_you_mean
from mmr_core.results.estimates import Estimate, RowKind
from mmr_core.results.evaluation import PAIRED_METRICS, Column, Difference, difference_of
from mmr_core.results.run_result import DRAWS, RunResult
from mmr_core.results.sidecar import AGAIN, place_of, read_draws

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedRun:
    """A run that `mmr run --out` wrote.

    :param label: its folder's name, or as much of its path as tells it apart from the others.
    """

    label: str
    folder: Path
    results: RunResult


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedRow:
    """One router, or reference, of one run.

    :param label: its name, or `run:name` where several runs have that name.
    :param draws: [B] the metric in each draw.
    """

    label: str
    run: str
    name: str
    kind: RowKind
    estimate: Estimate
    draws: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """All pairs of some routers on one metric of one column.

    :param entries: in descending order of the metric; those without a figure last.
    :param differences: the better minus the other, for each pair in which both have a figure.
    """

    dataset: str
    metric: str
    draws: int
    synthetic: bool
    entries: tuple[ComparedRow, ...]
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain data: the chosen routers with their figures, then all pairs."""
        return {
            "dataset": self.dataset,
            "metric": self.metric,
            "draws": self.draws,
            "synthetic": self.synthetic,
            "routers": [
                {
                    "name": entry.label,
                    "run": entry.run,
                    "router": entry.name,
                    "kind": entry.kind,
                    "value": entry.estimate.value,
                    "low": entry.estimate.low,
                    "high": entry.estimate.high,
                }
                for entry in self.entries
            ],
            "differences": [
                {
                    "first": pair.first,
                    "second": pair.second,
                    "value": pair.value,
                    "low": pair.low,
                    "high": pair.high,
                    "decided": pair.decided,
                }
                for pair in self.differences
            ],
        }


def open_runs(paths: Sequence[Path]) -> list[RecordedRun]:
    """Reads the results of some runs, given by their folders.

    :raises UsageError: if none is given, or one twice.
    :raises DataError: if a folder holds no finished run.
    """
    if not paths:
        raise UsageError("no run to compare", fix="name folders that 'mmr run --out' wrote")
    places = [(path.parent if path.is_file() else path).resolve() for path in paths]
    twice = [str(path) for path, place in zip(paths, places, strict=True) if places.count(place) > 1]
    if twice:
        raise UsageError(f"run {twice[0]!r} is given twice", fix="name it once")
    return [
        RecordedRun(label=label, folder=place, results=RunResult.from_disk(path, arrays=False))
        for label, place, path in zip(_labels(places), places, paths, strict=True)
    ]


def compare_runs(
    runs: Sequence[RecordedRun], *, dataset: str | None = None, routers: Sequence[str] | None = None, metric: str
) -> Comparison:
    """Every pair of the chosen routers of all runs.

    :param dataset: a column of the runs; None takes the first run's headline.
    :param routers: names, or `run:name`; references of the table are named like routers; None takes all routers.
    :param metric: one of `PAIRED_METRICS`.
    :raises UsageError: if the runs cannot be compared, or fewer than two routers are left.
    :raises UnknownNameError: if no run has a router of that name.
    :raises DataError: if the draws of a run cannot be read.
    """
    if metric not in PAIRED_METRICS:
        raise UsageError(f"metric {metric!r} cannot be compared", fix=f"use one of {', '.join(PAIRED_METRICS)}")
    wanted = dataset or runs[0].results.headline.dataset
    columns = [_column(run, wanted) for run in runs]
    for (first, one), (second, other) in pairwise(zip(runs, columns, strict=True)):
        _demand_comparable((first, one), (second, other))
    entries = _chosen(_entries(runs, columns, wanted, metric), routers)
    if len(entries) < 2:
        raise UsageError(
            f"there is only {', '.join(entry.label for entry in entries) or 'nothing'} to compare on {wanted!r}",
            fix="name two routers or more, or references such as constant and oracle, with --router",
        )
    entries.sort(key=lambda entry: -np.inf if entry.estimate.value is None else entry.estimate.value, reverse=True)
    pairs = (_difference(wanted, metric, one, other) for one, other in combinations(entries, 2))
    return Comparison(
        dataset=wanted,
        metric=metric,
        draws=runs[0].results.draws,
        synthetic=runs[0].results.data.synthetic,
        entries=tuple(entries),
        differences=tuple(pair for pair in pairs if pair is not None),
    )


def _labels(places: Sequence[Path]) -> list[str]:
    """The shortest ends that tell apart paths that differ."""
    ends = (["/".join(place.parts[-length:]) for place in places] for length in count(1))
    return next(labels for labels in ends if len(set(labels)) == len(labels))


def _column(run: RecordedRun, dataset: str) -> Column:
    column = run.results.column(dataset)
    if column is None:
        known = ", ".join(column.dataset for column in run.results.columns)
        raise UsageError(
            f"run {run.label!r} has no results on dataset {dataset!r}",
            fix=f"it has {known}; choose one that all runs have with --dataset",
        )
    return column


def _demand_comparable(one: tuple[RecordedRun, Column], other: tuple[RecordedRun, Column]) -> None:
    facts = [
        {
            "price sheet": run.results.data.price_sheet or "none",
            "table digest": run.results.data.digest,
            "split digest": column.split_digest,
            "number of draws": column.whole.draws,
            "draw seed": run.results.draw_seed,
            "number of instances": column.whole.instances,
        }
        for run, column in (one, other)
    ]
    differ = [f"{what} ({facts[0][what]}, {facts[1][what]})" for what in facts[0] if facts[0][what] != facts[1][what]]
    if differ:
        raise UsageError(
            f"runs {one[0].label!r} and {other[0].label!r} differ in {' and '.join(differ)}",
            fix="compare runs on the same table, split, prices and draws",
        )


def _entries(runs: Sequence[RecordedRun], columns: Sequence[Column], dataset: str, metric: str) -> list[ComparedRow]:
    """Every row of every run; references, which are the same in all runs, of the first alone."""
    counts = Counter(row.name for column in columns for row in column.whole.rows if row.kind == "router")
    references = {row.name for row in columns[0].whole.rows if row.kind == "reference"}
    found = []
    for run, column in zip(runs, columns, strict=True):
        file, whole = run.folder / DRAWS, column.whole
        kept = read_draws(file, dataset=dataset, metric=metric)
        for row in whole.rows:
            if row.kind == "reference" and run is not runs[0]:
                continue
            draws = kept.get(place_of(column, whole, row), {}).get(metric, np.empty(0))
            if len(draws) != whole.draws:
                raise DataError(
                    f"has {len(draws)} draws of row {row.name!r} on {dataset!r} where results.json has {whole.draws}",
                    where=str(file),
                    fix=AGAIN,
                )
            clashes = row.kind == "router" and (counts[row.name] > 1 or row.name in references)
            found.append(
                ComparedRow(
                    label=f"{run.label}:{row.name}" if clashes else row.name,
                    run=run.label,
                    name=row.name,
                    kind=row.kind,
                    estimate=row.metrics[metric],
                    draws=draws,
                )
            )
    return found


def _chosen(entries: Sequence[ComparedRow], routers: Sequence[str] | None) -> list[ComparedRow]:
    if routers is None:
        return [entry for entry in entries if entry.kind == "router"]
    chosen: dict[int, ComparedRow] = {}
    for wanted in routers:
        matches = [entry for entry in entries if wanted in (entry.label, entry.name, f"{entry.run}:{entry.name}")]
        if not matches:
            known = [entry.label for entry in entries]
            raise UnknownNameError(
                f"no run has a router {wanted!r}{did_you_mean(wanted, known)}", fix=f"they have {', '.join(known)}"
            )
        chosen.update({id(entry): entry for entry in matches})
    return list(chosen.values())


def _difference(dataset: str, metric: str, first: ComparedRow, second: ComparedRow) -> Difference | None:
    if first.estimate.value is None or second.estimate.value is None:
        return None
    value = first.estimate.value - second.estimate.value
    return difference_of(dataset, metric, first.label, second.label, value, first.draws, second.draws)
