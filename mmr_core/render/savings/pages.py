"""A page on savings as Markdown, written as `savings.md`: answer, tables, how they were made, what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmr_core.render.grids import Grid, titled
from mmr_core.render.markdown import escaped, pipe_table
from mmr_core.render.savings.grids import savings_grids
from mmr_core.render.savings.words import left_out, summary
from mmr_core.results import Savings

SYNTHETIC = "The outcomes are synthetic: generated, not observed. They say nothing about real models."


def savings_page(savings: Savings) -> str:
    """The page, with tables in the pipe syntax of GitHub."""
    synthetic = savings.data.synthetic
    parts = [f"# {titled('What routing would save', synthetic=synthetic)}"]
    parts += [SYNTHETIC] if synthetic else []
    for column in savings.columns:
        parts += [f"## {escaped(column.title)}", _bullets(summary(column))]
        parts += [_table(grid) for grid in savings_grids(column, synthetic=synthetic)]
        missing = left_out(column)
        parts += ["### Left out", _bullets(missing)] if missing else []
    skipped = [f"dataset {name} is left out: {reason}" for name, reason in savings.skipped_columns.items()]
    skipped += [f"router {name} is left out: {reason}" for name, reason in savings.skipped_routers.items()]
    parts += ["## Also left out", _bullets(skipped)] if skipped else []
    parts += ["## How", _bullets(_facts(savings))]
    return "\n\n".join(parts) + "\n"


def _facts(savings: Savings) -> Iterable[str]:
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


def _table(grid: Grid) -> str:
    rows: list[Sequence[str]] = []
    for section in grid.sections:
        rows.append([f"*{escaped(section.title)}*", *[""] * (len(grid.header) - 1)])
        rows += [[escaped(row[0]), *row[1:]] for row in section.rows]
    table = pipe_table([escaped(cell) for cell in grid.header], rows, figures="---:")
    return "\n\n".join([f"### {escaped(grid.title)}", table, escaped(" ".join(grid.notes))])


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)
