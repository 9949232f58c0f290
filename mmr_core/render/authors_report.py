"""The figures of the authors' protocol as a table, for the terminal and as files."""

from __future__ import annotations

import math
from pathlib import Path

from mmr_core.authors.authors_run import AuthorsRun
from mmr_core.authors.scoring import AuthorsMetrics
from mmr_core.render.numbers import INFINITY
from mmr_core.render.table import Section, Table, TableCell, TableColumn, TableRow, figure, label, name_column
from mmr_core.render.together import write_together
from mmr_core.render.writers import csv_text, markdown_part

_TITLES = {"nauc": "nAUC", "peak": "peak", "qnc": "QNC"}
"""Their figures: of the same names as those of `METRICS`, and measured otherwise."""


def authors_table(run: AuthorsRun) -> Table:
    """Router x dataset, the three figures of each."""
    synthetic = ", synthetic outcomes" if run.synthetic else ""
    return Table(
        title=f"Authors' protocol, seed {run.seed}{synthetic}",
        columns=(
            name_column("dataset", "dataset"),
            name_column("router", "router"),
            *(TableColumn(title=title, key=key) for key, title in _TITLES.items()),
        ),
        sections=tuple(
            Section(
                rows=tuple(
                    TableRow(cells=(label(dataset), label(router), *_cells(found)))
                    for router, found in result.metrics.items()
                ),
            )
            for dataset, result in run.columns.items()
        ),
    )


def write_authors(run: AuthorsRun, out: Path) -> list[Path]:
    """Writes table.md, table.csv and results.json, the last one last.

    :raises UsageError: if `out` is a file.
    :raises MMRError: if a file cannot be written.
    """
    table = authors_table(run)
    files: dict[str, bytes | str] = {
        "table.md": markdown_part(table, level=1) + "\n",
        "table.csv": csv_text(table),
        "results.json": run.to_json(),
    }
    return write_together(out, files, last="results.json")


def _cells(metrics: AuthorsMetrics) -> list[TableCell]:
    return [figure(getattr(metrics, key), _shown) for key in _TITLES]


def _shown(value: float | None) -> str:
    """Four decimals, as the authors print them."""
    if value is None or math.isnan(value):
        return "n/a"
    return INFINITY if math.isinf(value) else f"{value:.4f}"
