"""Fixtures for studies: settings described by what their table holds, and results made up cell by cell."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmr_core.numerics.metrics import CostRange
from mmr_core.outcomes import OutcomeTable, object_array
from mmr_core.registry import Registry
from mmr_core.results import METRIC_NAMES, CellFailure, cell_key
from mmr_core.runner.prepare import columns_of
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, ORACLE_UNAWARE
from mmr_core.specs import ORACLE
from mmr_core.studies import Cell, CellRecord, Results, Setting

Figure = Callable[[Cell, str, str], float | None]
"""From a cell, a record's name and a metric to its figure."""
DRAWS = 40


@pytest.fixture(scope="session")
def installed() -> Registry:
    """What is installed here, the built-ins included."""
    return Registry.discover()


@pytest.fixture(scope="session")
def setting_of(
    table: Callable[..., OutcomeTable], installed: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Setting]:
    """A function that makes a setting.

    - `datasets`: names of registered datasets; those that have no image by their spec have none here.
    - `each`: instances of each; `models`: candidate models.
    - `routers`, `seeds`: of the run.
    - `images`: whether image files are drawn; paths name files that are not there otherwise.
    """

    def build(
        datasets: Sequence[str] = ("ocrbench", "seedbench2plus", "mathverse", "gsm8k"),
        each: int = 20,
        models: int = 3,
        routers: Sequence[str] = ("knn", "linear-mf", "random"),
        seeds: Sequence[int] = (0, 1),
        images: bool = False,
    ) -> Setting:
        made = table(models=models, instances=each * len(datasets), datasets=tuple(datasets), images=images)
        specs = tuple(installed.find_dataset(name).spec for name in datasets)
        shown = {spec.name for spec in specs if "image" in spec.modalities}
        files = made.image if images else [Path("drawn") / f"{i}.png" for i in range(len(made))]
        pictures = [file if name in shown else None for file, name in zip(files, made.dataset, strict=True)]
        own = replace(made, image=object_array(pictures), datasets=specs)
        return Setting(
            table=own,
            columns=tuple(columns_of(own, installed.datasets.all())),
            registry=installed,
            routers=tuple(routers),
            seeds=tuple(seeds),
        )

    return build


@pytest.fixture(scope="session")
def made_up() -> Callable[..., Results]:
    """A function that makes up the results of cells.

    - `figure`: the figure of a record; by default a number that follows from cell, name and metric.
    - `spread`: of the draws around it.
    - `failed`: which cells fail instead, with a reason.
    """

    def build(
        cells: Iterable[Cell],
        figure: Figure | None = None,
        spread: float = 0.01,
        failed: Callable[[Cell], bool] = lambda cell: False,
    ) -> Results:
        records, failures, seen = [], [], set()
        for cell in cells:
            if cell_key(cell) in seen:
                continue
            seen.add(cell_key(cell))
            if failed(cell):
                failures.append(CellFailure(cell=cell, reason="it was made to fail"))
                continue
            names = [cell.router] if cell.router else [ORACLE, ORACLE_UNAWARE, CONSTANT, BEST_SINGLE]
            records += [_record(cell, name, figure or _any, spread) for name in names]
        return Results(records=tuple(records), failures=tuple(failures), draws=DRAWS)

    return build


def _any(cell: Cell, name: str, metric: str) -> float:
    return zlib.crc32(f"{cell_key(cell)}:{name}:{metric}".encode()) / 2**32


def _record(cell: Cell, name: str, figure: Figure, spread: float) -> CellRecord:
    stream = np.random.default_rng(zlib.crc32(f"{cell_key(cell)}:{name}".encode()))
    metrics = {metric: figure(cell, name, metric) for metric in METRIC_NAMES}
    return CellRecord(
        cell=cell,
        name=name,
        kind="router" if cell.router else "reference",
        metrics=metrics,
        draws={
            metric: np.full(DRAWS, np.nan if value is None else value) + spread * stream.standard_normal(DRAWS)
            for metric, value in metrics.items()
        },
        frontier_cost=np.array([1.0]),
        frontier_utility=np.array([0.5]),
        frontier_trade_off=np.array([0.0]),
        within=CostRange(low=1.0, high=2.0, floor=0.4, best_cost=2.0, best_utility=0.6),
        best_single="model-2",
        models=("model-0", "model-1", "model-2"),
        instances=16,
        learned_from=4,
    )
