"""The tables of `mmr savings`, and the files that `--out` writes, `savings.json` last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mmr_core.errors import MissingExtraError
from mmr_core.render.kept_files import made_once
from mmr_core.render.numbers import SHORT_UNIT, UNIT, name, number, share, share_interval, signed, usd, usd_interval
from mmr_core.render.plots.chart import figure_bytes
from mmr_core.render.plots.frontier import savings_figure, savings_frontiers
from mmr_core.render.savings_summary import left_out, summary
from mmr_core.render.table import (
    SYNTHETIC,
    Section,
    Table,
    TableCell,
    TableColumn,
    TableRow,
    estimate,
    figure,
    label,
    name_column,
    plain_table,
    titled,
)
from mmr_core.render.together import write_together
from mmr_core.render.writers import bullets, csv_text, markdown_escaped, markdown_part
from mmr_core.results import (
    AIMS,
    Against,
    Aim,
    Chosen,
    ColumnSavings,
    Estimate,
    RouterSavings,
    Savings,
    Single,
    per_thousand,
)
from mmr_core.results.savings_result import DOCUMENT

if TYPE_CHECKING:
    from pathlib import Path

PLOTS = ("savings.png", "savings.svg")
FILES = ("savings.md", "savings.csv", *PLOTS, DOCUMENT)

AIM_TITLES: dict[Aim, str] = {
    "cost": "as good, at least cost",
    "quality": "as good as can be",
}


def savings_tables(column: ColumnSavings, *, synthetic: bool) -> list[Table]:
    """What to expect, then the best case against each requested single model."""
    marks = [against.model for against in column.references[0].against]
    return [
        chosen_table(column, synthetic=synthetic),
        *(best_case_table(column, at, synthetic=synthetic) for at in range(len(marks))),
    ]


def chosen_table(column: ColumnSavings, *, synthetic: bool) -> Table:
    """Routers at the points chosen on validation, and the single models, all on the test instances."""
    sections = [
        Section(
            title=AIM_TITLES[aim],
            rows=tuple(
                TableRow(cells=(label(r.name), *_gains(c.utility, c.gain), *_savings(c.cost, c.ratio)))
                for r in column.routers
                for c in [r.chosen[aim]]
            ),
        )
        for aim in AIMS
        if column.routers
    ]
    singles = tuple(
        TableRow(cells=(label(s.name), *_gains(s.utility, s.gain), *_savings(s.cost, s.ratio))) for s in column.singles
    )
    mark = "none, for lack of validation instances" if column.mark is None else name(column.mark.model)
    return Table(
        title=titled(f"{name(column.title)}: what one would have", synthetic=synthetic),
        columns=(name_column(), *_columns("utility", "gain", SHORT_UNIT, "saving")),
        sections=(*sections, Section(title="single models", rows=singles)),
        notes=(
            f"{column.evaluated:,} test instances; brackets: 95 % bootstrap intervals; costs in {UNIT}.",
            f"Gain and saving: against {name(column.best)}, the most accurate single model on them.",
            "Routers are shown at trade-off weights chosen on validation: the cheapest point there that reaches the "
            "mark, and the most accurate one. The test split played no part, so these are the figures to expect.",
            f"The mark: {mark}, the most accurate single model on the training split.",
        ),
        section_key="section",
    )


def best_case_table(column: ColumnSavings, at: int, *, synthetic: bool) -> Table:
    """Each router's frontier read at one single model.

    :param at: which of the models in `RouterSavings.against`.
    """
    model = name(column.references[0].against[at].model)
    groups: tuple[tuple[str, tuple[RouterSavings, ...]], ...] = (
        ("routers", column.routers),
        ("references", column.references),
    )
    return Table(
        title=titled(f"{name(column.title)}: the best case against {model}", synthetic=synthetic),
        columns=(name_column(), *_columns(f"{SHORT_UNIT}, same utility", "saving", "utility, same cost", "gain")),
        sections=tuple(
            Section(
                title=title,
                rows=tuple(
                    TableRow(cells=(label(r.name), *_savings(a.cost, a.ratio), *_gains(a.utility, a.gain)))
                    for r in rows
                    for a in [r.against[at]]
                ),
            )
            for title, rows in groups
            if rows
        ),
        notes=(
            "Read off the frontier of the test instances: operating points chosen with hindsight, which flatters.",
            "The oracle knows every outcome; constant ignores the query.",
        ),
        section_key="section",
    )


def _columns(*titles: str) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(title=title, ends=(f"{title} low", f"{title} high")) for title in titles)


def _gains(utility: Estimate, gain: Estimate) -> tuple[TableCell, TableCell]:
    return estimate(utility, number), estimate(gain, signed)


def _savings(cost: Estimate, ratio: Estimate) -> tuple[TableCell, TableCell]:
    return estimate(cost, usd, bounds=usd_interval), estimate(ratio, share, bounds=share_interval)


LONG_HEADER = ("dataset", "row", "kind", "at", "model", "figure", "value", "low", "high", "reason", "synthetic")
"""`at` is "single", "chosen:cost", "chosen:quality" or "frontier"; `model` is what gain and ratio are against. Costs
are in USD per 1,000 queries; an infinite one ("inf") is one at which the utility is never reached."""


def long_savings_table(savings: Savings) -> Table:
    """Every figure in long form, one per row, for programs."""
    synthetic = TableCell(text=str(savings.data.synthetic).lower())
    rows = []
    for column in savings.columns:
        for place, found in _places(column):
            for which in ("utility", "gain", "cost", "ratio"):
                stored: Estimate = getattr(found, which)
                shown = per_thousand(stored) if which == "cost" else stored
                words = (TableCell(text=text) for text in (column.dataset, *place, which))
                figures = (figure(end) for end in (shown.value, shown.low, shown.high))
                rows.append((*words, *figures, TableCell(text=shown.reason), synthetic))
    return plain_table([TableColumn(title=title) for title in LONG_HEADER], rows)


def _places(column: ColumnSavings) -> Iterator[tuple[tuple[str, ...], Single | Chosen | Against]]:
    """Every row, its kind, where it is read and against which model; and what was found there."""
    for single in column.singles:
        yield (single.name, "model", "single", column.best), single
    for row in (*column.routers, *column.references):
        for aim, chosen in row.chosen.items():
            yield (row.name, row.kind, f"chosen:{aim}", column.best), chosen
        for against in row.against:
            yield (row.name, row.kind, "frontier", against.model), against


def with_summaries(savings: Savings) -> Savings:
    """The same page with the sentences about each column, which `savings.json` has too."""
    return replace(
        savings, columns=tuple(replace(column, summary=tuple(summary(column))) for column in savings.columns)
    )


def savings_markdown(savings: Savings) -> str:
    """The page: answer, tables, how they were made, what is left out."""
    synthetic = savings.data.synthetic
    parts = [f"# {titled('What routing would save', synthetic=synthetic)}"]
    parts += [SYNTHETIC] if synthetic else []
    for column in savings.columns:
        parts += [f"## {markdown_escaped(column.title)}", bullets(summary(column))]
        parts += [markdown_part(table, level=3) for table in savings_tables(column, synthetic=synthetic)]
        missing = left_out(column)
        parts += ["### Left out", bullets(missing)] if missing else []
    skipped = [f"dataset {name} is left out: {reason}" for name, reason in savings.skipped_columns.items()]
    skipped += [f"router {name} is left out: {reason}" for name, reason in savings.skipped_routers.items()]
    parts += ["## Also left out", bullets(skipped)] if skipped else []
    parts += ["## How", bullets(_facts(savings))]
    return "\n\n".join(parts) + "\n"


def write_savings(
    savings: Savings,
    out: Path,
    *,
    log_cost: bool | None = None,
    kept: Path | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Writes all files into a folder, which is created if needed; the plot shows the first column.

    Without matplotlib the plots are left out, and `warn` is called with one line.

    :param kept: a folder in which plots are kept; one that is there with the same content is not drawn again.
    :raises UsageError: if `out` is a file.
    :raises MMRError: if a file cannot be written.
    """
    contents: dict[str, bytes | str] = {
        "savings.md": savings_markdown(savings),
        "savings.csv": csv_text(long_savings_table(savings)),
    }
    column, synthetic = savings.columns[0], savings.data.synthetic

    def draw() -> dict[str, bytes]:
        figure = savings_figure(column, synthetic=synthetic, log_cost=log_cost)
        return {plot: figure_bytes(figure, plot.rpartition(".")[2]) for plot in PLOTS}

    try:
        shown = None if kept is None else (savings_frontiers(column, synthetic=synthetic), log_cost, synthetic)
        contents.update(made_once(shown, draw, folder=kept))
    except MissingExtraError as error:
        warn(f"no plot is written: {error}")
    contents[DOCUMENT] = with_summaries(savings).to_json()
    return write_together(out, contents, last=DOCUMENT, stale=FILES)


def _facts(savings: Savings) -> Iterator[str]:
    data = savings.data
    yield f"data: {data.source}, {data.instances:,} instances, {len(data.models)} models, digest {data.digest}"
    yield f"prices: {data.price_sheet or 'as the table has them'}"
    yield f"seeds: {', '.join(map(str, savings.seeds))}"
    for column in savings.columns:
        yield (
            f"{column.dataset}: {column.train:,} instances to learn from ({column.validation:,} of them to choose by), "
            f"{column.test:,} to test on, split digest {column.split_digest}, {column.draws:,} bootstrap draws"
        )
    yield "the cost of asking the router itself is not counted"
