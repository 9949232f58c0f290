"""Describing an outcome table on the terminal: one line of what it is, then its datasets and its models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmr_core.render.console import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from mmr_core.store.description import Description


def show_description(described: Description) -> None:
    """Prints a description on stdout."""
    origin = "synthetic outcomes, " if described.synthetic else ""
    console().print(
        f"{described.source}: {origin}{described.instances} instances, {len(described.models)} models, "
        f"split {described.split} ({described.split_digest})",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    console().print(_datasets(described))
    console().print(_models(described))


def _datasets(described: Description) -> Table:
    table = grid("dataset", "scenario", numbers=("instances", "train", "val.", "test", "text", "image", "complete"))
    for row in described.datasets:
        counts = (row.instances, row.train, row.validation, row.test, row.with_text, row.with_image, row.complete)
        table.add_row(row.name, row.scenario, *map(str, counts))
    return table


def _models(described: Description) -> Table:
    from rich.markup import escape

    table = grid("dataset", "model", numbers=("mean utility", "mean cost USD", "missing"))
    for dataset in described.datasets:
        for model in dataset.models:
            utility = "-" if model.utility is None else f"{model.utility:.4f}"
            cost = "-" if model.cost is None else f"{model.cost:.3g}"
            table.add_row(dataset.name, escape(model.name), utility, cost, str(model.missing))
    return table


def grid(*names: str, numbers: Sequence[str]) -> Table:
    """A table without lines, in which long names are folded rather than cut."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
