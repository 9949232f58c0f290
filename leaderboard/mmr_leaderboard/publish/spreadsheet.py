"""The leaderboard as `leaderboard.csv`: one line per entry and per reference row, with full numbers.

RFC 4180, every text cell quoted. Spreadsheets take a cell that begins with an operator for a formula, even from a
file of plain values; text from submitters never begins with one here.
"""

from __future__ import annotations

import csv as files
import io
import math
from collections.abc import Iterable, Mapping

from mmr_core.results import Estimate, Metrics
from mmr_leaderboard.schema import Entry, Leaderboard, Reference
from mmr_leaderboard.wording import METRICS, flags, scenarios, shown

Cell = str | int | float

_OPERATORS = "=+-@＝＋－＠\t\r"
"""What spreadsheets begin a formula with; the wide forms count in some of their languages."""

_TEXT = (
    "row", "slug", "display_name", "authors", "kind", "track", "tier", "rank", "rank_low", "rank_high", "ties",
    "unranked_because",
)  # fmt: skip
_RUN = (
    "flags", "signed_off", "isolation", "requirement", "router", "seed", "source_url", "source_commit",
    "license", "open_source", "digest", "commit", "synthetic",
)  # fmt: skip
_ENDS = ("", "_low", "_high")


def csv(board: Leaderboard) -> str:
    """The file's text: `row` says "entry" or "reference"; costs in USD per query, latencies in milliseconds.

    Metrics of the ranked column have plain names ("nauc", "nauc_low", "nauc_high"); those of a dataset or scenario
    begin with it ("mmstar:nauc", "scenario/ocr:nauc"). Infinity is "inf", a figure that is not there is empty.
    """
    sheet = io.StringIO(newline="")
    writer = files.writer(sheet, lineterminator="\r\n", quoting=files.QUOTE_NONNUMERIC)
    header = _header(board)
    writer.writerow(header)
    for row in (*map(_entry, board.entries), *map(_reference, board.references)):
        row["synthetic"] = str(board.table.synthetic).lower()
        writer.writerow([row.get(column, "") for column in header])
    return sheet.getvalue()


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula; an apostrophe marks it as text where it would be one."""
    line = shown(text)
    return f"'{line}" if line.startswith(tuple(_OPERATORS)) else line


def _header(board: Leaderboard) -> list[str]:
    figures = [*METRICS, "chosen_utility", "chosen_cost", "latency_median_ms", "latency_p99_ms", "queries_per_second"]
    places = [dataset.name for dataset in board.table.datasets]
    places += [f"scenario/{scenario}" for scenario in scenarios(board)]
    sliced = [f"{harmless(place)}:{name}" for place in places for name in METRICS]
    return [*_TEXT, *(f"{name}{end}" for name in figures + sliced for end in _ENDS), *_RUN]


def _entry(entry: Entry) -> dict[str, Cell]:
    row: dict[str, Cell] = {
        "row": "entry",
        "slug": harmless(entry.slug),
        "display_name": harmless(entry.display_name),
        "authors": _list(entry.authors),
        "kind": entry.kind,
        "track": entry.track,
        "tier": entry.tier,
        "rank": _whole(entry.rank),
        "rank_low": _whole(entry.rank_low),
        "rank_high": _whole(entry.rank_high),
        "ties": _list(entry.ties),
        "unranked_because": harmless(entry.unranked_because),
        "flags": _list(flags(entry)),
        "signed_off": _list(f"{flag}: {why}" for flag, why in entry.audit.signed_off.items()),
        "isolation": entry.isolation or "",
        "digest": harmless(entry.digest),
        "commit": harmless(entry.commit),
    }
    if entry.router is not None:
        row |= {
            "requirement": harmless(entry.router.requirement),
            "router": harmless(entry.router.name),
            "seed": entry.router.seed,
        }
    if entry.source is not None:
        row |= {
            "source_url": harmless(entry.source.url),
            "source_commit": harmless(entry.source.commit),
            "license": harmless(entry.source.license),
            "open_source": str(entry.source.open_source).lower(),
        }
    if entry.chosen is not None:
        row |= _ends("chosen_utility", entry.chosen["utility"]) | _ends("chosen_cost", entry.chosen["cost"])
    if entry.latency is not None:
        row |= _ends("latency_median_ms", entry.latency.median_ms) | _ends("latency_p99_ms", entry.latency.p99_ms)
        row |= _ends("queries_per_second", entry.latency.queries_per_second)
    return row | _figures(entry.metrics, entry.datasets, entry.scenarios)


def _reference(reference: Reference) -> dict[str, Cell]:
    row: dict[str, Cell] = {
        "row": "reference",
        "slug": harmless(reference.name),
        "display_name": harmless(reference.title),
    }
    return row | _figures(reference.metrics, reference.datasets, reference.scenarios)


def _figures(whole: Metrics, datasets: Mapping[str, Metrics], scenarios: Mapping[str, Metrics]) -> dict[str, Cell]:
    parts = {f"{harmless(dataset)}:": metrics for dataset, metrics in datasets.items()}
    parts |= {harmless(f"scenario/{scenario}") + ":": metrics for scenario, metrics in scenarios.items()}
    cells: dict[str, Cell] = {}
    for prefix, metrics in {"": whole, **parts}.items():
        for name in METRICS:
            cells |= _ends(f"{prefix}{name}", metrics[name])
    return cells


def _ends(name: str, estimate: Estimate) -> dict[str, Cell]:
    ends = (estimate.value, estimate.low, estimate.high)
    return {
        f"{name}{end}": "" if figure is None or math.isnan(figure) else figure
        for end, figure in zip(_ENDS, ends, strict=True)
    }


def _whole(number: int | None) -> Cell:
    return "" if number is None else number


def _list(texts: Iterable[str]) -> str:
    return "; ".join(map(harmless, texts))
