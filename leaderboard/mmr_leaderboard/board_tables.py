"""The leaderboard's columns, each defined once, and the tables that are made of them.

`publish` puts the tables on a page and writes the one for programs as `leaderboard.csv`; the site and the terminal show
the columns too. Text that somebody else wrote is made harmless here; the writers escape it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mmr_core.numerics.metrics import METRICS
from mmr_core.render.numbers import NOTHING, CostUnit, Show, number, ratio
from mmr_core.render.table import Section, Table, TableCell, TableColumn, TableRow, estimate, metric, plain_table, words
from mmr_core.results import Estimate, Metrics
from mmr_leaderboard.schema import Entry, Leaderboard, PublishedFinding
from mmr_leaderboard.wording import (
    TIERS,
    TRACKS,
    code_meaning,
    cost_unit,
    flag_words,
    flags,
    rank_range,
    reference_meaning,
    scenario_title,
    scenarios,
    shown,
)

RANKED_BY = next(iter(METRICS))
_OPERATORS = "=+-@＝＋－＠\t\r"
"""What spreadsheets begin a formula with; the wide forms count in some of their languages."""

_LONGEST_WORD, _LONGEST_NAME = 40, 120


@dataclass(frozen=True, kw_only=True)
class FigureColumn:
    """A figure of an entry beside its metrics, on the ranked column alone.

    :param key: its name for programs, and in the page.
    :param title: its heading for people; "" leaves the column to programs.
    :param group: the heading over neighbouring columns of the page.
    :param figure: from an entry; None where it has none.
    :param show: how it looks, given the unit of all costs.
    :param below: words on a line of their own.
    """

    key: str
    title: str = ""
    group: str = ""
    better: Literal["higher", "lower"] = "higher"
    figure: Callable[[Entry], Estimate | None]
    show: Callable[[CostUnit], Show] = lambda unit: number
    below: Callable[[Entry], str] = lambda entry: ""

    def cell(self, entry: Entry, unit: CostUnit) -> TableCell:
        """The figure of an entry with its interval, or a dash."""
        found = self.figure(entry)
        if found is None:
            return TableCell(text=NOTHING, figure=True)
        return replace(estimate(found, self.show(unit)), below=self.below(entry))


FIGURES = (
    FigureColumn(
        key="chosen_utility",
        title="Utility",
        group="Chosen on validation",
        figure=lambda entry: entry.chosen["utility"] if entry.chosen else None,
    ),
    FigureColumn(
        key="chosen_cost",
        title="Cost",
        group="Chosen on validation",
        better="lower",
        figure=lambda entry: entry.chosen["cost"] if entry.chosen else None,
        show=lambda unit: unit.show,
    ),
    FigureColumn(
        key="latency_median_ms",
        title="ms per query",
        group="Latency",
        better="lower",
        figure=lambda entry: entry.latency.median_ms if entry.latency else None,
        show=lambda unit: ratio,
        below=lambda entry: f"99 %: {ratio(entry.latency.p99_ms.value)}" if entry.latency else "",
    ),
    FigureColumn(key="latency_p99_ms", figure=lambda entry: entry.latency.p99_ms if entry.latency else None),
    FigureColumn(
        key="queries_per_second", figure=lambda entry: entry.latency.queries_per_second if entry.latency else None
    ),
)
"""Everything that an entry is shown with besides its metrics: a new column is one entry here."""

SHOWN_FIGURES = tuple(column for column in FIGURES if column.title)


def ranking_table(board: Leaderboard) -> Table:
    """The ranked entries, in order."""
    unit = cost_unit(board)
    titles = {"chosen_cost": f"Cost ({unit.title})"}
    columns = (
        TableColumn(title="Rank"),
        _words("Router"),
        *_metric_columns(),
        *(TableColumn(title=titles.get(column.key, column.title)) for column in SHOWN_FIGURES),
        *map(_words, ("Track", "Tier", "Audit")),
    )
    rows = [
        (
            words(f"{entry.rank}{'=' if entry.ties else ''} ({rank_range(entry) or NOTHING})"),
            _router(entry),
            *_metrics(entry.metrics),
            *(replace(column.cell(entry, unit), interval="") for column in SHOWN_FIGURES),
            *(words(text) for text in (TRACKS[entry.track], TIERS[entry.tier], flag_words(entry) or NOTHING)),
        )
        for entry in board.entries
        if entry.rank is not None
    ]
    return plain_table(columns, rows, stacked=True)


def unranked_table(board: Leaderboard) -> Table:
    """The entries without a rank, and why they have none."""
    columns = (*map(_words, ("Router", "Why", "Tier")), *_metric_columns(), *map(_words, ("Track", "Audit")))
    rows = [
        (
            _router(entry),
            words(entry.unranked_because or NOTHING),
            words(TIERS[entry.tier]),
            *_metrics(entry.metrics),
            words(TRACKS[entry.track]),
            words(flag_words(entry) or NOTHING),
        )
        for entry in board.entries
        if entry.rank is None
    ]
    return plain_table(columns, rows, stacked=True)


def reference_table(board: Leaderboard) -> Table:
    """The reference rows."""
    rows = [
        (words(reference.title), words(reference_meaning(reference.name)), *_metrics(reference.metrics))
        for reference in board.references
    ]
    return plain_table((_words("Reference"), _words("What it is"), *_metric_columns()), rows, stacked=True)


def scope_table(board: Leaderboard) -> Table:
    """The ranking metric of every entry on each scenario and each dataset."""
    tags, datasets = scenarios(board), board.table.datasets
    titles = [*map(scenario_title, tags), *(shown(dataset.title) for dataset in datasets)]
    rows = []
    for entry in board.entries:
        parts = [entry.scenarios.get(tag) for tag in tags]
        parts += [entry.datasets.get(dataset.name) for dataset in datasets]
        figures = (
            TableCell(text=NOTHING) if p is None else metric(RANKED_BY, p[RANKED_BY], bounds=False) for p in parts
        )
        rows.append((words(_cut(entry.display_name)), *figures))
    return plain_table((_words("Router"), *(TableColumn(title=title) for title in titles)), rows)


def refused_table(board: Leaderboard) -> Table:
    """The findings of submissions that have no row."""
    rows = [
        (words(f"{shown(submission.display_name)} ({shown(submission.slug)})"), _finding(found))
        for submission in board.refused
        for found in submission.findings
    ]
    return plain_table((_words("Submission"), _words("Why")), rows)


def short_table(board: Leaderboard) -> Table:
    """The board for the terminal: entries, then references other than single models."""
    kind = "synthetic outcomes" if board.table.synthetic else "observed outcomes"
    entries = [
        (
            words(shown(entry.display_name)),
            words(NOTHING if entry.rank is None else f"{entry.rank} ({rank_range(entry) or NOTHING})"),
            *_metrics(entry.metrics),
        )
        for entry in board.entries
    ]
    references = [
        (words(reference.name), TableCell(), *_metrics(reference.metrics))
        for reference in board.references
        if ":" not in reference.name
    ]
    parts = (("entries", entries), ("references", references))
    return Table(
        title=f"{shown(board.title)}: {shown(board.table.title)}, {board.table.test:,} test instances, {kind}",
        columns=(TableColumn(align="left", key="row"), TableColumn(title="rank"), *_metric_columns()),
        sections=tuple(
            Section(title=title, rows=tuple(TableRow(cells=cells) for cells in rows)) for title, rows in parts if rows
        ),
    )


def board_data(board: Leaderboard) -> Table:
    """The board for programs: one row per entry and per reference, with full numbers.

    `row` says "entry" or "reference"; costs are in USD per query, latencies in milliseconds. Metrics of the ranked
    column have plain names ("nauc", "nauc_low", "nauc_high"); those of a dataset or scenario begin with it
    ("mmstar:nauc", "scenario/ocr:nauc"). Spreadsheets take a cell that begins with an operator for a formula, even
    from a file of plain values; text from submitters never begins with one here.
    """
    places = [(dataset.name, "dataset") for dataset in board.table.datasets]
    places += [(f"scenario/{scenario}", "scenario") for scenario in scenarios(board)]
    prefixes = ["", *(f"{harmless(place)}:" for place, _ in places)]
    unit = CostUnit(1)
    rows = []
    for entry in board.entries:
        cells = (
            _facts_before(entry) | {column.key: column.cell(entry, unit) for column in FIGURES} | _facts_after(entry)
        )
        rows.append(cells | _all_metrics(entry.metrics, entry.datasets, entry.scenarios))
    for reference in board.references:
        names = {"row": "reference", "slug": harmless(reference.name), "display_name": harmless(reference.title)}
        rows.append(_texts(names) | _all_metrics(reference.metrics, reference.datasets, reference.scenarios))
    sliced = [f"{prefix}{which}" for prefix in prefixes[1:] for which in METRICS]
    figures = [*METRICS, *(column.key for column in FIGURES), *sliced]
    columns = [
        *(TableColumn(key=key) for key in _BEFORE),
        *(TableColumn(key=key, ends=(f"{key}_low", f"{key}_high")) for key in figures),
        *(TableColumn(key=key) for key in _AFTER),
    ]
    synthetic = TableCell(text=str(board.table.synthetic).lower())
    missing = {key: TableCell(figure=True) for key in figures} | {"synthetic": synthetic}
    return plain_table(
        columns, ([{**missing, **row}.get(column.key, TableCell()) for column in columns] for row in rows)
    )


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula; an apostrophe marks it as text where it would be one."""
    line = shown(text)
    return f"'{line}" if line.startswith(tuple(_OPERATORS)) else line


_BEFORE = (
    "row", "slug", "display_name", "authors", "kind", "track", "tier", "rank", "rank_low", "rank_high", "ties",
    "copy_of", "unranked_because",
)  # fmt: skip
_AFTER = (
    "flags", "signed_off", "isolation", "requirement", "router", "seed", "source_url", "source_commit",
    "license", "open_source", "digest", "commit", "synthetic",
)  # fmt: skip


def _facts_before(entry: Entry) -> dict[str, TableCell]:
    texts = {
        "row": "entry",
        "slug": harmless(entry.slug),
        "display_name": harmless(entry.display_name),
        "authors": _list(entry.authors),
        "kind": entry.kind,
        "track": entry.track,
        "tier": entry.tier,
        "ties": _list(entry.ties),
        "copy_of": harmless(entry.copy_of),
        "unranked_because": harmless(entry.unranked_because),
    }
    numbers = {"rank": entry.rank, "rank_low": entry.rank_low, "rank_high": entry.rank_high}
    return _texts(texts) | {key: TableCell(value=value, figure=True) for key, value in numbers.items()}


def _facts_after(entry: Entry) -> dict[str, TableCell]:
    texts = {
        "flags": _list(flags(entry)),
        "signed_off": _list(f"{flag}: {why}" for flag, why in entry.audit.signed_off.items()),
        "isolation": entry.isolation or "",
        "digest": harmless(entry.digest),
        "commit": harmless(entry.commit),
    }
    if entry.router is not None:
        texts |= {"requirement": harmless(entry.router.requirement), "router": harmless(entry.router.name)}
    if entry.source is not None:
        texts |= {
            "source_url": harmless(entry.source.url),
            "source_commit": harmless(entry.source.commit),
            "license": harmless(entry.source.license),
            "open_source": str(entry.source.open_source).lower(),
        }
    seed = {} if entry.router is None else {"seed": TableCell(value=entry.router.seed, figure=True)}
    return _texts(texts) | seed


def _all_metrics(
    whole: Metrics, datasets: Mapping[str, Metrics], scenarios: Mapping[str, Metrics]
) -> dict[str, TableCell]:
    parts = {"": whole} | {f"{harmless(dataset)}:": metrics for dataset, metrics in datasets.items()}
    parts |= {f"{harmless(f'scenario/{scenario}')}:": metrics for scenario, metrics in scenarios.items()}
    return {f"{prefix}{which}": metric(which, found[which]) for prefix, found in parts.items() for which in METRICS}


def _texts(texts: Mapping[str, str]) -> dict[str, TableCell]:
    return {key: TableCell(text=text) for key, text in texts.items()}


def _list(texts: Iterable[str]) -> str:
    return "; ".join(map(harmless, texts))


def _words(title: str) -> TableColumn:
    return TableColumn(title=title, align="left")


def _metric_columns() -> list[TableColumn]:
    return [TableColumn(title=found.heading, key=found.name) for found in METRICS.values()]


def _metrics(metrics: Metrics) -> Sequence[TableCell]:
    """The ranking metric with its interval, then the others."""
    return [metric(which, metrics[which], bounds=which == RANKED_BY) for which in METRICS]


def _router(entry: Entry) -> TableCell:
    return words(
        _cut(entry.display_name), aside=f"({shown(entry.slug)})", below=_cut(", ".join(entry.authors)), mark="strong"
    )


def _finding(found: PublishedFinding) -> TableCell:
    examples = f" (e.g. {', '.join(map(shown, found.examples))})" if found.examples else ""
    said = f"{shown(found.where)}: {shown(found.message)}{examples}"
    return words(found.code, aside=f"{code_meaning(found.code)} {said}", mark="strong")


def _cut(text: str) -> str:
    """Without words that no table cell can hold, and no longer than a few lines; the entry's own page says it all."""
    parts = [word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…" for word in shown(text).split(" ")]
    line = " ".join(parts)
    return line if len(line) <= _LONGEST_NAME else f"{line[:_LONGEST_NAME]}…"
