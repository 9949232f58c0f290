"""Writes the files of `mmr run --out`: results, draws, curves, tables in Markdown, CSV and LaTeX, and the plot.

`results.json` is moved in last: if it is there, the other files are complete and from the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mmr_core.errors import MissingExtraError
from mmr_core.render.kept_files import made_once
from mmr_core.render.latex import latex_file, latex_table
from mmr_core.render.plots.chart import figure_bytes
from mmr_core.render.plots.frontier import frontier_figure
from mmr_core.render.run_tables import headline_table, long_table, run_tables
from mmr_core.render.table import SYNTHETIC, Table, TableColumn, plain_table, titled, words
from mmr_core.render.together import write_together
from mmr_core.render.writers import bullets, csv_text, markdown_part, markdown_table
from mmr_core.results import FusionEntry, RunResult, curves_parquet, draws_parquet
from mmr_core.results.run_result import CURVES, DRAWS, RESULTS

if TYPE_CHECKING:
    from pathlib import Path

PLOTS = ("frontier.png", "frontier.svg")
FILES = (DRAWS, CURVES, "table.md", "table.csv", "table.tex", *PLOTS, RESULTS)
"""The files of a run, in the order in which they are moved in."""


def write_run(
    run: RunResult,
    out: Path,
    *,
    log_cost: bool | None = None,
    kept: Path | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Writes the files of a run into a folder, which is made, and returns their paths, `results.json` last.

    Files of an earlier run are replaced; if anything fails before all are written, they are unchanged.

    :param log_cost: the cost axis of the plot, as `frontier_figure` takes it.
    :param kept: a folder in which the content of files is kept; files of the same run are not made again.
    :param warn: called with one line if matplotlib is not installed; then there is no plot.
    :raises UsageError: if `out` is a file.
    :raises MMRError: if a file cannot be written.
    """

    def make() -> dict[str, bytes | str]:
        figure = frontier_figure(run.headline, log_cost=log_cost, synthetic=run.data.synthetic)
        plots = {plot: figure_bytes(figure, plot.rpartition(".")[2]) for plot in PLOTS}
        return {**_tables(run), **plots, RESULTS: run.to_json()}

    try:
        contents = made_once((run, log_cost), make, folder=kept)
    except MissingExtraError as error:
        warn(f"no {' and '.join(PLOTS)}: {error}")
        contents = {**_tables(run), RESULTS: run.to_json()}
    return write_together(out, contents, last=RESULTS, stale=FILES)


def _tables(run: RunResult) -> dict[str, bytes | str]:
    return {
        DRAWS: draws_parquet(run.columns, synthetic=run.data.synthetic),
        CURVES: curves_parquet(run.columns, run.seeds, synthetic=run.data.synthetic),
        "table.md": run_page(run),
        "table.csv": csv_text(long_table(run)),
        "table.tex": run_latex(run),
    }


def run_page(run: RunResult) -> str:
    """A run as one Markdown page: the tables of the terminal, how the run was made, and what was left out."""
    parts = [f"# {titled('Routing results', synthetic=run.data.synthetic)}"]
    parts += [SYNTHETIC] if run.data.synthetic else []
    parts += [markdown_part(table) for table in run_tables(run)]
    parts += ["## How", bullets(_facts(run)), markdown_table(lineup_table(run))]
    remarks = list(_remarks(run))
    parts += ["## Left out", bullets(remarks)] if remarks else []
    return "\n\n".join(parts) + "\n"


def run_latex(run: RunResult) -> str:
    """The headline table in LaTeX, for a paper."""
    table = headline_table(run.headline, synthetic=run.data.synthetic)
    return latex_file([latex_table(table, caption=f"{table.title}.")])


def lineup_table(run: RunResult) -> Table:
    """Every router of the run, with everything needed to run it again."""
    columns = [TableColumn(title=title, align="left") for title in ("router", "id", "version", "fusion", "parameters")]
    rows = [
        [
            words(text)
            for text in (
                entry.name,
                entry.canonical_id,
                entry.version,
                "none" if entry.fusion is None else _fusion(entry.fusion),
                ", ".join(f"{key}={value}" for key, value in entry.parameters.items()),
            )
        ]
        for entry in run.lineup
    ]
    return plain_table(columns, rows)


def _fusion(entry: FusionEntry) -> str:
    parameters = ", ".join(f"{key}={value}" for key, value in entry.parameters.items())
    caution = "; transductive: not for ranking" if entry.transductive else ""
    return f"{entry.canonical_id} {entry.version}" + (f" ({parameters}{caution})" if parameters or caution else "")


def _facts(run: RunResult) -> Iterator[str]:
    data = run.data
    yield f"data: {data.source}, {data.instances:,} instances, {len(data.models)} models, digest {data.digest}"
    yield f"prices: {data.price_sheet or 'as the table has them'}"
    yield f"modality: {run.modality}, in training {run.train_modality}"
    yield f"seeds: {', '.join(map(str, run.seeds))}"
    yield f"intervals: 95 %, {run.draws:,} bootstrap draws over instances, stratified by dataset, seed {run.draw_seed}"
    yield f"versions: {', '.join(f'{what} {version}' for what, version in run.versions.items())}"
    for column in run.columns:
        yield (
            f"{column.dataset}: {column.train:,} train ({column.validation:,} of them validation), "
            f"{column.whole.instances:,} of {column.test:,} test instances evaluated, "
            f"split digest {column.split_digest}, best single model {column.whole.best}"
        )


def _remarks(run: RunResult) -> Iterator[str]:
    yield from (f"router {router}: {reason}" for router, reason in run.skipped_routers.items())
    yield from (f"dataset {dataset}: {reason}" for dataset, reason in run.skipped_columns.items())
    for column in run.columns:
        for gap in column.left_out:
            models = ", ".join(f"{model} {count}" for model, count in gap.models.items())
            yield (
                f"{column.dataset}: {gap.instances} of {gap.of} test instances of {gap.dataset}, "
                f"for lack of outcomes ({models})"
            )
        yield from (f"{column.dataset}, slice {part}: {reason}" for part, reason in column.skipped.items())
        yield from (f"{column.dataset}, router {failure.router}: {failure.reason}" for failure in column.failures)
    yield from run.warnings
