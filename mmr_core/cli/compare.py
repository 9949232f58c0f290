"""`mmr compare`: differences between routers, within one run or across several, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmr_core.cli.arguments import ALL, listed
from mmr_core.render.console import console, print_json


def paired_metric(name: str) -> str:
    """The name of a metric that can be compared; imports numpy, so only when the command runs."""
    from mmr_core.results.evaluation import PAIRED_METRICS

    if name not in PAIRED_METRICS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(PAIRED_METRICS)}")
    return name


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders written by 'mmr run --out'.")],
    dataset: Annotated[
        str | None, typer.Option(help="A dataset or mixture in the runs. (default: the first run's headline)")
    ] = None,
    router: Annotated[
        str, typer.Option(help="Routers or references, separated by commas; RUN:ROUTER for a single run.")
    ] = ALL,
    metric: Annotated[
        str, typer.Option(parser=paired_metric, metavar="METRIC", help="The metric to compare, such as skill.")
    ] = "nauc",
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Compare routers in pairs, on the same bootstrap draws, within a run or across runs."""
    from mmr_core.render.run_tables import comparison_tables
    from mmr_core.render.terminal import show_tables
    from mmr_core.results.paired import compare_runs, open_runs

    comparison = compare_runs(
        open_runs(runs),
        dataset=dataset,
        routers=None if router == ALL else listed(router),
        metric=metric,
    )
    if json:
        print_json(comparison.to_dict())
        return
    show_tables(console(), comparison_tables(comparison))
