"""Writes what `mmr savings --out` leaves behind: page, sheet, plots, and `savings.json` last."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mmr_core.errors import MissingExtraError
from mmr_core.render.plots import figure_bytes
from mmr_core.render.savings.pages import savings_page
from mmr_core.render.savings.plot import savings_figure
from mmr_core.render.savings.words import summary
from mmr_core.render.together import write_together
from mmr_core.results import Against, Chosen, ColumnSavings, Estimate, Savings, Single, per_thousand
from mmr_core.results.savings_result import DOCUMENT

if TYPE_CHECKING:
    from pathlib import Path

PLOTS = ("savings.png", "savings.svg")
FIGURES = ("utility", "gain", "cost", "ratio")

HEADER = ("dataset", "row", "kind", "at", "model", "figure", "value", "low", "high", "reason", "synthetic")
"""`at` is "single", "chosen:cost", "chosen:quality" or "frontier"; `model` is what gain and ratio are against. Costs
are in USD per 1,000 queries; an infinite one ("inf") is one at which the utility is never reached."""

FILES = ("savings.md", "savings.csv", *PLOTS, DOCUMENT)


def write_savings(
    savings: Savings, out: Path, *, log_cost: bool | None = None, warn: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Writes all files into a folder, which is made; the plot is that of the first column.

    Without matplotlib everything but the plots is written, and `warn` is told.

    :raises UsageError: if `out` is a file.
    :raises MMRError: if a file cannot be written.
    """
    contents: dict[str, bytes | str] = {"savings.md": savings_page(savings), "savings.csv": savings_csv(savings)}
    try:
        figure = savings_figure(savings.columns[0], synthetic=savings.data.synthetic, log_cost=log_cost)
    except MissingExtraError as error:
        warn(f"no plot is written: {error}")
    else:
        contents.update({plot: figure_bytes(figure, plot.rpartition(".")[2]) for plot in PLOTS})
    contents[DOCUMENT] = with_summaries(savings).to_json()
    return write_together(out, contents, last=DOCUMENT, stale=FILES)


def with_summaries(savings: Savings) -> Savings:
    """The same page with the sentences about each column, which `savings.json` has too."""
    return replace(
        savings, columns=tuple(replace(column, summary=tuple(summary(column))) for column in savings.columns)
    )


def savings_csv(savings: Savings) -> str:
    """Every figure in long form, one per line (RFC 4180), with full precision."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerow(HEADER)
    synthetic = str(savings.data.synthetic).lower()
    for column in savings.columns:
        for row in _lines(column):
            writer.writerow((column.dataset, *row, synthetic))
    return sheet.getvalue()


def _lines(column: ColumnSavings) -> Iterator[tuple[str, ...]]:
    for single in column.singles:
        yield from _figures((single.name, "model", "single", column.best), single)
    for row in (*column.routers, *column.references):
        for aim, chosen in row.chosen.items():
            yield from _figures((row.name, row.kind, f"chosen:{aim}", column.best), chosen)
        for against in row.against:
            yield from _figures((row.name, row.kind, "frontier", against.model), against)


def _figures(place: tuple[str, ...], found: Single | Chosen | Against) -> Iterator[tuple[str, ...]]:
    for figure in FIGURES:
        estimate: Estimate = getattr(found, figure)
        shown = per_thousand(estimate) if figure == "cost" else estimate
        yield (*place, figure, *(_exact(end) for end in (shown.value, shown.low, shown.high)), shown.reason)


def _exact(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(float(value))
