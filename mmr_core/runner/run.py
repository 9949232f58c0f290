"""A whole run of the paper's protocol: every column, the averages over them, and what is needed to run it again."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DegenerateError, MissingExtraError
from mmr_core.features import FeatureSource
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.results import Column, DataFacts, Difference, FusionEntry, Intervals, LineupEntry, RunResult
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.protocol import evaluate
from mmr_core.runner.references import is_reference
from mmr_core.runner.summary import macro_averages, paired_differences
from mmr_core.specs import DatasetSpec

LIBRARIES = ("mmr-bench", "numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "pillow", "torch", "open_clip_torch")
"""Distributions whose versions a result states where they are installed."""


def run_paper(
    table: OutcomeTable,
    datasets: Sequence[DatasetSpec],
    entrants: Sequence[Entrant],
    *,
    source: FeatureSource,
    registry: Registry,
    options: Options,
    jobs: int = 1,
    skipped_routers: dict[str, str] | None = None,
    price_sheet: str | None = None,
    progress: Progress = no_progress,
) -> RunResult:
    """Evaluates the routers on each dataset or mixture.

    A column on which nothing can be measured is skipped with its reason, unless it is the only one.

    :param jobs: processes; the numbers do not depend on it.
    :raises MMRError: as `evaluate` does, for the first column that fails for another reason than being degenerate.
    """
    columns: list[Column] = []
    skipped: dict[str, str] = {}
    for spec in datasets:
        try:
            columns.append(
                evaluate(
                    table,
                    spec,
                    entrants,
                    source=source,
                    registry=registry,
                    options=options,
                    jobs=jobs,
                    progress=progress,
                )
            )
        except DegenerateError as error:
            if len(datasets) == 1:
                raise
            skipped[spec.name] = str(error)
    if not columns:
        raise DegenerateError(f"no dataset can be measured; {next(iter(skipped.values()))}", where=table.source)
    differences: list[Difference] = [d for column in columns for d in paired_differences(column.whole)]
    return RunResult(
        data=data_facts(table, price_sheet),
        lineup=tuple(lineup_entry(entrant, registry, options) for entrant in entrants),
        seeds=options.seeds,
        modality=options.modality,
        train_modality=options.train_modality or options.modality,
        intervals=Intervals(draws=options.draws, draw_seed=options.draw_seed),
        columns=tuple(columns),
        macros=macro_averages(columns),
        differences=tuple(differences),
        skipped_columns=skipped,
        skipped_routers=skipped_routers or {},
        versions=versions(entrants, registry),
    )


def entrant_name(shelf: ComponentShelf, name: str) -> str:
    """What a router is called in the results: its shortest name that is neither ambiguous nor that of a reference.

    :raises UnknownNameError: if there is no such router.
    """
    item = shelf.find(name)
    label = shelf.label(item)
    return item.canonical_id if is_reference(label) else label


def all_entrants(shelf: ComponentShelf) -> tuple[list[Entrant], dict[str, str]]:
    """Every router that can be made here, and those whose extra is not installed, with the way to install it."""
    entrants: list[Entrant] = []
    skipped: dict[str, str] = {}
    for name in shelf.names():
        try:
            shelf.load(name)
        except MissingExtraError as error:
            skipped[name] = str(error)
        else:
            entrants.append(Entrant(name=entrant_name(shelf, name)))
    return entrants, skipped


def lineup_entry(entrant: Entrant, registry: Registry, options: Options) -> LineupEntry:
    """How a router enters the run, with every parameter that it and its fusion run with."""
    item = registry.routers.find(entrant.name)
    default = getattr(registry.routers.load(entrant.name), "default_fusion", None)
    parameters = registry.routers.parameters(entrant.name, entrant.parameters)
    parameters.pop("seed", None)
    return LineupEntry(
        name=entrant.name,
        canonical_id=item.canonical_id,
        distribution=item.provider.distribution,
        version=item.provider.version,
        parameters=parameters,
        fusion=None if default is None else _fusion_entry(options.fusion or default, registry, options),
    )


def _fusion_entry(name: str, registry: Registry, options: Options) -> FusionEntry:
    item = registry.fusions.find(name)
    given = options.fusion_parameters.get(name, {})
    return FusionEntry(
        name=name,
        canonical_id=item.canonical_id,
        version=item.provider.version,
        parameters=registry.fusions.parameters(name, given),
        transductive=bool(getattr(registry.fusions.create(name, **given), "transductive", False)),
    )


def data_facts(table: OutcomeTable, price_sheet: str | None) -> DataFacts:
    """Which table a run is about."""
    return DataFacts(
        source=table.source,
        synthetic=table.synthetic,
        digest=table.digest(),
        instances=len(table),
        datasets=table.dataset_names,
        models=tuple(model.name for model in table.models),
        price_sheet=price_sheet,
    )


def versions(entrants: Sequence[Entrant], registry: Registry) -> dict[str, str]:
    """Versions of Python, of the libraries that numbers depend on, and of the routers' distributions."""
    found = library_versions()
    for entrant in entrants:
        provider = registry.routers.find(entrant.name).provider
        found[provider.distribution] = provider.version
    return found


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on, where they are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
