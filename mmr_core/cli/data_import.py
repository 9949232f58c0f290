"""`mmr data import` and `mmr data origin`: logs and tables into a store, and where each of its numbers came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.markup import escape

from mmr_core.cli.arguments import registry
from mmr_core.cli.data_tables import (
    create_store,
    is_new,
    opened,
    plain_table,
    print_added,
    print_description,
    report_added,
    store_table,
)
from mmr_core.cli.shared_options import Json
from mmr_core.errors import WORK_FAILED, WRONG_USE, DataError, UsageError
from mmr_core.render.console import console, messages, note, print_json, progress, warn

if TYPE_CHECKING:
    from mmr_core.contracts import Progress
    from mmr_core.logs.log_importer import ImportedLog, Inspection

Words = Annotated[
    list[str], typer.Argument(metavar="[FORMAT] PATH", help="What to read, and its format if several fit.")
]
Select = Annotated[
    list[str] | None, typer.Option("--select", metavar="KEY=VALUE", help="Answer a question that the import asks.")
]


def import_data(
    source: Words,
    out: Annotated[Path | None, typer.Option(help="The store: a new folder, or a store to add to.")] = None,
    select: Select = None,
    prices: Annotated[Path | None, typer.Option(help="Price sheet (TOML) to compute costs from tokens.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Show what is there; write nothing.")] = False,
    json: Json = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing and exit with 1 if a mean differs from the kit's.")
    ] = False,
    responses: Annotated[bool, typer.Option("--responses", help="Keep the answers in the logs.")] = False,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Read pickled logs (arrays and plain containers only).")
    ] = False,
    copy_images: Annotated[bool, typer.Option("--copy-images", help="Copy the images into the store.")] = False,
) -> None:
    """Import evaluation logs, a table in a file or folder, or an embedded table by name, into a store."""
    if len(source) > 2:
        raise UsageError(f"expected [FORMAT] PATH, got {len(source)} words", fix="import one path at a time")
    if out is None and not show:
        raise UsageError("no store to import into", fix="give --out STORE, or --show to look only")
    from mmr_core.features import cache_root
    from mmr_core.logs.log_importer import import_log, inspect_log
    from mmr_core.logs.table_sources import import_context, log_importer_of
    from mmr_core.pricing import read_price_sheet, reprice

    data, format_name = source[-1], source[0] if len(source) == 2 else None
    importer = log_importer_of(format_name, data, registry(), warn=warn)
    with progress(shown=not json) as watch:
        if importer is None:
            if select or responses or allow_pickle or strict:
                raise UsageError("is a finished table, not a log", where=data, fix="leave out the options for logs")
            _import_table(data, format_name, out, prices, watch, show=show, json=json, copy_images=copy_images)
            return
        context = import_context(registry(), cache=cache_root(), warn=warn, progress=watch)
        seen = inspect_log(
            importer, Path(data), context, select=select or [], responses=responses, allow_pickle=allow_pickle
        )
        if not json:
            _show(seen)
        if out is None or show or seen.open:
            _stop(seen, show=show, json=json)
        imported = import_log(seen, context)
        if prices is not None:
            repriced = reprice(imported.assembled.table, read_price_sheet(prices), warn=warn)
            imported = imported.with_table(repriced)
        _compare(seen, imported, strict=strict, json=json)
        table = imported.assembled.table
        added = store_table(table, out, watch, copy_images=copy_images, origins=imported.assembled.origins)
    if json:
        from mmr_core.logs.import_report import as_dict

        brought = {"store": str(out), "datasets": added.datasets, "outcomes": added.outcomes}
        print_json({**as_dict(seen, imported), "added": brought})
    else:
        print_added(out, added)


def show_origin(
    store: Annotated[Path, typer.Argument(help="A store.")],
    dataset: Annotated[str, typer.Argument(help="A dataset in it.")],
    instance: Annotated[str, typer.Argument(help="An instance, with or without the dataset's prefix.")],
    model: Annotated[str | None, typer.Argument(help="One model. (default: all)")] = None,
    json: Json = False,
) -> None:
    """Show which file and row of a log each outcome of an instance came from."""
    from mmr_core.store import OutcomeStore

    there = OutcomeStore.open(store)
    stored = there.manifest().dataset(dataset)
    if stored is None:
        names = ", ".join(each.spec.name for each in there.manifest().datasets)
        raise DataError(f"has no dataset {dataset!r}", where=str(store), fix=f"it has {names}")
    models = [model] if model is not None else [outcomes.model for outcomes in stored.outcomes]
    traced: dict[str, dict[str, Any]] = {}
    for name in models:
        origins = there.origins(dataset, name)
        found = None if origins is None else origins.of(instance) or origins.of(f"{stored.spec.id_prefix}_{instance}")
        if found is not None:
            traced[name] = {key: None if value != value else value for key, value in found.items()}
    if not traced:
        raise DataError(
            f"does not record where outcomes of {instance!r} came from",
            where=f"{store}, dataset {dataset!r}",
            fix="origins are kept when evaluation logs are imported",
        )
    if json:
        print_json({"dataset": dataset, "origins": [{"model": name, **found} for name, found in traced.items()]})
        return
    for name, found in traced.items():
        place = f"{found.pop('source')}{f', row {row}' if (row := found.pop('row')) else ''}"
        facts = ", ".join(f"{key} {value}" for key, value in found.items() if value not in (None, ""))
        console().print(f"{name}: {place}: {facts}", markup=False, highlight=False, soft_wrap=True)


def _import_table(
    data: str,
    format_name: str | None,
    out: Path | None,
    prices: Path | None,
    watch: Progress,
    *,
    show: bool,
    json: bool,
    copy_images: bool,
) -> None:
    """Imports a finished table, which leaves nothing to choose."""
    from mmr_core.pricing import read_price_sheet, reprice
    from mmr_core.store.description import describe

    if out is not None and not show and prices is None and not copy_images and is_new(out):
        # Nothing needs the whole table: it goes into the store part by part, however long it is.
        report_added(out, create_store(data, out, watch, format_name), json=json)
        return
    table = opened(data, watch, format_name)
    if prices is not None:
        table = reprice(table, read_price_sheet(prices), warn=warn)
    if out is None or show:
        described = describe(table)
        if json:
            print_json(described.as_dict())
        else:
            print_description(described)
        return
    report_added(out, store_table(table, out, watch, copy_images=copy_images), json=json)


def _show(seen: Inspection) -> None:
    """Prints what the log holds: warnings on stderr, a table on stdout."""
    from mmr_core.logs.import_report import coverage, summary
    from mmr_core.logs.log_importer import notices_of

    for line in notices_of(seen):
        warn(line)
    if seen.survey is None:
        return
    console().print(summary(seen), markup=False, highlight=False, soft_wrap=True)
    columns, rows, left_out = coverage(seen)
    table = plain_table(*columns[:3], numbers=columns[3:])
    for row in rows:
        table.add_row(*("-" if value in (None, "") else escape(str(value)) for value in row))
    console().print(table)
    if left_out:
        note(f"and {left_out} more rows; --json has them all")


def _stop(seen: Inspection, *, show: bool, json: bool) -> NoReturn:
    """Ends a command that writes nothing: 0 for --show, 2 if the log leaves a choice to be made first."""
    from mmr_core.logs.import_report import as_dict, question_line

    if json:
        print_json(as_dict(seen))
    for question in seen.open:
        messages().print(question_line(question), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if show else WRONG_USE)


def _compare(seen: Inspection, imported: ImportedLog, *, strict: bool, json: bool) -> None:
    """Reports whether means agree with the kit's; ends the command if they differ and --strict is given."""
    from mmr_core.logs.import_report import as_dict

    for line in imported.assembled.notices:
        warn(line)
    differing = [agreement for agreement in imported.agreements if not agreement.agrees]
    for agreement in differing:
        warn(str(agreement))
    agreeing = len(imported.agreements) - len(differing)
    if agreeing:
        note(f"{agreeing} of {len(imported.agreements)} means agree with the kit's own")
    if strict and differing:
        if json:
            print_json({**as_dict(seen, imported), "added": None})
        raise typer.Exit(WORK_FAILED)
