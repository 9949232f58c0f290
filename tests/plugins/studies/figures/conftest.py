"""Records of routers that are pretended: predictions made of the outcomes themselves with noise, measured for real.

What a router is worth is then known beforehand, and no feature, fusion or fit takes part.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pytest

from mmr_core.contracts import Prediction
from mmr_core.numerics.means import training_means
from mmr_core.numerics.sweep import choose
from mmr_core.registry import Registry
from mmr_core.results import Along, CellFailure, cell_key
from mmr_core.runner.measure import Answers, Yardstick
from mmr_core.runner.policies import GRID, Scored, scored
from mmr_core.runner.references import TestSet
from mmr_core.specs import DatasetSpec
from mmr_core.splits import train_mask
from mmr_core.studies import CellRecord, Results, Setting

DRAWS = 60


def _rows(table, spec):
    order = sorted(range(len(table)), key=lambda i: (table.dataset[i], table.instance_id[i]))
    return table.take(np.array([i for i in order if table.dataset[i] in (spec.members or (spec.name,))], dtype=int))


def _along(policy, utility, cost, keep):
    everyone = np.arange(len(utility))
    chosen = np.stack([choose(policy.pred_utility, policy.pred_cost, weight) for weight in GRID])
    models = utility.shape[1]
    return Along(
        cost=np.array([cost[everyone, c].mean() for c in chosen]),
        utility=np.array([utility[everyone, c].mean() for c in chosen]),
        share=np.stack([np.bincount(c, minlength=models) / len(c) for c in chosen]),
        choices=chosen.astype(np.int16) if keep else None,
    )


def _record(cell, row, yardstick, along, learned_from):
    tested = yardstick.tested
    names = tuple(model.name for model in tested.models)
    curve = row.curves[0]
    return CellRecord(
        cell=cell,
        name=row.name,
        kind=row.kind,
        metrics={name: estimate.value for name, estimate in row.metrics.items()},
        draws=dict(row.draws),
        frontier_cost=curve.cost,
        frontier_utility=curve.utility,
        frontier_trade_off=curve.trade_off,
        within=yardstick.within,
        best_single=names[yardstick.singles.best],
        models=names,
        instances=len(tested.utility),
        learned_from=learned_from,
        along=along,
    )


def _yardstick(table, spec):
    own = _rows(table, spec)
    train = train_mask(own.dataset, own.instance_id)
    test = ~train & own.complete
    tested = TestSet(
        name=spec.name,
        kind="dataset",
        utility=own.utility[test],
        cost=own.cost[test],
        datasets=tuple(own.dataset[test]),
        training_means=training_means(own.utility[train], own.cost[train]),
        cost_scale=float(np.nanmax(own.cost[train])),
        models=own.models,
    )
    return Yardstick.of(tested, draws=DRAWS, draw_seed=0), int(train.sum())


def _measured(cell, yardstick, learned_from, noise):
    tested = yardstick.tested
    utility, cost = tested.utility, tested.cost
    if cell.router is None:
        return [
            _record(
                cell,
                yardstick.reference(name),
                yardstick,
                _along(p, utility, cost, False) if isinstance(p, Scored) else None,
                learned_from,
            )
            for name, p in yardstick.references.items()
        ]
    seed = int.from_bytes(blake2b(cell_key(cell).encode(), digest_size=4).digest(), "big")
    rng = np.random.default_rng(seed)
    spread = noise(cell)
    guess = Prediction(
        utility=utility + spread * rng.normal(size=utility.shape), cost=np.tile(cost.mean(axis=0), (len(cost), 1))
    )
    policy = scored(guess, utility.shape, tested.cost_scale, cell.router)
    row = yardstick.router(Answers(name=cell.router, policies=(policy,), trade_offs=(None,)))
    return [_record(cell, row, yardstick, _along(policy, utility, cost, cell.keep_choices), learned_from)]


@pytest.fixture(scope="session")
def pretend():
    """`pretend(setting, cells, noise=..., fails=...)`: results of the cells.

    - `noise`: from a cell to the spread of the noise on its router's predictions, so how bad it is.
    - `fails`: from a cell to whether it fails.
    """

    def run(setting, cells, noise=lambda cell: 0.5, fails=lambda cell: False):
        specs = {spec.name: spec for spec in setting.columns}
        cells = list({cell_key(cell): cell for cell in cells}.values())
        sticks = {name: _yardstick(setting.table, specs[name]) for name in {cell.test for cell in cells}}
        records = [r for c in cells if not fails(c) for r in _measured(c, *sticks[c.test], noise)]
        failures = tuple(CellFailure(cell=c, reason="it was told to fail") for c in cells if fails(c))
        return Results(records=tuple(records), failures=failures, draws=DRAWS)

    return run


@pytest.fixture(scope="session")
def registry():
    """What is installed."""
    return Registry.discover()


@pytest.fixture(scope="session")
def setting(table, registry):
    """`setting(routers=..., seeds=..., mixture=..., **table)`: the setting of a run on a made table."""

    def build(routers=("knn", "linear"), seeds=(0,), mixture=True, **about):
        made = table(**{"images": True, "instances": 240, "models": 4, **about})
        plain = tuple(made.spec_of(name) for name in made.dataset_names)
        both = DatasetSpec(
            name="both",
            title="Both Together",
            scenario="mixture",
            modalities=("text", "image"),
            members=tuple(spec.name for spec in plain),
        )
        columns = (*plain, both) if mixture and len(plain) > 1 else plain
        return Setting(table=made, columns=columns, registry=registry, routers=routers, seeds=seeds)

    return build


@pytest.fixture(scope="session")
def with_table():
    """A setting with another table in the place of its own."""
    return lambda setting, table: replace(setting, table=table)
