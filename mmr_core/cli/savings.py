"""`mmr savings`: what routing would save on a table, in USD per thousand queries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.cli.arguments import ALL, registry, settings
from mmr_core.cli.shared_options import (
    Align,
    Assignments,
    BadImages,
    Cluster,
    Draws,
    Encoder,
    FeatureFile,
    FirstSeed,
    Fresh,
    ImageEncoder,
    Jobs,
    LogCost,
    Models,
    OnBadImages,
    Prices,
    Seeds,
    TextEncoder,
)
from mmr_core.errors import WORK_FAILED
from mmr_core.render.console import console, note, print_json, progress, warn

if TYPE_CHECKING:
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.registry import Registry
    from mmr_core.results import Savings
    from mmr_core.specs import DatasetSpec


def savings(
    store: Annotated[
        str | None,
        typer.Argument(help="Store or file with outcomes, or the name of an embedded table. (default: embedded)"),
    ] = None,
    router: Annotated[
        str | None, typer.Option(help="Routers, separated by commas, or 'all'. (default: all that are not slow)")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help=f"Datasets or mixtures, separated by commas; '{ALL}' for each. (default: all pooled)"),
    ] = None,
    models: Models = None,
    every_model: Annotated[
        bool, typer.Option("--every-model", help="Compare with every single model, not only with the best.")
    ] = False,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    features: FeatureFile = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    set_: Assignments = None,
    seed: FirstSeed = 0,
    seeds: Seeds = 1,
    draws: Draws = 1000,
    prices: Prices = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    fresh: Fresh = False,
    log_cost: LogCost = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the page, the tables and the plot.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print savings.json on stdout and nothing else.")] = False,
) -> None:
    """Show what routing would save: cost at equal quality, quality at equal cost, against the best single model."""
    from mmr_core.cli.inputs import check_out_folder, feature_choice, lineup, prepared_table, price_sheet_version
    from mmr_core.features import FeatureCache, cache_folder, cache_root
    from mmr_core.features.selection import feature_source
    from mmr_core.runner.cell_cache import CellCache
    from mmr_core.runner.executor import processors
    from mmr_core.runner.options import Options
    from mmr_core.runner.tasks import FINISHED
    from mmr_core.savings.page import measure_savings

    found = registry()
    parameters = settings(set_ or [], found)
    choice = feature_choice(
        encoder=encoder,
        text_encoder=text_encoder,
        image_encoder=image_encoder,
        features=features,
        align=align,
        bad_images=bad_images,
        parameters=parameters,
    )
    check_out_folder(out)
    finished = cache_root() / FINISHED
    with progress(shown=not json) as watch:
        entrants, skipped = lineup(router, found.routers, parameters, CellCache(finished))
        table = prepared_table(store, found, watch, models=models, prices=prices)
        result = measure_savings(
            table,
            _columns(dataset, table, found),
            entrants,
            source=feature_source(choice, found, cache=FeatureCache(cache_folder()), warn=warn, progress=watch),
            registry=found,
            options=Options(seeds=tuple(range(seed, seed + seeds)), fusion_parameters=parameters, draws=draws),
            every_model=every_model,
            jobs=jobs or processors(),
            cluster=cluster,
            cache=finished,
            fresh=fresh,
            price_sheet=price_sheet_version(prices),
            skipped_routers=skipped,
            progress=watch,
        )
    _report(result, out, log_cost=log_cost, json=json)


def _columns(datasets: str | None, table: OutcomeTable, found: Registry) -> list[DatasetSpec]:
    """The whole table pooled, unless datasets are named; all of them beside the pool for "all"."""
    from mmr_core.cli.inputs import chosen_datasets
    from mmr_core.savings.pool import pooled

    if datasets is not None and datasets != ALL:
        return chosen_datasets(datasets, table, found)
    everything = pooled(table)
    others = [] if datasets is None else chosen_datasets(ALL, table, found)
    return [everything, *(spec for spec in others if spec != everything)]


def _report(result: Savings, out: Path | None, *, log_cost: bool | None, json: bool) -> None:
    """Prints and writes; ends with exit code 1 if a router failed."""
    from mmr_core.features import cache_root
    from mmr_core.render.kept_files import MADE
    from mmr_core.render.savings_page import savings_tables, with_summaries, write_savings
    from mmr_core.render.savings_summary import left_out, summary
    from mmr_core.render.terminal import show_tables

    remarks = [f"router {name!r} is left out: {reason}" for name, reason in result.skipped_routers.items()]
    remarks += [f"dataset {name!r} is left out: {reason}" for name, reason in result.skipped_columns.items()]
    for line in dict.fromkeys([*remarks, *(line for column in result.columns for line in left_out(column))]):
        warn(line)
    if json:
        print_json(with_summaries(result).to_dict())
    else:
        screen = console()
        for column in result.columns:
            show_tables(screen, savings_tables(column, synthetic=result.data.synthetic))
            for line in summary(column):
                screen.print(line, markup=False, highlight=False)
            screen.print()
    if out is not None:
        for path in write_savings(result, out, log_cost=log_cost, kept=cache_root() / MADE, warn=warn):
            note(f"wrote {path}")
    if result.failures:
        raise typer.Exit(WORK_FAILED)
