"""`mmr run`: evaluates routers on an outcome table, by the paper's protocol or the authors' program."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmr_core.cli.arguments import ALL, listed, registry, settings
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
    Fresh,
    ImageEncoder,
    Jobs,
    LogCost,
    ModalityOption,
    Models,
    OnBadImages,
    Prices,
    Seeds,
    TextEncoder,
)
from mmr_core.errors import WORK_FAILED, UsageError
from mmr_core.render.console import console, note, print_json, progress, warn

if TYPE_CHECKING:
    from mmr_core.authors.authors_run import AuthorsRun
    from mmr_core.results import LeftOut, RunResult

PAPER_SEED, AUTHORS_SEED = 0, 42


class ProtocolName(StrEnum):
    PAPER = "paper"
    AUTHORS = "authors"


def run(
    data: Data = None,
    dataset: Annotated[str, typer.Option(help="Datasets or mixtures, separated by commas.")] = ALL,
    router: Annotated[str, typer.Option(help="Routers, separated by commas.")] = ALL,
    models: Models = None,
    encoder: Encoder = None,
    text_encoder: TextEncoder = None,
    image_encoder: ImageEncoder = None,
    features: FeatureFile = None,
    align: Align = None,
    bad_images: OnBadImages = BadImages.ERROR,
    fusion: Annotated[str | None, typer.Option(help="One fusion for every router that uses one.")] = None,
    modality: Annotated[ModalityOption, typer.Option(help="What routers see.")] = ModalityOption.MULTIMODAL,
    train_modality: Annotated[
        ModalityOption | None, typer.Option(help="What routers see in training. (default: as --modality)")
    ] = None,
    set_: Assignments = None,
    seed: Annotated[int | None, typer.Option(help="First seed. (default: 0; 42 for --protocol authors)")] = None,
    seeds: Seeds = 1,
    draws: Draws = 1000,
    protocol: Annotated[ProtocolName, typer.Option(help="Our protocol, or the authors' program.")] = ProtocolName.PAPER,
    prices: Prices = None,
    allow_incomplete: AllowIncomplete = False,
    jobs: Jobs = None,
    cluster: Cluster = None,
    fresh: Fresh = False,
    log_cost: LogCost = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results.json, tables, curves and plots.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print results.json on stdout and nothing else.")] = False,
) -> None:
    """Evaluate routers and compare them with the oracle, the single models and ignoring the query."""
    from mmr_core.cli.inputs import (
        check_out_folder,
        chosen_datasets,
        feature_choice,
        lineup,
        prepared_table,
        price_sheet_version,
    )
    from mmr_core.features import FeatureCache, cache_folder, cache_root
    from mmr_core.features.selection import feature_source
    from mmr_core.runner.cell_cache import CellCache
    from mmr_core.runner.evaluate import run_paper
    from mmr_core.runner.executor import processors
    from mmr_core.runner.options import Options
    from mmr_core.runner.provenance import library_versions
    from mmr_core.runner.tasks import FINISHED

    found = registry()
    parameters = settings(set_ or [], found)
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
    if protocol is ProtocolName.AUTHORS:
        _reject_for_authors(
            {
                "--fusion": fusion is not None,
                "--modality": modality is not ModalityOption.MULTIMODAL,
                "--train-modality": train_modality is not None,
                "--seeds": seeds != 1,
                "--cluster": cluster is not None,
                "--fresh": fresh,
                "--set": bool(parameters),
            }
        )
    finished = cache_root() / FINISHED
    with progress(shown=not json) as watch:
        # A mistyped router is an error before the table is opened.
        entrants, skipped = (
            ([], {})
            if protocol is ProtocolName.AUTHORS
            else lineup(router, found.routers, parameters, CellCache(finished))
        )
        table = prepared_table(data, found, watch, models=models, prices=prices)
        source = feature_source(
            choice,
            found,
            modality=modality.value if train_modality in (None, modality) else "multimodal",
            modality_option="--modality",
            cache=FeatureCache(cache_folder()),
            warn=warn,
            progress=watch,
        )
        columns = chosen_datasets(dataset, table, found)
        if protocol is ProtocolName.AUTHORS:
            from mmr_core.authors.authors_run import run_authors

            theirs = run_authors(
                table,
                columns,
                None if router == ALL else listed(router),
                source=source,
                routers=found.components("router", "authors"),
                fusions=found.components("fusion", "authors"),
                seed=AUTHORS_SEED if seed is None else seed,
                versions=library_versions(),
                progress=watch,
            )
            report = partial(_report_authors, theirs, out, json=json)
        else:
            first = PAPER_SEED if seed is None else seed
            ours = run_paper(
                table,
                columns,
                entrants,
                source=source,
                registry=found,
                options=Options(
                    seeds=tuple(range(first, first + seeds)),
                    fusion=None if fusion is None else found.fusions.label(found.fusions.find(fusion)),
                    fusion_parameters=parameters,
                    modality=modality.value,
                    train_modality=None if train_modality is None else train_modality.value,
                    draws=draws,
                    allow_incomplete=allow_incomplete,
                ),
                jobs=jobs or processors(),
                cluster=cluster,
                cache=finished,
                fresh=fresh,
                skipped_routers=skipped,
                price_sheet=price_sheet_version(prices),
                progress=watch,
            )
            report = partial(_report_paper, ours, out, log_cost=log_cost, json=json)
    report()


def _reject_for_authors(given: Mapping[str, bool]) -> None:
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"{option} does not apply to --protocol authors", fix="leave it out")


def _report_paper(result: RunResult, out: Path | None, *, log_cost: bool | None, json: bool) -> None:
    """Prints and writes; ends with exit code 1 if a router failed."""
    from mmr_core.features import cache_root
    from mmr_core.render.kept_files import MADE
    from mmr_core.render.run_files import write_run
    from mmr_core.render.run_tables import run_tables
    from mmr_core.render.terminal import show_tables

    for line in _remarks(result):
        warn(line)
    if json:
        print_json(result.to_dict())
    else:
        show_tables(console(), run_tables(result))
    if out is not None:
        for path in write_run(result, out, log_cost=log_cost, kept=cache_root() / MADE, warn=warn):
            note(f"wrote {path}")
    if result.failures:
        raise typer.Exit(WORK_FAILED)


def _report_authors(result: AuthorsRun, out: Path | None, *, json: bool) -> None:
    from mmr_core.render.authors_report import authors_table, write_authors
    from mmr_core.render.terminal import show_tables

    for name, column in result.columns.items():
        if column.filled:
            warn(f"dataset {name!r}: {column.filled} missing utilities and costs are filled with column means")
    if json:
        print_json(result.to_dict())
    else:
        show_tables(console(), [authors_table(result)])
    if out is not None:
        for path in write_authors(result, out):
            note(f"wrote {path}")


def _remarks(result: RunResult) -> list[str]:
    """What a reader of the tables must know: what is left out, skipped, transductive or failed."""
    lines = [f"router {name!r} is left out: {reason}" for name, reason in result.skipped_routers.items()]
    lines += [f"dataset {name!r} is left out: {reason}" for name, reason in result.skipped_columns.items()]
    gaps: dict[str, LeftOut] = {}  # a dataset also counts in its mixtures; the first column that has it suffices
    for column in result.columns:
        for gap in column.left_out:
            gaps.setdefault(gap.dataset, gap)
    for gap in gaps.values():
        per_model = ", ".join(f"{model} {count}" for model, count in gap.models.items())
        lines.append(
            f"dataset {gap.dataset!r}: {gap.instances} of {gap.of} test instances are left out "
            f"because outcomes are missing ({per_model})"
        )
    lines += [
        f"router {entry.name!r} sees all test queries at once through fusion {entry.fusion.name!r}: not for ranking"
        for entry in result.lineup
        if entry.fusion is not None and entry.fusion.transductive
    ]
    lines += [f"router {f.router!r} failed on dataset {f.dataset!r}: {f.reason}" for f in result.failures]
    return lines
