"""The tables of a run: headline, datasets, averages and pairs for people; every figure in long form for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from mmr_core.numerics.metrics import METRICS
from mmr_core.render.numbers import CostUnit, finer, name, number, signed
from mmr_core.render.table import (
    Section,
    Table,
    TableCell,
    TableColumn,
    TableRow,
    estimate,
    figure,
    label,
    metric,
    metric_columns,
    name_column,
    plain_table,
    titled,
    words,
)
from mmr_core.results import Column, Difference, Estimate, MacroRow, Row, RowKind, RunResult, Slice
from mmr_core.results.paired import Comparison
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, MODEL_PREFIX
from mmr_core.runner.summary import paired_differences
from mmr_core.specs import UNIFORM

R = TypeVar("R", Row, MacroRow)


ROUTERS, REFERENCES, SINGLE_MODELS = "routers", "references", "single models"
RANKED_BY = next(iter(METRICS))


def run_tables(run: RunResult) -> list[Table]:
    """Every table of a run, in reading order: headline, datasets, averages, pairs."""
    tables = [headline_table(run.headline, synthetic=run.data.synthetic)]
    if len(run.columns) > 1:
        tables.append(dataset_table(run))
    if run.macros:
        tables += [macro_table(run), scenario_table(run)]
    pairs = difference_table(run.headline.whole, synthetic=run.data.synthetic)
    return [*tables, pairs] if pairs.sections else tables


def headline_table(column: Column, *, synthetic: bool) -> Table:
    """Row x metrics with intervals on a whole column, then utility and cost at the operating point.

    That point is the one chosen on validation; a single model has only one, and other references have none.
    """
    part = column.whole
    unit = CostUnit.for_costs(model.cost for model in part.models)
    notes = [f"{m.heading}: {m.note}" for m in METRICS.values() if m.note]
    return Table(
        title=titled(f"{name(column.title)}: {part.instances:,} test instances", synthetic=synthetic),
        columns=(name_column(), *metric_columns(), TableColumn(title="utility"), TableColumn(title="cost")),
        sections=tuple(
            Section(title=section, rows=tuple(_headline_row(row, part, unit) for row in rows))
            for section, rows in standings(part.rows)
        ),
        notes=(
            "Brackets: 95 % bootstrap intervals.",
            *notes,
            f"Utility and cost ({unit.title}): at the trade-off weight chosen on validation.",
        ),
        section_key="section",
    )


def dataset_table(run: RunResult) -> Table:
    """Row x dataset, the ranking metric with skill in parentheses."""
    parts = {column.dataset: column.whole.rows for column in run.columns}
    return _overview("per dataset", parts, synthetic=run.data.synthetic)


def scenario_table(run: RunResult) -> Table:
    """Row x scenario, macro averages of the ranking metric with skill in parentheses."""
    parts = {macro.name: macro.rows for macro in run.macros}
    return _overview("averaged per scenario", parts, synthetic=run.data.synthetic)


def macro_table(run: RunResult) -> Table:
    """Row x metrics with intervals, averaged over all scenarios; without single models."""
    overall = run.macros[-1]
    return Table(
        title=titled(f"Average over {', '.join(name(part) for part in overall.parts)}", synthetic=run.data.synthetic),
        columns=(name_column(), *metric_columns()),
        sections=tuple(
            Section(title=section, rows=tuple(TableRow(cells=(_name_of(row), *_metrics(row))) for row in rows))
            for section, rows in standings(overall.rows)
            if section != SINGLE_MODELS
        ),
        notes=("Datasets are averaged per scenario, then scenarios; mixtures do not count.",),
        section_key="section",
    )


def difference_table(part: Slice, *, synthetic: bool) -> Table:
    """The best router minus each other router and the constant policy in the ranking metric, on the same draws."""
    ranked = dict(standings(part.rows)).get(ROUTERS, [])
    best = ranked[0].name if ranked else ""
    others = [row.name for row in part.rows if row.kind == "router" or row.name == CONSTANT]
    pairs = [
        _seen_from(best, pair)
        for pair in paired_differences(part, names=others)
        if pair.metric == RANKED_BY and best in (pair.first, pair.second)
    ]
    return plain_table(
        _difference_columns(),
        (
            _difference_cells(
                pair, name(pair.second), "undecided" if not pair.decided else "better" if pair.value > 0 else "worse"
            )
            for pair in sorted(pairs, key=lambda pair: pair.value)
        ),
        title=titled(f"Differences in {METRICS[RANKED_BY].title}: {name(best)} minus each", synthetic=synthetic),
        notes=("Pairs on the same bootstrap draws; undecided: the interval includes 0.",),
    )


def comparison_tables(comparison: Comparison) -> list[Table]:
    """What `mmr compare` found: the routers, and their differences."""
    which, synthetic = comparison.metric, comparison.synthetic
    title = METRICS[which].title
    return [
        plain_table(
            (name_column(), *metric_columns([which])),
            ((label(entry.label), metric(which, entry.estimate)) for entry in comparison.entries),
            title=titled(f"{title} on {name(comparison.dataset)}", synthetic=synthetic),
        ),
        plain_table(
            _difference_columns(),
            (
                _difference_cells(pair, f"{pair.first} − {pair.second}", "decided" if pair.decided else "undecided")
                for pair in comparison.differences
            ),
            title=titled(f"Differences in {title}", synthetic=synthetic),
            notes=(
                f"Pairs on the same {comparison.draws:,} bootstrap draws.",
                "Decided: the interval excludes 0. Intervals hold for one pair each, not for all pairs at once.",
            ),
        ),
    ]


def _difference_columns() -> tuple[TableColumn, ...]:
    """The columns of a table of paired differences."""
    return (
        name_column(),
        TableColumn(title="difference", ends=("low", "high")),
        TableColumn(title="95 % interval", key="interval"),
        TableColumn(key="verdict", align="left"),
    )


def _difference_cells(pair: Difference, pair_name: str, verdict: str) -> tuple[TableCell, ...]:
    """One pair: the difference and its interval in the four decimals that differences need."""
    found = estimate(Estimate(value=pair.value, low=pair.low, high=pair.high), finer)
    interval = TableCell(text=found.interval, figure=True)
    return label(pair_name), replace(found, text=signed(pair.value), interval=""), interval, words(verdict)


def long_table(run: RunResult) -> Table:
    """Every figure of a run, one per row, for spreadsheets and data frames.

    Besides the metrics there are "utility" and "cost" (USD per query) of single models, and "chosen_utility",
    "chosen_cost" and "chosen_trade_off" of routers, at the operating point chosen on validation. `dataset` is the
    column of the run; empty for averages, whose `slice_kind` is "macro".
    """
    return plain_table([TableColumn(title=title) for title in LONG_HEADER], _long_rows(run))


LONG_HEADER = ("dataset", "slice", "slice_kind", "row", "kind", "metric", "value", "low", "high", "reason", "synthetic")


def standings(rows: Iterable[R]) -> list[tuple[str, list[R]]]:
    """Routers, references and single models, each from the best down; empty groups are left out."""
    groups: dict[str, list[R]] = {ROUTERS: [], REFERENCES: [], SINGLE_MODELS: []}
    for row in rows:
        groups[section_of(row.name, row.kind)].append(row)
    for group in groups.values():
        group.sort(key=_rank, reverse=True)
    return [(section, group) for section, group in groups.items() if group]


def section_of(row: str, kind: RowKind) -> str:
    """The section that a row belongs to."""
    if kind == "router":
        return REFERENCES if row == UNIFORM else ROUTERS
    return SINGLE_MODELS if row.startswith(MODEL_PREFIX) else REFERENCES


def _rank(row: Row | MacroRow) -> float:
    """A sort key of the ranking metric: higher is better, and rows without a figure come last."""
    value = row.metrics[RANKED_BY].value
    if value is None:
        return float("-inf")
    return value if METRICS[RANKED_BY].better == "higher" else -value


def _overview(how: str, parts: Mapping[str, Sequence[Row] | Sequence[MacroRow]], *, synthetic: bool) -> Table:
    """One column per part; single models are left out; rows are in the order of the last part."""
    rows_of = {part: {(section_of(row.name, row.kind), row.name): row for row in rows} for part, rows in parts.items()}
    known: dict[tuple[str, str], None] = {}
    for rows in reversed(list(parts.values())):
        ranked: list[Row | MacroRow] = sorted(rows, key=_rank, reverse=True)
        known.update({(section_of(row.name, row.kind), row.name): None for row in ranked})
    sections = [
        Section(
            title=section,
            rows=tuple(
                TableRow(cells=(label(row), *(_brief(rows_of[part].get((group, row))) for part in parts)))
                for group, row in known
                if group == section
            ),
        )
        for section in (ROUTERS, REFERENCES)
    ]
    main, beside = METRICS[RANKED_BY].title, METRICS["skill"].title
    return Table(
        title=titled(f"{main} ({beside}) {how}", synthetic=synthetic),
        columns=(name_column(), *(TableColumn(title=name(part)) for part in parts)),
        sections=tuple(section for section in sections if section.rows),
        section_key="section",
    )


def _brief(row: Row | MacroRow | None) -> TableCell:
    if row is None:
        return figure(None)
    main, beside = metric(RANKED_BY, row.metrics[RANKED_BY]), metric("skill", row.metrics["skill"])
    return replace(main, text=f"{main.text} ({beside.text})", interval="")


def _headline_row(row: Row, part: Slice, unit: CostUnit) -> TableRow:
    utility, cost = _operating_point(row, part)
    return TableRow(cells=(_name_of(row), *_metrics(row), figure(utility, number), figure(cost, unit.show)))


def _metrics(row: Row | MacroRow) -> list[TableCell]:
    return [metric(which, row.metrics[which]) for which in METRICS]


def _name_of(row: Row | MacroRow) -> TableCell:
    return label(row.name.removeprefix(MODEL_PREFIX))


def _operating_point(row: Row, part: Slice) -> tuple[float | None, float | None]:
    """Utility and cost (USD) that one would have: chosen on validation, or of the single model."""
    if row.chosen:
        return row.chosen["utility"].value, row.chosen["cost"].value
    if row.kind == "reference" and (row.name == BEST_SINGLE or row.name.startswith(MODEL_PREFIX)):
        single = part.best if row.name == BEST_SINGLE else row.name.removeprefix(MODEL_PREFIX)
        model = next(model for model in part.models if model.name == single)
        return model.utility, model.cost
    return None, None


def _seen_from(router: str, pair: Difference) -> Difference:
    """The difference with this router first."""
    if pair.first == router:
        return pair
    return replace(pair, first=router, second=pair.first, value=-pair.value, low=-pair.high, high=-pair.low)


def _long_rows(run: RunResult) -> Iterator[tuple[TableCell, ...]]:
    synthetic = str(run.data.synthetic).lower()
    for place, estimates in _places(run):
        for which, found in estimates.items():
            ends = (figure(end) for end in (found.value, found.low, found.high))
            yield (
                *(TableCell(text=part) for part in (*place, which)),
                *ends,
                TableCell(text=found.reason),
                TableCell(text=synthetic),
            )


def _places(run: RunResult) -> Iterator[tuple[tuple[str, ...], Mapping[str, Estimate]]]:
    """Every dataset, slice, kind of slice, row and kind of row, with its figures by name."""
    for column in run.columns:
        for part in (column.whole, *column.slices):
            for row in part.rows:
                chosen = {f"chosen_{what}": found for what, found in row.chosen.items()}
                yield (column.dataset, part.name, part.kind, row.name, row.kind), {**row.metrics, **chosen}
            for model in part.models:
                points = {"utility": Estimate(value=model.utility), "cost": Estimate(value=model.cost)}
                yield (column.dataset, part.name, part.kind, model.name, "model"), points
    for macro in run.macros:
        for average in macro.rows:
            yield ("", macro.name, "macro", average.name, average.kind), average.metrics
