"""What commands that fit routers do first: open the table as asked for, and make the line-up of routers.

`mmr run` and `mmr reproduce` call it with what was typed; nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmr_core.cli.arguments import ALL, listed
from mmr_core.contracts import Progress
from mmr_core.errors import UsageError
from mmr_core.features import cache_root
from mmr_core.logs.sources import open_table
from mmr_core.outcomes import OutcomeTable
from mmr_core.pricing import read_price_sheet, reprice
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.render.console import note, warn
from mmr_core.runner import Entrant
from mmr_core.runner.lineup import all_entrants, entrant_name


def prepared_table(
    data: str | None,
    found: Registry,
    watch: Progress,
    *,
    models: str | None,
    prices: Path | None,
    warn: Callable[[str], None] = warn,
) -> OutcomeTable:
    """The table that was asked for, with its candidate models and prices; says so where it is synthetic.

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
    """The version of the price sheet that costs were recomputed by, for the facts of a run."""
    return None if prices is None else read_price_sheet(prices).version


def lineup(
    asked: str | None, shelf: ComponentShelf, parameters: Mapping[str, Mapping[str, Any]]
) -> tuple[Sequence[Entrant], dict[str, str]]:
    """The routers with their parameters, and those left out with the reason.

    Each that was named, or given a parameter, is made once, so that what cannot be made is refused before any work.

    :param asked: names separated by commas, or "all"; None means all but those that call themselves slow.
    """
    if asked is None or asked == ALL:
        entrants, skipped = all_entrants(shelf)
    else:
        entrants, skipped = [Entrant(name=entrant_name(shelf, name)) for name in listed(asked)], {}
    if asked is None:
        slow = [entrant.name for entrant in entrants if shelf.find(entrant.name).spec.slow]
        entrants = [entrant for entrant in entrants if entrant.name not in slow]
        skipped |= dict.fromkeys(slow, "it is slow, so it takes part only where --router names it")
    chosen = [Entrant(name=e.name, parameters=parameters.get(e.name, {})) for e in entrants]
    for entrant in chosen:
        if entrant.parameters or asked not in (None, ALL):
            shelf.create(entrant.name, **entrant.parameters)
    return chosen, skipped


def demand_folder(out: Path | None) -> None:
    """Refuses a place for results that is a file, before any work.

    :raises UsageError: if it is one.
    """
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file", where="--out", fix="name a folder")
