"""Carries out `mmr savings`: opens the table, fits routers, prints and writes the page.

Apart from `savings` so that parsing the command line imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from joblib import cpu_count

from mmr_core.cli.arguments import ALL, listed, registry
from mmr_core.cli.preparing import demand_folder, lineup, prepared_table, price_sheet_version
from mmr_core.errors import WORK_FAILED
from mmr_core.features import FeatureCache, cache_folder
from mmr_core.features.selection import FeatureChoice, feature_source
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.render.console import console, note, print_json, progress, warn
from mmr_core.render.savings.files import write_savings
from mmr_core.render.savings.grids import savings_grids
from mmr_core.render.savings.words import left_out, summary
from mmr_core.render.tables import GridTable
from mmr_core.results.savings import Savings
from mmr_core.results.savings_document import savings_document
from mmr_core.runner import Options, columns_of
from mmr_core.savings.page import measure_savings
from mmr_core.savings.pool import pooled
from mmr_core.specs import DatasetSpec


@dataclass(frozen=True, kw_only=True)
class Request:
    """The command line of `mmr savings`; names are still what was typed."""

    data: str | None
    datasets: str | None
    routers: str | None
    models: str | None
    every_model: bool
    features: FeatureChoice
    parameters: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    draws: int
    prices: Path | None
    jobs: int | None
    log_cost: bool | None
    out: Path | None
    json: bool


def save_request(request: Request) -> None:
    """Measures, prints and writes; ends with exit code 1 if a router failed."""
    demand_folder(request.out)
    found = registry()
    with progress(shown=not request.json) as watch:
        entrants, skipped = lineup(request.routers, found.routers, request.parameters)
        table = prepared_table(request.data, found, watch, models=request.models, prices=request.prices)
        cache = FeatureCache(cache_folder())
        result = measure_savings(
            table,
            _columns(request.datasets, table, found),
            entrants,
            source=feature_source(request.features, found, cache=cache, warn=warn, progress=watch),
            registry=found,
            options=Options(seeds=request.seeds, fusion_parameters=request.parameters, draws=request.draws),
            every_model=request.every_model,
            jobs=request.jobs or cpu_count(),
            price_sheet=price_sheet_version(request.prices),
            skipped_routers=skipped,
            progress=watch,
        )
    for line in _remarks(result):
        warn(line)
    if request.json:
        print_json(savings_document(result).model_dump(mode="json"))
    else:
        _print(result)
    if request.out is not None:
        for path in write_savings(result, request.out, log_cost=request.log_cost, warn=warn):
            note(f"wrote {path}")
    if result.failures:
        raise typer.Exit(WORK_FAILED)


def _columns(datasets: str | None, table: OutcomeTable, found: Registry) -> list[DatasetSpec]:
    everything = pooled(table)
    if datasets is None:
        return [everything]
    if datasets == ALL:
        return [everything, *(spec for spec in columns_of(table, found.datasets.all()) if spec != everything)]
    present = table.dataset_names
    return [table.spec_of(name) if name in present else found.find_dataset(name).spec for name in listed(datasets)]


def _remarks(result: Savings) -> list[str]:
    """What a reader of the page must know that is not in its tables."""
    lines = [f"router {name!r} is left out: {reason}" for name, reason in result.skipped_routers.items()]
    lines += [f"dataset {name!r} is left out: {reason}" for name, reason in result.skipped_columns.items()]
    return lines + list(dict.fromkeys(line for column in result.columns for line in left_out(column)))


def _print(result: Savings) -> None:
    screen = console()
    for column in result.columns:
        for grid in savings_grids(column, synthetic=result.data.synthetic):
            screen.print(GridTable(grid))
            screen.print()
        for line in summary(column):
            screen.print(line, markup=False, highlight=False)
        screen.print()
