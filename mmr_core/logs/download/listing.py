"""The published tables that plugins know of, by name."""

from __future__ import annotations

from mmr_core.registry import Registered, Registry, Shelf
from mmr_core.specs import PublishedTable


def published_tables(registry: Registry) -> Shelf[PublishedTable]:
    """Every table that an importer's spec says is published in its format; no importer is loaded for it."""
    items = [
        Registered(
            spec=table, provider=importer.provider, canonical_id=f"{importer.provider.distribution}/{table.name}"
        )
        for importer in registry.importers.specs()
        for table in importer.spec.published
    ]
    return Shelf("published table", items, registry.failures)


def format_of(registry: Registry, table: Registered[PublishedTable]) -> str:
    """What to type for the importer that reads a table."""
    return next(
        registry.importers.label(importer)
        for importer in registry.importers.specs()
        if importer.provider == table.provider and table.spec in importer.spec.published
    )
