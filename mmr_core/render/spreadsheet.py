"""Every figure of a run in long form, one per line, for spreadsheets and data frames.

Written as `table.csv` (RFC 4180: commas, quotes where needed, lines that end in CRLF), with full precision.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping

from mmr_core.results import Column, Estimate, RunResult, Slice

HEADER = ("dataset", "slice", "slice_kind", "row", "kind", "metric", "value", "low", "high", "reason", "synthetic")
"""`dataset` is the column of the run; empty for averages, whose `slice_kind` is "macro". Infinity is "inf"."""


def csv_rows(run: RunResult) -> list[tuple[str, ...]]:
    """The header, then one row per slice, row and metric.

    Besides the metrics there are "utility" and "cost" (USD per query) of single models, and "chosen_utility",
    "chosen_cost" and "chosen_trade_off" of routers, at the operating point chosen on validation.
    """
    synthetic = str(run.data.synthetic).lower()
    return [HEADER, *((*row, synthetic) for row in _rows(run))]


def csv_text(run: RunResult) -> str:
    """The rows as a CSV file's text."""
    sheet = io.StringIO(newline="")
    csv.writer(sheet, lineterminator="\r\n").writerows(csv_rows(run))
    return sheet.getvalue()


def _rows(run: RunResult) -> Iterator[tuple[str, ...]]:
    for column in run.columns:
        for part in (column.whole, *column.slices):
            yield from _slice_rows(column, part)
    for macro in run.macros:
        for row in macro.rows:
            yield from _lines(("", macro.name, "macro", row.name, row.kind), row.metrics)


def _slice_rows(column: Column, part: Slice) -> Iterator[tuple[str, ...]]:
    place = (column.dataset, part.name, part.kind)
    for row in part.rows:
        chosen = {f"chosen_{what}": estimate for what, estimate in row.chosen.items()}
        yield from _lines((*place, row.name, row.kind), {**row.metrics, **chosen})
    for model in part.models:
        points = {"utility": Estimate(value=model.utility), "cost": Estimate(value=model.cost)}
        yield from _lines((*place, model.name, "model"), points)


def _lines(place: tuple[str, ...], estimates: Mapping[str, Estimate]) -> Iterator[tuple[str, ...]]:
    for metric, estimate in estimates.items():
        ends = (_exact(estimate.value), _exact(estimate.low), _exact(estimate.high))
        yield (*place, metric, *ends, estimate.reason)


def _exact(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(float(value))
