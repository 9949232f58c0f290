"""The figures of the authors' protocol, for the terminal, as JSON, Markdown and CSV."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mmr_core.authors.authors_run import AuthorsRun
from mmr_core.authors.scoring import AuthorsMetrics
from mmr_core.render.numbers import INFINITY
from mmr_core.render.table import Section, Table, TableCell, TableColumn, TableRow, figure, label, name_column
from mmr_core.render.together import write_together
from mmr_core.render.writers import csv_text, markdown_part
from mmr_core.runner.provenance import library_versions

_TITLES = {"nauc": "nAUC", "peak": "peak", "qnc": "QNC"}
"""Their figures: of the same names as those of `METRICS`, and measured otherwise."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AuthorsFigures(_Part):
    """The three figures of one router."""

    nauc: float | None = Field(description="area under the Pareto points over their own range; null below two points")
    peak: float
    qnc: float | None = Field(description="null where the best single model is not reached")
    qnc_reached: bool


class AuthorsColumn(_Part):
    """One dataset or mixture."""

    train: int
    test: int
    models: list[str]
    columns: list[str] = Field(description="column prefixes, by whose code points the models are ordered")
    best_model: str
    best_utility: float
    best_cost: float = Field(description="USD")
    filled: int = Field(description="missing utilities and costs filled with column means")
    routers: dict[str, AuthorsFigures]


class AuthorsLineup(_Part):
    """A preset in the run; random and oracle are the protocol's own and have none."""

    name: str
    canonical_id: str
    version: str
    parameters: dict[str, object]


class AuthorsDocument(_Part):
    """`results.json` of `mmr run --protocol authors`."""

    schema_version: Literal[1] = 1
    protocol: Literal["authors"] = "authors"
    source: str
    synthetic: bool
    table_digest: str
    seed: int
    features: dict[str, object]
    versions: dict[str, str] = Field(description="of Python and of the libraries that figures depend on")
    lineup: list[AuthorsLineup]
    datasets: dict[str, AuthorsColumn]


def authors_document(run: AuthorsRun) -> AuthorsDocument:
    """The document of a run."""
    return AuthorsDocument(
        source=run.source,
        synthetic=run.synthetic,
        table_digest=run.digest,
        seed=run.seed,
        features=dict(run.features),
        versions=library_versions(),
        lineup=[
            AuthorsLineup(name=e.name, canonical_id=e.canonical_id, version=e.version, parameters=dict(e.parameters))
            for e in run.lineup
        ],
        datasets={
            name: AuthorsColumn(
                train=result.n_train,
                test=result.n_test,
                models=list(result.models),
                columns=list(result.columns),
                best_model=result.best_model,
                best_utility=result.best_utility,
                best_cost=result.best_cost,
                filled=result.filled,
                routers={router: _figures(metrics) for router, metrics in result.metrics.items()},
            )
            for name, result in run.columns.items()
        },
    )


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
        "results.json": authors_document(run).model_dump_json(indent=2) + "\n",
    }
    return write_together(out, files, last="results.json")


def _figures(metrics: AuthorsMetrics) -> AuthorsFigures:
    return AuthorsFigures(
        nauc=None if math.isnan(metrics.nauc) else metrics.nauc,
        peak=metrics.peak,
        qnc=metrics.qnc if math.isfinite(metrics.qnc) else None,
        qnc_reached=math.isfinite(metrics.qnc),
    )


def _cells(metrics: AuthorsMetrics) -> list[TableCell]:
    return [figure(getattr(metrics, key), _shown) for key in _TITLES]


def _shown(value: float | None) -> str:
    """Four decimals, as the authors print them."""
    if value is None or math.isnan(value):
        return "n/a"
    return INFINITY if math.isinf(value) else f"{value:.4f}"
