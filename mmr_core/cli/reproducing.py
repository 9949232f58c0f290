"""Carries out `mmr reproduce`: opens the table, asks the studies what they need, measures it, writes and prints.

Apart from `reproduce` so that parsing the command line imports nothing heavy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from joblib import cpu_count

from mmr_core.cli.arguments import ALL, PROGRAM, registry
from mmr_core.cli.findings import broken, failure_lines, findings_lines, told_json
from mmr_core.cli.inputs import check_out_folder, lineup, prepared_table, price_sheet_version
from mmr_core.contracts import Progress
from mmr_core.errors import WORK_FAILED
from mmr_core.features import FeatureCache, cache_folder, cache_root
from mmr_core.features.selection import FeatureChoice
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.render.console import console, note, print_json, progress, warn
from mmr_core.render.exhibits import RunFacts, write_exhibits
from mmr_core.results.records import cell_key
from mmr_core.runner import Entrant, Options, columns_of
from mmr_core.runner.grid import run_cells
from mmr_core.runner.lineup import data_facts, lineup_entry, versions
from mmr_core.runner.sources import Sources, view_of
from mmr_core.runner.tasks import FINISHED
from mmr_core.splits import split_digest, train_mask
from mmr_core.studies import EncoderPair, Results, Setting
from mmr_core.studies.plan import Conducted, Plan, conduct, plan

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The command line of `mmr reproduce`; names are still what was typed.

    :param words: all that was typed behind the program's name.
    """

    items: tuple[str, ...]
    data: str | None
    routers: str | None
    models: str | None
    features: FeatureChoice
    parameters: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    draws: int
    prices: Path | None
    allow_incomplete: bool
    jobs: int | None
    cluster: str | None
    out: Path
    json: bool
    words: tuple[str, ...]


def reproduce_request(request: Request) -> None:
    """Measures, writes and prints; ends with exit code 1 if something failed or nothing could be made."""
    check_out_folder(request.out)
    found = registry().with_defaults(request.parameters)
    try:
        with progress(shown=not request.json) as watch:
            finish = _carried_out(request, found, watch)
        finish()
    except KeyboardInterrupt:
        warn("interrupted: what is finished is kept, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None


def study_names(items: Sequence[str], shelf: ComponentShelf) -> list[str]:
    """The studies that were asked for, each once, in the order of the words; in that of the registry for "all".

    :raises UnknownNameError: if a word names no study.
    """
    words = [name for item in items for name in (shelf.names() if item == ALL else [item])]
    return list(dict.fromkeys(shelf.label(shelf.find(word)) for word in words))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """What is to be done, with everything that it takes.

    :param skipped: routers that are left out, with the reason.
    :param said: warnings so far, which the report repeats.
    """

    setting: Setting
    entrants: Sequence[Entrant]
    skipped: Mapping[str, str]
    options: Options
    sources: Sources
    plan: Plan
    said: list[str]


def _work(request: Request, found: Registry, watch: Progress) -> _Work:
    names = study_names(request.items, found.studies)
    entrants, skipped = lineup(request.routers, found.routers, request.parameters)
    for name, reason in skipped.items():
        warn(f"router {name!r} is left out: {reason}")
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        warn(line)

    table = prepared_table(request.data, found, watch, models=request.models, prices=request.prices, warn=tell)
    setting = Setting(
        table=table,
        columns=tuple(columns_of(table, found.datasets.all())),
        registry=found,
        routers=tuple(entrant.name for entrant in entrants),
        seeds=request.seeds,
    )
    return _Work(
        setting=setting,
        entrants=entrants,
        skipped=skipped,
        options=Options(
            seeds=request.seeds,
            fusion_parameters=request.parameters,
            draws=request.draws,
            allow_incomplete=request.allow_incomplete,
        ),
        sources=Sources(
            request.features,
            found,
            view=view_of(table),
            cache=FeatureCache(cache_folder()),
            warn=tell,
            progress=watch,
        ),
        plan=plan(names, found, setting),
        said=said,
    )


def _carried_out(request: Request, found: Registry, watch: Progress) -> Callable[[], None]:
    """Measures what the studies need; what it gives writes and prints, once the progress bar is gone."""
    started, clock = datetime.now(UTC), time.monotonic()
    work = _work(request, found, watch)
    _demand_features(work)
    results = run_cells(
        work.plan.cells,
        work.setting,
        source_for=work.sources,
        options=work.options,
        jobs=request.jobs or cpu_count(),
        cluster=request.cluster,
        cache=cache_root() / FINISHED,
        progress=watch,
    )
    conducted = conduct(work.plan, work.setting, results)
    facts = _facts(request, work, results, conducted, started, time.monotonic() - clock)
    return lambda: _finish(request, conducted, results, facts)


def _demand_features(work: _Work) -> None:
    """Encodes the whole table once, if a router is to see it: an image that is broken ends the run before any fit.

    :raises FeatureError: if texts or images cannot be encoded.
    """
    if any(cell.router is not None for cell in work.plan.cells):
        table = work.setting.table
        work.sources(EncoderPair()).features(table, train_mask(table.dataset, table.instance_id))


def _facts(
    request: Request, work: _Work, results: Results, conducted: Conducted, started: datetime, seconds: float
) -> RunFacts:
    table, found = work.setting.table, work.setting.registry
    providers = [found.studies.find(planned.name).provider for planned in work.plan.studies]
    return RunFacts(
        data=data_facts(table, price_sheet_version(request.prices)),
        split_digest=split_digest(table.dataset, table.instance_id),
        versions=versions(work.entrants, found) | {one.distribution: one.version for one in providers},
        seeds=request.seeds,
        draws=work.options.draws,
        draw_seed=work.options.draw_seed,
        features=tuple(_unequal(work.sources.descriptions.values())),
        lineup=tuple(lineup_entry(entrant, found, work.options) for entrant in work.entrants),
        command=(PROGRAM, *request.words),
        measured=len({cell_key(cell) for cell in work.plan.cells}) - results.kept,
        cached=results.kept,
        started=started,
        seconds=seconds,
        unavailable=conducted.unavailable,
        failed={failure.study: failure.reason for failure in conducted.failures},
        skipped_routers=work.skipped,
        warnings=tuple(dict.fromkeys(work.said)),
    )


def _unequal(descriptions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each description once: a pair of encoders may be named that the run has anyway."""
    once: list[Mapping[str, Any]] = []
    for description in descriptions:
        if description not in once:
            once.append(description)
    return once


def _finish(request: Request, conducted: Conducted, results: Results, facts: RunFacts) -> None:
    files = write_exhibits(request.out, conducted.reports, facts, results, warn=warn) if conducted.reports else []
    for line in failure_lines(conducted, results):
        warn(line)
    if request.json:
        print_json(told_json(conducted, results, facts, files))
    else:
        for line in findings_lines(conducted, results):
            console().print(line, soft_wrap=True, highlight=False)
        for path in files:
            note(f"wrote {path}")
    if not conducted.reports:
        warn("nothing could be made of this table")
    if conducted.failures or broken(results) or not conducted.reports:
        raise typer.Exit(WORK_FAILED)
