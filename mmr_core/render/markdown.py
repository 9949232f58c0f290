"""A run as one Markdown page: the tables of the terminal, how the run was made, and what was left out.

Written as `table.md`. Names are escaped, so that none of them can break a table or pass for markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmr_core.render.grids import Grid, run_grids, titled
from mmr_core.render.numbers import name
from mmr_core.results import Column, FusionEntry, RunResult

_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]#|~$"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def markdown(run: RunResult) -> str:
    """The page, with tables in the pipe syntax of GitHub."""
    parts = [f"# {titled('Routing results', synthetic=run.data.synthetic)}"]
    if run.data.synthetic:
        parts.append("The outcomes are synthetic: generated, not observed. They say nothing about real models.")
    parts += [_grid(grid) for grid in run_grids(run)]
    parts += ["## How", _bullets(_facts(run)), pipe_table(_lineup_header(), _lineup(run))]
    remarks = _remarks(run)
    if remarks:
        parts += ["## Left out", _bullets(remarks)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that stands in Markdown, table cells included, as what it is."""
    return name(text).translate(_SPECIAL)


def _grid(grid: Grid) -> str:
    rows: list[Sequence[str]] = []
    for section in grid.sections:
        if section.title:
            rows.append([f"*{escaped(section.title)}*", *[""] * (len(grid.header) - 1)])
        rows += [[escaped(row[0]), *row[1:]] for row in section.rows]
    table = pipe_table([escaped(cell) for cell in grid.header], rows, figures="---:")
    return "\n\n".join([f"## {escaped(grid.title)}", table, *([" ".join(grid.notes)] if grid.notes else [])])


def pipe_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, figures: str = ":---") -> str:
    """A pipe table: names to the left, the other columns as `figures` says; names are escaped already."""
    rule = [":---", *[figures] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _facts(run: RunResult) -> list[str]:
    data = run.data
    lines = [
        f"data: {data.source}, {data.instances:,} instances, {len(data.models)} models, digest {data.digest}",
        f"prices: {data.price_sheet or 'as the table has them'}",
        f"modality: {run.modality}, in training {run.train_modality}",
        f"seeds: {', '.join(map(str, run.seeds))}",
        f"intervals: 95 %, {run.draws:,} bootstrap draws over instances, stratified by dataset, seed {run.draw_seed}",
        f"versions: {', '.join(f'{what} {version}' for what, version in run.versions.items())}",
    ]
    return [*lines, *(_column_fact(column) for column in run.columns)]


def _column_fact(column: Column) -> str:
    return (
        f"{column.dataset}: {column.train:,} train ({column.validation:,} of them validation), "
        f"{column.whole.instances:,} of {column.test:,} test instances evaluated, split digest {column.split_digest}, "
        f"best single model {column.whole.best}"
    )


def _lineup_header() -> list[str]:
    return ["router", "id", "version", "fusion", "parameters"]


def _lineup(run: RunResult) -> list[list[str]]:
    rows = []
    for entry in run.lineup:
        parameters = ", ".join(f"{key}={value}" for key, value in entry.parameters.items())
        fusion = "none" if entry.fusion is None else _fusion(entry.fusion)
        rows.append([escaped(cell) for cell in (entry.name, entry.canonical_id, entry.version, fusion, parameters)])
    return rows


def _fusion(entry: FusionEntry) -> str:
    parameters = ", ".join(f"{key}={value}" for key, value in entry.parameters.items())
    caution = "; transductive: not for ranking" if entry.transductive else ""
    return f"{entry.canonical_id} {entry.version}" + (f" ({parameters}{caution})" if parameters or caution else "")


def _remarks(run: RunResult) -> list[str]:
    lines = [f"router {router}: {reason}" for router, reason in run.skipped_routers.items()]
    lines += [f"dataset {dataset}: {reason}" for dataset, reason in run.skipped_columns.items()]
    for column in run.columns:
        for gap in column.left_out:
            models = ", ".join(f"{model} {count}" for model, count in gap.models.items())
            lines.append(
                f"{column.dataset}: {gap.instances} of {gap.of} test instances of {gap.dataset}, "
                f"for lack of outcomes ({models})"
            )
        lines += [f"{column.dataset}, slice {part}: {reason}" for part, reason in column.skipped.items()]
        lines += [f"{column.dataset}, router {failure.router}: {failure.reason}" for failure in column.failures]
    return [*lines, *run.warnings]
