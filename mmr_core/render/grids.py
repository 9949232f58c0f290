"""The tables of a run as rows of text, before anybody decides how they look.

The terminal, Markdown and LaTeX render the same grids, so that they cannot say different things. A grid has sections
(routers, references, single models), and its first column holds names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from mmr_core.render.numbers import CostUnit, finer, interval, name, number, ratio, signed, with_interval
from mmr_core.results import METRIC_NAMES, Column, Difference, Estimate, Macro, MacroRow, Row, RowKind, RunResult, Slice
from mmr_core.runner.references import BEST_SINGLE, CONSTANT
from mmr_core.runner.summary import paired_differences

METRIC_TITLES = {"nauc": "nAUC", "skill": "skill", "nauc_log": "nAUC log", "peak": "peak", "qnc": "QNC"}
R = TypeVar("R", Row, MacroRow)

MODEL_PREFIX = "model:"
UNIFORM = "random"
"""An ordinary router that stands among the references: the uniform choice."""

ROUTERS, REFERENCES, SINGLE_MODELS = "routers", "references", "single models"


@dataclass(frozen=True)
class Section:
    """Rows that belong together; each row begins with a name and has a cell per column."""

    title: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Grid:
    """One table.

    :param header: the title of the names, then one per column.
    :param sections: at least one row in each.
    :param notes: sentences that explain the columns.
    """

    title: str
    header: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


def run_grids(run: RunResult) -> list[Grid]:
    """Every table of a run, in reading order: headline, datasets, averages, pairs."""
    grids = [headline_grid(run.headline, synthetic=run.data.synthetic)]
    if len(run.columns) > 1:
        grids.append(dataset_grid(run))
    if run.macros:
        grids += [macro_grid(run), scenario_grid(run)]
    pairs = difference_grid(run.headline.whole, synthetic=run.data.synthetic)
    return [*grids, pairs] if pairs.sections else grids


def titled(title: str, *, synthetic: bool) -> str:
    """A title that says so where the outcomes were generated."""
    return f"{title} (synthetic)" if synthetic else title


def headline_grid(column: Column, *, synthetic: bool) -> Grid:
    """Row x metrics with intervals on a whole column, then utility and cost at the operating point.

    That point is the one chosen on validation; single models have only one, and other references have none.
    """
    part = column.whole
    unit = CostUnit.for_costs(model.cost for model in part.models)
    sections = [
        Section(section, tuple(_headline_row(row, part, unit) for row in rows))
        for section, rows in standings(part.rows)
    ]
    return Grid(
        title=titled(f"{name(column.title)}: {part.instances:,} test instances", synthetic=synthetic),
        header=("", *METRIC_TITLES.values(), "utility", "cost"),
        sections=tuple(sections),
        notes=(
            "Brackets: 95 % bootstrap intervals.",
            "Skill: 0 = ignoring the query, 1 = oracle, below 0 = harm.",
            "QNC: share of the best single model's cost at which its utility is reached, ∞ = never.",
            f"Utility and cost ({unit.title}): at the trade-off weight chosen on validation.",
        ),
    )


def dataset_grid(run: RunResult) -> Grid:
    """Row x dataset, nAUC with skill in parentheses."""
    parts = {column.dataset: column.whole.rows for column in run.columns}
    return _overview(titled("nAUC (skill) per dataset", synthetic=run.data.synthetic), parts)


def scenario_grid(run: RunResult) -> Grid:
    """Row x scenario, macro averages of nAUC with skill in parentheses."""
    parts = {macro.name: macro.rows for macro in run.macros}
    return _overview(titled("nAUC (skill), averaged per scenario", synthetic=run.data.synthetic), parts)


def macro_grid(run: RunResult) -> Grid:
    """Row x metrics with intervals, averaged over all scenarios; without single models."""
    overall: Macro = run.macros[-1]
    return Grid(
        title=titled(f"Average over {', '.join(name(part) for part in overall.parts)}", synthetic=run.data.synthetic),
        header=("", *METRIC_TITLES.values()),
        sections=tuple(
            Section(section, tuple((_shown(row.name), *_figures(row)) for row in rows))
            for section, rows in standings(overall.rows)
            if section != SINGLE_MODELS
        ),
        notes=("Datasets are averaged per scenario, then scenarios; mixtures do not count.",),
    )


def difference_grid(part: Slice, *, synthetic: bool) -> Grid:
    """nAUC of the best router minus that of each other router and of the constant policy, on the same draws."""
    ranked = dict(standings(part.rows)).get(ROUTERS, [])
    best = ranked[0].name if ranked else ""
    others = [row.name for row in part.rows if row.kind == "router" or row.name == CONSTANT]
    pairs = [
        _seen_from(best, pair)
        for pair in paired_differences(part, names=others)
        if pair.metric == "nauc" and best in (pair.first, pair.second)
    ]
    rows = tuple(
        (
            name(pair.second),
            signed(pair.value),
            interval(Estimate(value=pair.value, low=pair.low, high=pair.high), finer),
            "undecided" if not pair.decided else "better" if pair.value > 0 else "worse",
        )
        for pair in sorted(pairs, key=lambda pair: pair.value)
    )
    return Grid(
        title=titled(f"Differences in nAUC: {name(best)} minus each", synthetic=synthetic),
        header=("", "difference", "95 % interval", ""),
        sections=(Section("", rows),) if rows else (),
        notes=("Pairs on the same bootstrap draws; undecided: the interval includes 0.",),
    )


def _seen_from(router: str, pair: Difference) -> Difference:
    """The difference with this router first."""
    if pair.first == router:
        return pair
    return replace(pair, first=router, second=pair.first, value=-pair.value, low=-pair.high, high=-pair.low)


def standings(rows: Iterable[R]) -> list[tuple[str, list[R]]]:
    """Routers, references and single models, each in descending order of nAUC; empty groups are left out."""
    groups: dict[str, list[R]] = {ROUTERS: [], REFERENCES: [], SINGLE_MODELS: []}
    for row in rows:
        groups[section_of(row.name, row.kind)].append(row)
    for group in groups.values():
        group.sort(key=lambda row: -_value(row.metrics))
    return [(section, group) for section, group in groups.items() if group]


def section_of(row: str, kind: RowKind) -> str:
    """Where a row stands."""
    if kind == "router":
        return REFERENCES if row == UNIFORM else ROUTERS
    return SINGLE_MODELS if row.startswith(MODEL_PREFIX) else REFERENCES


def _overview(title: str, parts: Mapping[str, Sequence[Row] | Sequence[MacroRow]]) -> Grid:
    """One column per part; single models are left out, and rows stand in the order of the last part."""
    cells = {part: {(section_of(row.name, row.kind), row.name): row for row in rows} for part, rows in parts.items()}
    known: dict[tuple[str, str], None] = {}
    for rows in reversed(list(parts.values())):
        ranked: list[Row | MacroRow] = sorted(rows, key=lambda row: -_value(row.metrics))
        known.update({(section_of(row.name, row.kind), row.name): None for row in ranked})
    sections = [
        Section(
            section,
            tuple(
                (name(row), *(_brief(cells[part].get((group, row))) for part in parts))
                for group, row in known
                if group == section
            ),
        )
        for section in (ROUTERS, REFERENCES)
    ]
    return Grid(
        title=title,
        header=("", *(name(part) for part in parts)),
        sections=tuple(section for section in sections if section.rows),
    )


def _figures(row: Row | MacroRow) -> list[str]:
    """The metrics with their intervals."""
    shown = {"qnc": ratio}
    return [with_interval(row.metrics[metric], shown.get(metric, number)) for metric in METRIC_NAMES]


def _brief(row: Row | MacroRow | None) -> str:
    if row is None:
        return number(None)
    return f"{number(row.metrics['nauc'].value)} ({number(row.metrics['skill'].value)})"


def _shown(row: str) -> str:
    return name(row.removeprefix(MODEL_PREFIX))


def _value(metrics: Mapping[str, Estimate]) -> float:
    value = metrics["nauc"].value
    return float("-inf") if value is None else value


def _headline_row(row: Row, part: Slice, unit: CostUnit) -> tuple[str, ...]:
    utility, cost = _operating_point(row, part)
    return (_shown(row.name), *_figures(row), number(utility), unit.show(cost))


def _operating_point(row: Row, part: Slice) -> tuple[float | None, float | None]:
    """Utility and cost (USD) that one would have: chosen on validation, or of the single model."""
    if row.chosen:
        return row.chosen["utility"].value, row.chosen["cost"].value
    single = part.best if row.name == BEST_SINGLE else row.name.removeprefix(MODEL_PREFIX)
    if row.kind == "reference" and (row.name == BEST_SINGLE or row.name.startswith(MODEL_PREFIX)):
        model = next(model for model in part.models if model.name == single)
        return model.utility, model.cost
    return None, None
