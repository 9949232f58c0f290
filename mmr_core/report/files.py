"""Writes what `mmr run --out` leaves behind: results, draws, curves, tables and the frontier plot.

The files of a run belong together. All of them are written aside first, where a full disk hurts nobody, and moved in
afterwards; `results.json` goes last, so that where it is, the rest is whole and of the same run.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mmr_core.atomic import exclusively, write_atomically
from mmr_core.errors import MissingExtraError, MMRError, UsageError
from mmr_core.evaluate.results import RunResult
from mmr_core.report.document import document
from mmr_core.report.latex import latex
from mmr_core.report.markdown import markdown
from mmr_core.report.parquet import curves_parquet, draws_parquet
from mmr_core.report.plots import figure_bytes, frontier_figure
from mmr_core.report.spreadsheet import csv_text

if TYPE_CHECKING:
    from pathlib import Path

RESULTS = "results.json"
PLOTS = ("frontier.png", "frontier.svg")
FILES = ("draws.parquet", "curves.parquet", "table.md", "table.csv", "table.tex", *PLOTS, RESULTS)
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
    if out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file", where="--out", fix="name a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with exclusively(out):
            return _replace_all(out, contents)
    except OSError as error:
        raise MMRError(
            f"the results cannot be written: {error.strerror or error}",
            where=str(error.filename or out),
            fix="make room there or name another folder with --out",
        ) from error


def _contents(run: RunResult, log_cost: bool | None, warn: Callable[[str], None]) -> dict[str, bytes | str]:
    contents: dict[str, bytes | str] = {
        "draws.parquet": draws_parquet(run),
        "curves.parquet": curves_parquet(run),
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
    contents[RESULTS] = document(run).model_dump_json(indent=2) + "\n"
    return contents


def _replace_all(out: Path, contents: Mapping[str, bytes | str]) -> list[Path]:
    aside = out / f".{secrets.token_hex(8)}.tmp"
    try:
        for name, content in contents.items():
            write_atomically(aside / name, content)
        (out / RESULTS).unlink(missing_ok=True)
        for name in FILES:
            if name in contents:
                os.replace(aside / name, out / name)
            else:
                (out / name).unlink(missing_ok=True)  # of an earlier run
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return [out / name for name in FILES if name in contents]
