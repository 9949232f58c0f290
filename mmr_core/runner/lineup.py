"""Who takes part in a run and with what: routers by name, their parameters and fusions, versions, the table's facts.

All that a result states so that it can be run again. Nothing is fitted here.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from mmr_core.errors import MissingExtraError
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.results import DataFacts, FusionEntry, LineupEntry
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.references import is_reference

LIBRARIES = ("mmr-bench", "numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "pillow", "torch", "open_clip_torch")
"""Distributions whose versions a result states where they are installed."""


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
