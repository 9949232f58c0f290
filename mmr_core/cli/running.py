"""Carries out `mmr run`: opens the table, makes features and routers, runs a protocol, prints and writes.

Apart from `run` so that parsing the command line imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from joblib import cpu_count

from mmr_core.authors.run import run_authors
from mmr_core.cli.arguments import ALL, listed, registry
from mmr_core.cli.preparing import demand_folder, lineup, prepared_table, price_sheet_version
from mmr_core.contracts import Progress
from mmr_core.errors import WORK_FAILED, UsageError
from mmr_core.features import FeatureCache, FeatureSource, cache_folder
from mmr_core.features.aligned import View
from mmr_core.features.selection import FeatureChoice, feature_source
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.render.authors import authors_document, authors_table, write_authors
from mmr_core.render.console import console, note, print_json, progress, warn
from mmr_core.render.files import write_run
from mmr_core.render.tables import run_tables
from mmr_core.results.document import document
from mmr_core.results.model import RunResult
from mmr_core.runner import Options, columns_of
from mmr_core.runner.evaluate import run_paper
from mmr_core.specs import DatasetSpec

PAPER_SEED, AUTHORS_SEED = 0, 42


@dataclass(frozen=True, kw_only=True)
class Request:
    """The command line of `mmr run`; names are still what was typed."""

    data: str | None
    datasets: str
    routers: str
    models: str | None
    features: FeatureChoice
    fusion: str | None
    parameters: Mapping[str, Mapping[str, Any]]
    modality: View
    train_modality: View | None
    first_seed: int | None
    seeds: int
    draws: int
    prices: Path | None
    allow_incomplete: bool
    jobs: int | None
    log_cost: bool | None
    out: Path | None
    json: bool

    def looked_at(self) -> View:
        """What is looked at in training or in testing."""
        seen = {self.modality, self.train_modality or self.modality}
        return seen.pop() if len(seen) == 1 else "multimodal"


def run_request(request: Request, protocol: str) -> None:
    """Runs, prints and writes; ends with exit code 1 if a router failed."""
    demand_folder(request.out)
    run = _run_authors if protocol == "authors" else _run_paper
    with progress(shown=not request.json) as watch:
        finish = run(request, registry(), watch)
    finish()


def _run_paper(request: Request, found: Registry, watch: Progress) -> Callable[[], None]:
    entrants, skipped = lineup(request.routers, found.routers, request.parameters)
    table = prepared_table(request.data, found, watch, models=request.models, prices=request.prices)
    cache = FeatureCache(cache_folder())
    source = _source(request, found, cache, watch)
    first = PAPER_SEED if request.first_seed is None else request.first_seed
    options = Options(
        seeds=tuple(range(first, first + request.seeds)),
        fusion=None if request.fusion is None else found.fusions.label(found.fusions.find(request.fusion)),
        fusion_parameters=request.parameters,
        modality=request.modality,
        train_modality=request.train_modality,
        draws=request.draws,
        allow_incomplete=request.allow_incomplete,
    )
    result = run_paper(
        table,
        _columns(request, table, found),
        entrants,
        source=source,
        registry=found,
        options=options,
        jobs=request.jobs or cpu_count(),
        skipped_routers=skipped,
        price_sheet=price_sheet_version(request.prices),
        progress=watch,
    )
    return lambda: _finish_paper(request, result)


def _finish_paper(request: Request, result: RunResult) -> None:
    for line in _remarks(result):
        warn(line)
    if request.json:
        print_json(document(result).model_dump(mode="json"))
    else:
        for part in run_tables(result):
            console().print(part)
    if request.out is not None:
        for path in write_run(result, request.out, log_cost=request.log_cost, warn=warn):
            note(f"wrote {path}")
    if result.failures:
        raise typer.Exit(WORK_FAILED)


def _remarks(result: RunResult) -> list[str]:
    """What a reader of the tables must know: what is synthetic, left out, skipped or failed."""
    lines = [f"router {name!r} is left out: {reason}" for name, reason in result.skipped_routers.items()]
    lines += [f"dataset {name!r} is left out: {reason}" for name, reason in result.skipped_columns.items()]
    seen = set()
    for gap in (gap for column in result.columns for gap in column.left_out):
        if gap.dataset not in seen:
            seen.add(gap.dataset)
            per_model = ", ".join(f"{model} {count}" for model, count in gap.models.items())
            lines.append(
                f"dataset {gap.dataset!r}: {gap.instances} of {gap.of} test instances are left out, "
                f"for lack of outcomes ({per_model})"
            )
    lines += [
        f"router {entry.name!r} sees all test queries at once through fusion {entry.fusion.name!r}: not for ranking"
        for entry in result.lineup
        if entry.fusion is not None and entry.fusion.transductive
    ]
    lines += [f"router {f.router!r} failed on dataset {f.dataset!r}: {f.reason}" for f in result.failures]
    return lines


def _run_authors(request: Request, found: Registry, watch: Progress) -> Callable[[], None]:
    _refuse_for_authors(request)
    shelf = found.components("router", "authors")
    names = None if request.routers == ALL else listed(request.routers)
    table = prepared_table(request.data, found, watch, models=request.models, prices=request.prices)
    result = run_authors(
        table,
        _columns(request, table, found),
        names,
        source=_source(request, found, FeatureCache(cache_folder()), watch),
        routers=shelf,
        fusions=found.components("fusion", "authors"),
        seed=AUTHORS_SEED if request.first_seed is None else request.first_seed,
        progress=watch,
    )

    def finish() -> None:
        for name, column in result.columns.items():
            if column.filled:
                warn(f"dataset {name!r}: {column.filled} missing utilities and costs are filled with column means")
        if request.json:
            print_json(authors_document(result).model_dump(mode="json"))
        else:
            console().print(authors_table(result))
        if request.out is not None:
            for path in write_authors(result, request.out):
                note(f"wrote {path}")

    return finish


def _refuse_for_authors(request: Request) -> None:
    """Options that the authors' program has no place for."""
    refused = {
        "--fusion": request.fusion is not None,
        "--modality": request.modality != "multimodal",
        "--train-modality": request.train_modality is not None,
        "--seeds": request.seeds != 1,
        "--set": bool(request.parameters),
    }
    for option, given in refused.items():
        if given:
            raise UsageError(f"{option} has no place in --protocol authors", fix="leave it out")


def _columns(request: Request, table: OutcomeTable, found: Registry) -> list[DatasetSpec]:
    if request.datasets == ALL:
        return columns_of(table, found.datasets.all())
    present = table.dataset_names
    return [
        table.spec_of(name) if name in present else found.find_dataset(name).spec for name in listed(request.datasets)
    ]


def _source(request: Request, found: Registry, cache: FeatureCache, watch: Progress) -> FeatureSource:
    return feature_source(
        request.features,
        found,
        modality=request.looked_at(),
        modality_option="--modality",
        cache=cache,
        warn=warn,
        progress=watch,
    )
