"""Writes what `mmr run --out` leaves behind: results, draws, curves, tables and the frontier plot.

`results.json` goes last, so that where it is, the rest is whole and of the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mmr_core.errors import MissingExtraError
from mmr_core.render.latex import latex
from mmr_core.render.markdown import markdown
from mmr_core.render.plots import figure_bytes, frontier_figure
from mmr_core.render.spreadsheet import csv_text
from mmr_core.render.together import write_together
from mmr_core.results import RunResult, curves_parquet, draws_parquet
from mmr_core.results.run_result import CURVES, DRAWS, RESULTS

if TYPE_CHECKING:
    from pathlib import Path

PLOTS = ("frontier.png", "frontier.svg")
FILES = (DRAWS, CURVES, "table.md", "table.csv", "table.tex", *PLOTS, RESULTS)
"""What a run leaves, in the order in which it is moved in."""


def write_run(
    run: RunResult,
    out: Path,
    *,
    log_cost: bool | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Writes the files of a run into a folder, which is made, and returns their paths, `results.json` last.

    Files of an earlier run are replaced. If anything fails before all are written, they are as they were.

    :param log_cost: the cost axis of the plot, as `frontier_figure` takes it.
    :param warn: called with one line if matplotlib is not installed; then there is no plot.
    :raises UsageError: if `out` is a file.
    :raises MMRError: if a file cannot be written.
    """
    contents = _contents(run, log_cost, warn)
    return write_together(out, contents, last=RESULTS, stale=FILES)


def _contents(run: RunResult, log_cost: bool | None, warn: Callable[[str], None]) -> dict[str, bytes | str]:
    contents: dict[str, bytes | str] = {
        DRAWS: draws_parquet(run.columns, synthetic=run.data.synthetic),
        CURVES: curves_parquet(run.columns, run.seeds, synthetic=run.data.synthetic),
        "table.md": markdown(run),
        "table.csv": csv_text(run),
        "table.tex": latex(run),
    }
    try:
        figure = frontier_figure(
            run.headline,
            log_cost=log_cost,
            synthetic=run.data.synthetic,
            lineup=[entry.name for entry in run.lineup],
        )
    except MissingExtraError as error:
        warn(f"no {' and '.join(PLOTS)}: {error}")
    else:
        contents.update({plot: figure_bytes(figure, plot.rpartition(".")[2]) for plot in PLOTS})
    contents[RESULTS] = run.to_json()
    return contents
