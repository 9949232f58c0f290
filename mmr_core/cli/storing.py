"""Opening the tables that commands name, and putting tables into stores with a line per dataset on what was new."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmr_core.cli.arguments import registry
from mmr_core.render.console import console, warn

if TYPE_CHECKING:
    from mmr_core.contracts import Progress
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.store import Added
    from mmr_core.store.outcome_files import OriginsOf


def opened(data: str | None, watch: Progress, format_name: str | None = None) -> OutcomeTable:
    """The table that a person means, read as a certain format if one is named."""
    from mmr_core.features import cache_root
    from mmr_core.logs.table_sources import import_table, open_table

    if format_name is None or data is None:
        return open_table(data, registry(), cache=cache_root(), warn=warn, progress=watch)
    return import_table(format_name, Path(data), registry(), cache=cache_root(), warn=warn, progress=watch)


def origins_in(data: str | None) -> OriginsOf | None:
    """Where the outcomes of a store came from; None where `data` names no store."""
    from mmr_core.store import OutcomeStore

    if data is None or not OutcomeStore.is_in(data):
        return None
    store = OutcomeStore.open(data)
    pairs = set(store.manifest().pairs())
    return lambda dataset, model: store.origins(dataset, model) if (dataset, model) in pairs else None


def store_table(
    table: OutcomeTable,
    out: Path,
    watch: Progress,
    *,
    copy_images: bool = False,
    origins: OriginsOf | None = None,
) -> Added:
    """Adds a table to a store, which is made where there is none."""
    from mmr_core.store import OutcomeStore

    return OutcomeStore(out).add(table, copy_images=copy_images, origins=origins, progress=watch)


def say_added(out: Path, table: OutcomeTable, added: Added) -> None:
    """Prints what was new, one line per dataset."""
    brought = {name: sum(dataset == name for dataset, _ in added.outcomes) for name, _ in added.outcomes}
    lines = [
        f"added to {out}: {'' if name in added.datasets else 'known '}dataset {name}, "
        f"{int((table.dataset == name).sum())} instances, {models} model{'s' * (models != 1)}"
        for name, models in brought.items()
    ]
    for line in lines or [f"{out} has all of this already"]:
        console().print(line, markup=False, highlight=False, soft_wrap=True)
