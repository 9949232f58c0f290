"""Exhibits for spreadsheets and data frames: full numbers, infinity as "inf", nothing where there is nothing.

RFC 4180: commas, quotes where needed, lines that end in CRLF.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from mmr_core.studies.exhibits import Entry, Sheet
from mmr_core.studies.figures import Chart, Panel, Series

POINTS = ("panel", "series", "x", "y", "low", "high", "label", "synthetic")
"""The columns of a chart's points; `label` is the category where the axis has categories and the point no label."""


def sheet_csv(sheet: Sheet, *, synthetic: bool) -> str:
    """A row per line: group, label, then per column its figure, "... low" and "... high" where it has intervals.

    The last columns say of the line whether it is published or a reference, and whether the table is synthetic.
    """
    bounded = [
        any(line.entries[j].low is not None or line.entries[j].high is not None for line in sheet.lines)
        for j in range(len(sheet.header) - 1)
    ]
    header = ["group", sheet.header[0] or "label"]
    for title, has_interval in zip(sheet.header[1:], bounded, strict=True):
        header += [title, f"{title} low", f"{title} high"] if has_interval else [title]
    rows = [_distinct([*header, "published", "reference", "synthetic"])]
    for line in sheet.lines:
        row = [line.group, line.label]
        for entry, has_interval in zip(line.entries, bounded, strict=True):
            row += [_figure(entry), *([exact(entry.low), exact(entry.high)] if has_interval else [])]
        rows.append([*row, *(_truth(fact) for fact in (line.published, line.reference, synthetic))])
    return _text(rows)


def points_csv(chart: Chart, *, synthetic: bool) -> str:
    """Every point of a chart, one per row, in the columns of `POINTS`."""
    rows: list[Sequence[str]] = [POINTS]
    for panel in chart.panels:
        for series in panel.series:
            for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
                ends = [exact(end[i]) if end else "" for end in (series.low, series.high)]
                place = (panel.title, series.name, exact(x), exact(y), *ends)
                rows.append((*place, _label(panel, series, i), _truth(synthetic)))
    return _text(rows)


def exact(value: float | None) -> str:
    """All digits of a number; "inf" or "-inf"; empty where there is none."""
    return "" if value is None or math.isnan(value) else repr(float(value))


def _figure(entry: Entry) -> str:
    return entry.text or exact(entry.value)


def _label(panel: Panel, series: Series, i: int) -> str:
    if series.labels and series.labels[i]:
        return series.labels[i]
    place = series.x[i]
    names = panel.x.categories
    return names[int(place)] if math.isfinite(place) and place.is_integer() and 0 <= place < len(names) else ""


def _distinct(titles: Sequence[str]) -> list[str]:
    """The titles; those that came before get a number."""
    found: list[str] = []
    for title in titles:
        count, free = 1, title
        while free in found:
            count += 1
            free = f"{title} ({count})"
        found.append(free)
    return found


def _truth(fact: bool) -> str:
    return str(fact).lower()


def _text(rows: Iterable[Sequence[str]]) -> str:
    sheet = io.StringIO(newline="")
    csv.writer(sheet, lineterminator="\r\n").writerows(rows)
    return sheet.getvalue()
