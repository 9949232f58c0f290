"""`mmr data download`: brings a published table from the hub, and says how to use it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.cli.arguments import registry
from mmr_core.errors import UsageError
from mmr_core.render.console import console, print_json, progress

if TYPE_CHECKING:
    from mmr_core.logs.download import Downloaded
    from mmr_core.registry import Shelf
    from mmr_core.specs import PublishedTable

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".tar.zst")


def download(
    name: Annotated[str | None, typer.Argument(help="Which table; without a name, all there are are listed.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to download into; go on in it by the same command.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="A commit, branch or tag. (default: as the plugin says)")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only files of this pattern, such as '*.csv'.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Download a published table from the Hugging Face hub: resumed, checked, pinned to a commit."""
    from mmr_core.logs.download import download as fetch
    from mmr_core.logs.download import published_tables
    from mmr_core.logs.download.table_download import format_of

    found = registry()
    shelf = published_tables(found)
    if name is None:
        _list(shelf, as_json=json)
        return
    item = shelf.find(name)
    if out is None:
        raise UsageError("there is no folder to download into", fix="name one with --out DIR")
    with progress(shown=not json) as watch:
        done = fetch(item.spec, out, revision=revision, only=only or (), progress=watch)
    if json:
        print_json({"folder": str(out), "format": format_of(found, item), **vars(done)})
    else:
        for line in _lines(done, out, format_of(found, item), item.spec):
            console().print(line, markup=False, highlight=False, soft_wrap=True)


def _list(shelf: Shelf[PublishedTable], *, as_json: bool) -> None:
    if as_json:
        print_json({"tables": [{"canonical_id": item.canonical_id, **vars(item.spec)} for item in shelf.specs()]})
        return
    for item in shelf.specs():
        line = f"{shelf.label(item)}: {item.spec.title} ({item.spec.repository}, licence: {item.spec.licence})"
        console().print(line, markup=False, highlight=False, soft_wrap=True)
    if not shelf.specs():
        console().print("no plugin knows a published table")


def _lines(done: Downloaded, out: Path, format_name: str, table: PublishedTable) -> list[str]:
    from mmr_core.logs.download.table_download import megabytes

    folder = shlex.quote(str(out))
    kept = len(done.files) - len(done.fetched)
    lines = [
        f"{out} holds {len(done.files)} files ({megabytes(done.size)}) of {done.repository} at commit {done.commit}: "
        f"{len(done.fetched)} fetched, {kept} there already, all checked"
    ]
    packed = [path for path in done.files if path.casefold().endswith(ARCHIVES)]
    if packed:
        lines.append(f"unpack where they lie, since images are read from there: {', '.join(packed)}")
    if table.licence != "unknown":
        lines.append(f"licence: {table.licence}")
    lines.append(f"look for what is wrong with it: mmr data check --data {folder}")
    lines.append(f"evaluate routers on it: mmr run --data {folder}")
    lines.append(f"keep it as a store: mmr data import {format_name} {folder} --out STORE")
    return lines
