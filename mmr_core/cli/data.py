"""`mmr data`: turns files into a store, describes an outcome table, looks for what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.cli.describing import show_description
from mmr_core.cli.downloading import download
from mmr_core.cli.importing import import_data, show_origin
from mmr_core.cli.storing import opened, origins_in, say_added, store_table
from mmr_core.errors import WORK_FAILED
from mmr_core.render.console import console, print_json, progress, warn

if TYPE_CHECKING:
    from rich.text import Text

    from mmr_core.runner.checks import Finding

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


app.command("download")(download)
app.command("import")(import_data)
app.command("origin")(show_origin)


@app.command("info")
def info(data: DataOption = None, json: JsonOption = False) -> None:
    """Show datasets, splits and models: sizes, mean utility and cost, missing outcomes."""
    from mmr_core.store.description import describe

    with progress(shown=not json) as watch:
        described = describe(opened(data, watch))
    if json:
        print_json(described.as_dict())
        return
    show_description(described)


@app.command("check")
def check(data: DataOption = None, json: JsonOption = False) -> None:
    """Look for what would stop, bend or explain an evaluation; exit with 1 if something would stop it."""
    from mmr_core.runner.checks import check as look

    with progress(shown=not json) as watch:
        findings = look(opened(data, watch), progress=watch)
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
        table = reprice(opened(data, watch), sheet, warn=warn)
        say_added(out, table, store_table(table, out, watch, origins=origins_in(data)))


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
