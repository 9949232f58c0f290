"""Opening, storing and describing outcome tables: what the commands of `mmr data` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmr_core.cli.arguments import registry
from mmr_core.render.console import console, print_json, warn

if TYPE_CHECKING:
    from rich.table import Table

    from mmr_core.contracts import Progress
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.store import Added
    from mmr_core.store.description import Description
    from mmr_core.store.outcome_files import OriginsOf


def opened(data: str | None, watch: Progress, format_name: str | None = None) -> OutcomeTable:
    """Opens the table that is named, in the given format or the one that fits."""
    from mmr_core.features import cache_root
    from mmr_core.logs.table_sources import import_table, open_table

    if format_name is None or data is None:
        return open_table(data, registry(), cache=cache_root(), warn=warn, progress=watch)
    return import_table(format_name, Path(data), registry(), cache=cache_root(), warn=warn, progress=watch)


def origins_in(data: str | None) -> OriginsOf | None:
    """Where the outcomes of a store came from; None if `data` is not a store."""
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
    """Adds a table to a store, which is created if need be."""
    from mmr_core.store import OutcomeStore

    return OutcomeStore(out).add(table, copy_images=copy_images, origins=origins, progress=watch)


def is_new(out: Path) -> bool:
    """Whether there is no store yet."""
    from mmr_core.store import OutcomeStore

    return not OutcomeStore.is_in(out)


def create_store(data: str, out: Path, watch: Progress, format_name: str | None) -> Added:
    """Makes a new store of the table that is named, in the given format or the one that fits."""
    from mmr_core.features import cache_root
    from mmr_core.logs.table_sources import read_parts
    from mmr_core.store import OutcomeStore

    parts = read_parts(format_name, data, registry(), cache=cache_root(), warn=warn, progress=watch)
    return OutcomeStore(out).create(parts)


def report_added(out: Path, added: Added, *, json: bool) -> None:
    """Prints what was added, as JSON or one line per dataset."""
    if json:
        print_json({"added": {"store": str(out), "datasets": added.datasets, "outcomes": added.outcomes}})
    else:
        print_added(out, added)


def print_added(out: Path, added: Added) -> None:
    """Prints what was added, one line per dataset."""
    brought = {name: sum(dataset == name for dataset, _ in added.outcomes) for name, _ in added.outcomes}
    lines = [
        f"added to {out}: {'' if name in added.datasets else 'known '}dataset {name}, "
        f"{added.instances[name]} instances, {models} model{'s' * (models != 1)}"
        for name, models in brought.items()
    ]
    for line in lines or [f"{out} already has all of this"]:
        console().print(line, markup=False, highlight=False, soft_wrap=True)


def print_description(described: Description) -> None:
    """Prints what a table is, then its datasets and its models."""
    from rich.markup import escape

    screen = console()
    origin = "synthetic outcomes, " if described.synthetic else ""
    screen.print(
        f"{described.source}: {origin}{described.instances} instances, {len(described.models)} models, "
        f"split {described.split} ({described.split_digest})",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    datasets = plain_table(
        "dataset", "scenario", numbers=("instances", "train", "val.", "test", "text", "image", "complete")
    )
    for row in described.datasets:
        counts = (row.instances, row.train, row.validation, row.test, row.with_text, row.with_image, row.complete)
        datasets.add_row(row.name, row.scenario, *map(str, counts))
    screen.print(datasets)
    models = plain_table("dataset", "model", numbers=("mean utility", "mean cost USD", "missing"))
    for dataset in described.datasets:
        for model in dataset.models:
            utility = "-" if model.utility is None else f"{model.utility:.4f}"
            cost = "-" if model.cost is None else f"{model.cost:.3g}"
            models.add_row(dataset.name, escape(model.name), utility, cost, str(model.missing))
    screen.print(models)


def plain_table(*names: str, numbers: Sequence[str]) -> Table:
    """A table without lines, in which long names wrap instead of being cut."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
