"""`mmr data`: describes and checks outcome tables, reprices, downloads and imports them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.cli.arguments import registry
from mmr_core.cli.data_import import import_data, show_origin
from mmr_core.cli.data_tables import opened, origins_in, print_added, print_description, store_table
from mmr_core.cli.shared_options import Data, Json
from mmr_core.errors import WORK_FAILED, UsageError
from mmr_core.render.console import console, print_json, progress, warn

if TYPE_CHECKING:
    from rich.text import Text

    from mmr_core.logs.download import Downloaded
    from mmr_core.registry import Shelf
    from mmr_core.runner.checks import TableFinding
    from mmr_core.specs import PublishedTable

COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".tar.zst")

app = typer.Typer(name="data", no_args_is_help=True, help="Import, describe and check outcome tables.")


@app.callback()
def data() -> None:
    """Import, describe and check outcome tables."""


app.command("import")(import_data)
app.command("origin")(show_origin)


@app.command("info")
def info(data: Data = None, json: Json = False) -> None:
    """Show datasets, splits and models: sizes, mean utility and cost, missing outcomes."""
    from mmr_core.store.description import describe

    with progress(shown=not json) as watch:
        described = describe(opened(data, watch))
    if json:
        print_json(described.as_dict())
        return
    print_description(described)


@app.command("check")
def check(data: Data = None, json: Json = False) -> None:
    """Look for anything that would stop or distort an evaluation; exit with 1 if something would stop it."""
    from mmr_core.runner.checks import check as look

    with progress(shown=not json) as watch:
        findings = look(opened(data, watch), progress=watch)
    if json:
        print_json({"findings": [finding.as_dict() for finding in findings]})
    else:
        for finding in findings:
            console().print(_finding_line(finding), soft_wrap=True)
        if not findings:
            console().print("nothing found")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(WORK_FAILED)


def _finding_line(finding: TableFinding) -> Text:
    """One finding on one line, whatever the width of the terminal."""
    from rich.text import Text

    examples = f": {', '.join(finding.examples)}" if finding.examples else ""
    if len(finding.examples) < finding.count and examples:
        examples += ", ..."
    return Text.assemble(
        (finding.severity, COLOURS[finding.severity]),
        f" {finding.code}: {finding.place}: {finding.text} ({finding.count}{examples})",
    )


@app.command("reprice")
def reprice_data(
    prices: Annotated[Path, typer.Option(help="Price sheet (TOML), USD per million tokens.")],
    out: Annotated[Path, typer.Option(help="The store: a new folder, or a store to add to.")],
    data: Data = None,
) -> None:
    """Recompute every cost from tokens and a price sheet, into a store."""
    from mmr_core.pricing import read_price_sheet, reprice

    sheet = read_price_sheet(prices)
    with progress() as watch:
        table = reprice(opened(data, watch), sheet, warn=warn)
        print_added(out, store_table(table, out, watch, origins=origins_in(data)))


@app.command("download")
def download(
    name: Annotated[str | None, typer.Argument(help="Which table; without a name, the known ones are listed.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to download into; the same command resumes.")] = None,
    revision: Annotated[str | None, typer.Option(help="A commit, branch or tag. (default: the plugin's)")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only files that match this pattern, such as '*.csv'.")] = None,
    json: Json = False,
) -> None:
    """Download a published table from the Hugging Face hub: resumed, checked, pinned to a commit."""
    from mmr_core.logs.download import download as fetch
    from mmr_core.logs.download import published_tables
    from mmr_core.logs.download.table_download import format_of

    found = registry()
    shelf = published_tables(found)
    if name is None:
        _list_tables(shelf, as_json=json)
        return
    item = shelf.find(name)
    if out is None:
        raise UsageError("no folder to download into", fix="name one with --out DIR")
    with progress(shown=not json) as watch:
        done = fetch(item.spec, out, revision=revision, only=only or (), progress=watch)
    if json:
        print_json({"folder": str(out), "format": format_of(found, item), **vars(done)})
    else:
        for line in _download_lines(done, out, format_of(found, item), item.spec):
            console().print(line, markup=False, highlight=False, soft_wrap=True)


def _list_tables(shelf: Shelf[PublishedTable], *, as_json: bool) -> None:
    if as_json:
        print_json({"tables": [{"canonical_id": item.canonical_id, **vars(item.spec)} for item in shelf.specs()]})
        return
    for item in shelf.specs():
        line = f"{shelf.label(item)}: {item.spec.title} ({item.spec.repository}, licence: {item.spec.licence})"
        console().print(line, markup=False, highlight=False, soft_wrap=True)
    if not shelf.specs():
        console().print("no plugin provides a published table")


def _download_lines(done: Downloaded, out: Path, format_name: str, table: PublishedTable) -> list[str]:
    from mmr_core.logs.download.table_download import megabytes

    folder = shlex.quote(str(out))
    kept = len(done.files) - len(done.fetched)
    lines = [
        f"{out} holds {len(done.files)} files ({megabytes(done.size)}) of {done.repository} at commit {done.commit}: "
        f"{len(done.fetched)} fetched, {kept} already there, all checked"
    ]
    packed = [path for path in done.files if path.casefold().endswith(ARCHIVES)]
    if packed:
        lines.append(f"unpack in place (images are read from there): {', '.join(packed)}")
    if table.licence != "unknown":
        lines.append(f"licence: {table.licence}")
    lines.append(f"check it for problems: mmr data check --data {folder}")
    lines.append(f"evaluate routers on it: mmr run --data {folder}")
    lines.append(f"keep it as a store: mmr data import {format_name} {folder} --out STORE")
    return lines
