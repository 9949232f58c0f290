"""Who takes part in a run and with what: routers by name, their parameters and fusions, versions, the table's facts.

All that a result states so that it can be run again. Nothing is fitted here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mmr_core.errors import MissingExtraError, MMRError
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.results import DataFacts, FusionEntry, LineupEntry
from mmr_core.runner.cell_cache import CellCache
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.provenance import code_digest, library_versions
from mmr_core.runner.references import is_reference


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a run needs to know of a router's class.

    :param parameters: every parameter that it runs with, the seed among them where it has one.
    :param default_fusion: None where it wants none.
    """

    parameters: Mapping[str, Any]
    default_fusion: str | None


def traits_of(
    shelf: ComponentShelf, name: str, given: Mapping[str, Any], cache: CellCache | None, *, create: bool = False
) -> Traits:
    """The traits of a router's class.

    They are kept: importing scikit-learn or PyTorch only to learn them takes longer than a run whose cells are kept.

    :param given: parameters that a person gave.
    :param cache: where they are found while code, versions and parameters stay the same; None looks at the class.
    :param create: whether the router is made once, so that mistakes in parameters surface.
    :raises MMRError: if the router is unknown, or cannot be loaded or made.
    """
    item = shelf.find(name)
    package = item.spec.target.partition(":")[0].partition(".")[0]
    kept = None if cache is None else CellCache(cache.folder, suffix="traits")
    fingerprint = ""
    if kept is not None:
        parts = [repr(item), {**given}, create, code_digest(package), library_versions()]
        fingerprint = blake2b(json.dumps(parts, sort_keys=True, default=repr).encode(), digest_size=20).hexdigest()
        with suppress(MMRError):  # a folder that cannot be used is reported where cells are kept
            known = kept.load(fingerprint)
            if isinstance(known, Traits):
                return known
    default: str | None = getattr(shelf.load(name), "default_fusion", None)
    if create:
        shelf.create(name, **given)
    traits = Traits(parameters=shelf.parameters(name, given), default_fusion=default)
    if kept is not None:
        with suppress(TypeError, MMRError):  # TypeError: a parameter that is not plain data
            kept.store(fingerprint, traits)
    return traits


def entrant_name(shelf: ComponentShelf, name: str) -> str:
    """What a router is called in the results: its shortest name that is neither ambiguous nor that of a reference.

    :raises UnknownNameError: if there is no such router.
    """
    item = shelf.find(name)
    label = shelf.label(item)
    return item.canonical_id if is_reference(label) else label


def all_entrants(shelf: ComponentShelf, cache: CellCache | None = None) -> tuple[list[Entrant], dict[str, str]]:
    """Every router that can be made here, and those whose extra is not installed, with the way to install it."""
    entrants: list[Entrant] = []
    skipped: dict[str, str] = {}
    for name in shelf.names():
        try:
            traits_of(shelf, name, {}, cache)
        except MissingExtraError as error:
            skipped[name] = str(error)
        else:
            entrants.append(Entrant(name=entrant_name(shelf, name)))
    return entrants, skipped


def lineup_entry(entrant: Entrant, registry: Registry, options: Options, cache: CellCache | None = None) -> LineupEntry:
    """How a router enters the run, with every parameter that it and its fusion run with."""
    item = registry.routers.find(entrant.name)
    traits = traits_of(registry.routers, entrant.name, entrant.parameters, cache)
    parameters = {name: value for name, value in traits.parameters.items() if name != "seed"}
    default = traits.default_fusion
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
