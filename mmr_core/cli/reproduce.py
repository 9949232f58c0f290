"""`mmr reproduce`: makes the paper's tables and figures, and any other registered study, from an outcome table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from mmr_core.cli.arguments import ALL, PROGRAM, listed, registry, settings
from mmr_core.cli.shared_options import (
    Align,
    AllowIncomplete,
    Assignments,
    BadImages,
    Cluster,
    Data,
    Draws,
    Encoder,
    FeatureFile,
    FirstSeed,
    ImageEncoder,
    Jobs,
    Models,
    OnBadImages,
    Prices,
    Seeds,
    TextEncoder,
)
from mmr_core.errors import WORK_FAILED
from mmr_core.render.console import console, note, print_json, progress, warn

if TYPE_CHECKING:
    from mmr_core.registry import ComponentShelf
    from mmr_core.render.study_page import RunFacts
    from mmr_core.results import CellFailure
    from mmr_core.studies import Results
    from mmr_core.studies.plan import StudyReports

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""

VERDICTS = {True: "[bold green]holds[/]", False: "[bold red]does not hold[/]", None: "[bold]cannot be told[/]"}


def reproduce(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for the report and for the files of every table and figure.")],
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY", help="Studies, as 'mmr plugins list' names them. (default: all)"),
    ] = None,
    data: Data = None,
    router: Annotated[
        str | None, typer.Option(help="Routers, separated by commas, or 'all'. (default: all that are not slow)")
    ] = None,
    models: Models = None,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    features: FeatureFile = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    set_: Assignments = None,
    seed: FirstSeed = 0,
    seeds: Seeds = 3,
    draws: Draws = 1000,
    prices: Prices = None,
    allow_incomplete: AllowIncomplete = False,
    jobs: Jobs = None,
    cluster: Cluster = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print findings and files as JSON on stdout and nothing else.")
    ] = False,
) -> None:
    """Reproduce the paper's tables and figures, and say for each of its findings whether it holds on this table.

    Finished parts are kept: after an interruption, the same command continues where it stopped.
    """
    from mmr_core.cli.inputs import check_out_folder, feature_choice, lineup, prepared_table, price_sheet_version
    from mmr_core.features import FeatureCache, cache_folder, cache_root
    from mmr_core.render.study_page import RunFacts
    from mmr_core.results import cell_key
    from mmr_core.runner.executor import processors
    from mmr_core.runner.grid import run_cells
    from mmr_core.runner.lineup import data_facts, lineup_entry, versions
    from mmr_core.runner.options import Options
    from mmr_core.runner.prepare import columns_of
    from mmr_core.runner.sources import Sources, view_of
    from mmr_core.runner.tasks import FINISHED
    from mmr_core.splits import split_digest, train_mask
    from mmr_core.studies import EncoderPair, Setting
    from mmr_core.studies.plan import plan, report_studies

    parameters = settings(set_ or [], registry())
    asked = [name for item in items or [ALL] for name in listed(item)]
    choice = feature_choice(
        encoder=encoder,
        text_encoder=text_encoder,
        image_encoder=image_encoder,
        features=features,
        align=align,
        bad_images=bad_images,
        parameters=parameters,
    )
    check_out_folder(out)
    found = registry().with_defaults(parameters)
    warnings: list[str] = []

    def warn_and_record(line: str) -> None:
        warnings.append(line)
        warn(line)

    started, clock = datetime.now(UTC), time.monotonic()
    try:
        with progress(shown=not json) as watch:
            names = study_names(asked, found.studies)
            entrants, skipped = lineup(router, found.routers, parameters)
            for name, reason in skipped.items():
                warn(f"router {name!r} is left out: {reason}")
            table = prepared_table(data, found, watch, models=models, prices=prices, warn=warn_and_record)
            setting = Setting(
                table=table,
                columns=tuple(columns_of(table, found.datasets.all())),
                registry=found,
                routers=tuple(entrant.name for entrant in entrants),
                seeds=tuple(range(seed, seed + seeds)),
            )
            options = Options(
                seeds=setting.seeds, fusion_parameters=parameters, draws=draws, allow_incomplete=allow_incomplete
            )
            sources = Sources(
                choice,
                found,
                view=view_of(table),
                cache=FeatureCache(cache_folder()),
                warn=warn_and_record,
                progress=watch,
            )
            planned = plan(names, found, setting)
            if any(cell.router is not None for cell in planned.cells):
                # Encode the whole table first: a broken image ends the run before any fit.
                sources(EncoderPair()).features(table, train_mask(table.dataset, table.instance_id))
            results = run_cells(
                planned.cells,
                setting,
                source_for=sources,
                options=options,
                jobs=jobs or processors(),
                cluster=cluster,
                cache=cache_root() / FINISHED,
                progress=watch,
            )
            reported = report_studies(planned, setting, results)
            providers = [found.studies.find(study.name).provider for study in planned.studies]
            descriptions = list(sources.descriptions.values())
            facts = RunFacts(
                data=data_facts(table, price_sheet_version(prices)),
                split_digest=split_digest(table.dataset, table.instance_id),
                versions=versions(entrants, found) | {one.distribution: one.version for one in providers},
                seeds=setting.seeds,
                draws=options.draws,
                draw_seed=options.draw_seed,
                features=tuple(d for i, d in enumerate(descriptions) if d not in descriptions[:i]),
                lineup=tuple(lineup_entry(entrant, found, options) for entrant in entrants),
                command=(PROGRAM, *(context.find_root().obj or ())),
                measured=len({cell_key(cell) for cell in planned.cells}) - results.kept,
                cached=results.kept,
                started=started,
                seconds=time.monotonic() - clock,
                unavailable=reported.unavailable,
                failed={failure.study: failure.reason for failure in reported.failures},
                skipped_routers=skipped,
                warnings=tuple(dict.fromkeys(warnings)),
            )
        _report(reported, results, facts, out, json=json)
    except KeyboardInterrupt:
        warn("interrupted: finished parts are kept, and the same command continues from there")
        raise typer.Exit(INTERRUPTED) from None


def study_names(items: Sequence[str], shelf: ComponentShelf) -> list[str]:
    """The studies that are named, each once, in the order given; "all" stands for the registry's order.

    :raises UnknownNameError: if there is no such study.
    """
    words = [name for item in items for name in (shelf.names() if item == ALL else [item])]
    return list(dict.fromkeys(shelf.label(shelf.find(word)) for word in words))


def _report(reported: StudyReports, results: Results, facts: RunFacts, out: Path, *, json: bool) -> None:
    """Writes and prints; ends with exit code 1 if something failed or nothing could be made."""
    from mmr_core.render.study_files import write_exhibits

    files = write_exhibits(out, reported.reports, facts, results, warn=warn) if reported.reports else []
    broken = [failure for failure in results.failures if not failure.unavailable]
    failures = [f"study {failure.study!r} failed: {failure.reason}" for failure in reported.failures]
    failures += dict.fromkeys(_cell_failure(failure) for failure in broken)
    for line in failures:
        warn(line)
    if json:
        print_json(_document(reported, results, facts, failures, files))
    else:
        for line in _findings(reported, results):
            console().print(line, soft_wrap=True, highlight=False)
        for path in files:
            note(f"wrote {path}")
    if not reported.reports:
        warn("nothing could be made from this table")
    if failures or not reported.reports:
        raise typer.Exit(WORK_FAILED)


def _findings(reported: StudyReports, results: Results) -> Iterator[str]:
    """Every finding with its verdict, and what could not be made, as rich markup."""
    for finding in (finding for _, report in reported.reports for finding in report.findings):
        yield f"[bold]{_safe(finding.name)}[/bold]: {VERDICTS[finding.holds]}"
        yield f"  {_safe(finding.words)}"
        yield f"  [dim]Rule: {_safe(finding.rule)}[/dim]"
        if finding.published:
            yield f"  [dim]Published: {_safe(finding.published)}[/dim]"
        yield ""
    for study, reason in reported.unavailable.items():
        yield f"not made: {_safe(f'{study}: {reason}')}"
    for study, report in reported.reports:
        for gap in report.gaps:
            yield f"not made: {_safe(f'{study}: {gap.what}: {gap.reason}')}"
    for reason in _not_measured(results):
        yield f"not measured: {_safe(reason)}"


def _document(
    reported: StudyReports, results: Results, facts: RunFacts, failures: Sequence[str], files: Sequence[Path]
) -> dict[str, Any]:
    """The content of `findings.json`, the reasons for missing cells, the failures, the counts and the files."""
    import json

    from mmr_core.render.study_files import findings_json

    return {
        **json.loads(findings_json(reported.reports, facts)),
        "not_measured": _not_measured(results),
        "failures": list(failures),
        "cells": {"measured": facts.measured, "kept": facts.cached, "failed": len(results.failures)},
        "files": [str(path) for path in files],
    }


def _not_measured(results: Results) -> list[str]:
    """The distinct reasons why cells are unavailable for this table or on this machine."""
    return list(dict.fromkeys(failure.reason for failure in results.failures if failure.unavailable))


def _cell_failure(failure: CellFailure) -> str:
    """Why a cell is missing, in a line that is the same for its other seeds and parameters."""
    cell = failure.cell
    who = "the reference rows" if cell.router is None else f"router {cell.router!r}"
    return f"{who} failed on dataset {cell.test!r}: {failure.reason}"


def _safe(text: str) -> str:
    from mmr_core.render.numbers import name as harmless

    return escape(harmless(text))
