"""`mmr data`: turns files into a store, describes an outcome table, looks for what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.cli.console import console, print_json, progress, registry, warn
from mmr_core.errors import WORK_FAILED, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from rich.text import Text

    from mmr_core.checks import Finding
    from mmr_core.contracts import Progress
    from mmr_core.description import Description
    from mmr_core.outcomes import OutcomeTable

app = typer.Typer(name="data", no_args_is_help=True, help="Import, describe and check outcome tables.")

DataOption = Annotated[
    str | None,
    typer.Option(help="Folder or file with outcomes, or an embedded table by name. (default: embedded)"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
StoreOption = Annotated[Path, typer.Option(help="The store: a new folder, or a store to add to.")]
COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


@app.callback()
def data() -> None:
    """Import, describe and check outcome tables."""


@app.command("import")
def import_data(
    source: Annotated[
        list[str], typer.Argument(metavar="[FORMAT] PATH", help="What to read, and as what if several formats fit.")
    ],
    out: StoreOption,
    copy_images: Annotated[bool, typer.Option("--copy-images", help="Copy the images into the store.")] = False,
) -> None:
    """Read outcomes from a file or folder, or an embedded table by name, into a store."""
    if len(source) > 2:
        raise UsageError(f"{len(source)} words where FORMAT and PATH are due", fix="import one path at a time")
    with progress() as watch:
        table = _opened(source[-1], watch, source[0] if len(source) == 2 else None)
        _store(table, out, watch, copy_images=copy_images)


@app.command("info")
def info(data: DataOption = None, json: JsonOption = False) -> None:
    """Show datasets, splits and models: sizes, mean utility and cost, missing outcomes."""
    from mmr_core.description import describe

    with progress(shown=not json) as watch:
        described = describe(_opened(data, watch))
    if json:
        print_json(described.as_dict())
        return
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


@app.command("check")
def check(data: DataOption = None, json: JsonOption = False) -> None:
    """Look for what would stop, bend or explain an evaluation; exit with 1 if something would stop it."""
    from mmr_core.checks import check as look

    with progress(shown=not json) as watch:
        findings = look(_opened(data, watch), progress=watch)
    if json:
        print_json({"findings": [finding.as_dict() for finding in findings]})
    else:
        for finding in findings:
            console().print(_line(finding), soft_wrap=True)
        if not findings:
            console().print("nothing found")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(WORK_FAILED)


@app.command("reprice")
def reprice_data(
    prices: Annotated[Path, typer.Option(help="Price sheet (TOML), USD per million tokens.")],
    out: StoreOption,
    data: DataOption = None,
) -> None:
    """Compute every cost anew from tokens and a price sheet, into a store."""
    from mmr_core.pricing import read_price_sheet, reprice

    sheet = read_price_sheet(prices)
    with progress() as watch:
        _store(reprice(_opened(data, watch), sheet, warn=warn), out, watch)


def _opened(data: str | None, watch: Progress, format_name: str | None = None) -> OutcomeTable:
    from mmr_core.features import cache_root
    from mmr_core.sources import import_table, open_table

    if format_name is None or data is None:
        return open_table(data, registry(), cache=cache_root(), warn=warn, progress=watch)
    return import_table(format_name, Path(data), registry(), cache=cache_root(), warn=warn, progress=watch)


def _store(table: OutcomeTable, out: Path, watch: Progress, *, copy_images: bool = False) -> None:
    from mmr_core.store import OutcomeStore

    added = OutcomeStore(out).add(table, copy_images=copy_images, progress=watch)
    brought = {name: sum(dataset == name for dataset, _ in added.outcomes) for name, _ in added.outcomes}
    lines = [
        f"added to {out}: {'' if name in added.datasets else 'known '}dataset {name}, "
        f"{int((table.dataset == name).sum())} instances, {models} model{'s' * (models != 1)}"
        for name, models in brought.items()
    ]
    for line in lines or [f"{out} has all of this already"]:
        console().print(line, markup=False, highlight=False, soft_wrap=True)


def _datasets(described: Description) -> Table:
    table = _grid("dataset", "scenario", numbers=("instances", "train", "val.", "test", "text", "image", "complete"))
    for row in described.datasets:
        counts = (row.instances, row.train, row.validation, row.test, row.with_text, row.with_image, row.complete)
        table.add_row(row.name, row.scenario, *map(str, counts))
    return table


def _models(described: Description) -> Table:
    from rich.markup import escape

    table = _grid("dataset", "model", numbers=("mean utility", "mean cost USD", "missing"))
    for dataset in described.datasets:
        for model in dataset.models:
            utility = "-" if model.utility is None else f"{model.utility:.4f}"
            cost = "-" if model.cost is None else f"{model.cost:.3g}"
            table.add_row(dataset.name, escape(model.name), utility, cost, str(model.missing))
    return table


def _line(finding: Finding) -> Text:
    """One finding on one line, however wide the terminal is."""
    from rich.text import Text

    examples = f": {', '.join(finding.examples)}" if finding.examples else ""
    if len(finding.examples) < finding.count and examples:
        examples += ", ..."
    return Text.assemble(
        (finding.severity, COLOURS[finding.severity]),
        f" {finding.code}: {finding.place}: {finding.text} ({finding.count}{examples})",
    )


def _grid(*names: str, numbers: Sequence[str]) -> Table:
    """A table without lines, in which long names are folded rather than cut."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
