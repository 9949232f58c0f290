"""From typed options to what a run takes: the outcome table, its datasets, the features and the routers.

Shared by the commands that fit routers; nothing is fitted here. It imports numpy, so commands import it when they run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmr_core.cli.arguments import ALL, listed
from mmr_core.cli.shared_options import AlignOption, BadImages
from mmr_core.contracts import Progress
from mmr_core.errors import UsageError
from mmr_core.features import cache_root
from mmr_core.features.selection import FeatureChoice
from mmr_core.logs.table_sources import open_table
from mmr_core.outcomes import OutcomeTable
from mmr_core.pricing import read_price_sheet, reprice
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.render.console import note, warn
from mmr_core.runner.cell_cache import CellCache
from mmr_core.runner.lineup import all_entrants, entrant_name, traits_of
from mmr_core.runner.options import Entrant
from mmr_core.runner.prepare import columns_of
from mmr_core.specs import DatasetSpec


def prepared_table(
    data: str | None,
    found: Registry,
    watch: Progress,
    *,
    models: str | None,
    prices: Path | None,
    warn: Callable[[str], None] = warn,
) -> OutcomeTable:
    """Opens the table, keeps the candidate models that are named, and reprices it; notes if it is synthetic.

    :param data: as `open_table` takes it.
    :param models: names of candidate models, separated by commas; None keeps all.
    :param prices: a price sheet to recompute costs by.
    """
    table = open_table(data, found, cache=cache_root(), warn=warn, progress=watch)
    if models is not None:
        table = table.take_models(listed(models))
    if prices is not None:
        table = reprice(table, read_price_sheet(prices), warn=warn)
    if table.synthetic:
        note(f"{table.source}: outcomes are synthetic and say nothing about real models")
    return table


def price_sheet_version(prices: Path | None) -> str | None:
    """The version of the price sheet that costs were recomputed by, as results record it."""
    return None if prices is None else read_price_sheet(prices).version


def chosen_datasets(datasets: str, table: OutcomeTable, found: Registry) -> list[DatasetSpec]:
    """The datasets and mixtures that are named, or all that the table can be measured on for "all".

    :raises UnknownNameError: if neither the table nor a plugin knows a name.
    """
    if datasets == ALL:
        return columns_of(table, found.datasets.all())
    present = table.dataset_names
    return [table.spec_of(name) if name in present else found.find_dataset(name).spec for name in listed(datasets)]


def feature_choice(
    *,
    encoder: str | None,
    text_encoder: str | None,
    image_encoder: str | None,
    features: Path | None = None,
    align: AlignOption | None,
    bad_images: BadImages,
    parameters: Mapping[str, Mapping[str, Any]],
) -> FeatureChoice:
    """The feature options of the command line, with plain strings for their enumerations.

    :raises UsageError: if they contradict each other.
    """
    return FeatureChoice(
        encoder=encoder,
        text_encoder=text_encoder,
        image_encoder=image_encoder,
        file=features,
        align=None if align is None else align.value,
        bad_images=bad_images.value,
        parameters=parameters,
    )


def lineup(
    asked: str | None,
    shelf: ComponentShelf,
    parameters: Mapping[str, Mapping[str, Any]],
    cache: CellCache | None = None,
) -> tuple[Sequence[Entrant], dict[str, str]]:
    """The routers with their parameters, and the reasons why others are left out.

    Each router that was named or given a parameter is created once, so that mistakes surface before any work.

    :param asked: names separated by commas, or "all"; None means all that are not declared slow.
    :param cache: where what is known of routers' classes is kept, so that they need not be imported again.
    """
    if asked is None or asked == ALL:
        entrants, skipped = all_entrants(shelf, cache)
    else:
        entrants, skipped = [Entrant(name=entrant_name(shelf, name)) for name in listed(asked)], {}
    if asked is None:
        slow = [entrant.name for entrant in entrants if shelf.find(entrant.name).spec.slow]
        entrants = [entrant for entrant in entrants if entrant.name not in slow]
        skipped |= dict.fromkeys(slow, "it is slow, so it only runs if --router names it")
    chosen = [Entrant(name=e.name, parameters=parameters.get(e.name, {})) for e in entrants]
    for entrant in chosen:
        if entrant.parameters or asked not in (None, ALL):
            traits_of(shelf, entrant.name, entrant.parameters, cache, create=True)
    return chosen, skipped


def check_out_folder(out: Path | None) -> None:
    """Checks before any work that results can be written.

    :raises UsageError: if `out` is a file.
    """
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file", where="--out", fix="name a folder")
