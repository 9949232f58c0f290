"""What a built-in router answers for a query depends on that query alone: not on its batch, its place, or its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmr_core.contracts import ImportContext
from mmr_core.features import EncodedFeatures
from mmr_core.registry import Registry
from mmr_core.runner.agreement import compare
from mmr_core.runner.fit import build_queries, build_training
from mmr_core.runner.options import Options
from mmr_core.runner.policies import Scored, ask
from mmr_core.runner.prepare import Prepared, prepare

REAL = Path(__file__).parents[3] / "shared" / "data" / "mathvision-real"
REGISTRY = Registry.discover()
ROUTERS = [item.name for item in REGISTRY.routers.specs() if item.provider.distribution == "mmr-bench"]
FUSIONS = [item.name for item in REGISTRY.fusions.specs() if item.provider.distribution == "mmr-bench"]


@pytest.fixture(scope="module")
def synthetic(table) -> Prepared:
    own = table(models=5, instances=500, datasets=("alpha",), images=True, missing=0.02)
    return _prepared(own, "alpha")


@pytest.fixture(scope="module")
def real() -> Prepared:
    if not REAL.is_dir():
        pytest.skip("the real table is not here")
    context = ImportContext(datasets=REGISTRY.datasets.all(), models=REGISTRY.models.all(), cache=REAL)
    own = REGISTRY.importers.create("published").read(REAL, context)
    return _prepared(own.take(np.arange(600)), "mathvision")


def _prepared(table, dataset: str) -> Prepared:
    encoder = REGISTRY.encoders.create("lite")
    source = EncodedFeatures(text_encoder=encoder, image_encoder=encoder)
    return prepare(table, table.spec_of(dataset), source, Options(allow_incomplete=True))


class Asked:
    """A fitted router and the test queries of a column."""

    def __init__(self, column: Prepared, name: str, fusion_name: str | None = None) -> None:
        self.column = column
        self.name = name
        router = REGISTRY.routers.create(name, seed=3)
        wanted = None if router.default_fusion is None else fusion_name or router.default_fusion
        train = np.flatnonzero(column.train)
        features = column.features_train.take(train)
        self.fusion = None if wanted is None else REGISTRY.fusions.create(wanted).fit(features.embeddings)
        queries = build_queries(features, [column.ids[i] for i in train], column.table.models, self.fusion)
        outcomes = column.table.utility[train], column.table.cost[train]
        self.router = router.fit(build_training(queries, *outcomes, column.validation[train], column.cost_scale))
        self.rows = np.flatnonzero(column.test)

    def about(self, rows: np.ndarray, *, renamed: bool = False) -> Scored:
        """Predictions for some test queries, asked in one batch."""
        names = [f"renamed-{i}" for i in rows] if renamed else [self.column.ids[i] for i in rows]
        queries = build_queries(self.column.features_test.take(rows), names, self.column.table.models, self.fusion)
        return ask(self.router, queries, self.column.cost_scale, self.name)

    def one_by_one(self, rows: np.ndarray) -> Scored:
        answers = [self.about(rows[i : i + 1]) for i in range(len(rows))]
        return Scored(
            np.concatenate([answer.pred_utility for answer in answers]),
            np.concatenate([answer.pred_cost for answer in answers]),
        )


def demand_same(first: Scored, second: Scored) -> None:
    np.testing.assert_allclose(first.pred_utility, second.pred_utility, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(first.pred_cost, second.pred_cost, rtol=1e-5, atol=1e-12)
    assert compare(first, second).changed == 0


def demand_independence(asked: Asked, rows: np.ndarray) -> None:
    together = asked.about(asked.rows)
    if not isinstance(together, Scored):
        shuffled = np.random.default_rng(0).permutation(asked.rows)
        for one, other in zip(together.probabilities, asked.about(shuffled).probabilities, strict=True):
            np.testing.assert_array_equal(one, other)
        return
    order = np.random.default_rng(0).permutation(len(asked.rows))
    demand_same(together.take(order), asked.about(asked.rows[order]))
    demand_same(together, asked.about(asked.rows, renamed=True))
    some = np.isin(asked.rows, rows)
    demand_same(together.take(some), asked.one_by_one(asked.rows[some]))


@pytest.mark.parametrize("name", ROUTERS)
def test_an_answer_does_not_depend_on_the_other_queries(name, synthetic):
    asked = Asked(synthetic, name)
    demand_independence(asked, asked.rows)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("name", ["knn", "linear"])
def test_no_fusion_brings_the_other_queries_in(name, fusion, synthetic):
    asked = Asked(synthetic, name, fusion)
    demand_independence(asked, asked.rows[:100])


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUTERS)
def test_an_answer_does_not_depend_on_the_other_queries_of_real_data(name, real):
    asked = Asked(real, name)
    demand_independence(asked, asked.rows[:150])


def test_the_transductive_scope_is_what_this_test_would_catch(synthetic):
    asked = Asked(synthetic, "linear")
    asked.fusion = REGISTRY.fusions.create("adaptive", scope="batch").fit(
        synthetic.features_train.take(np.flatnonzero(synthetic.train)).embeddings
    )
    together, alone = asked.about(asked.rows), asked.one_by_one(asked.rows)
    assert not np.allclose(together.pred_utility, alone.pred_utility, rtol=1e-5)


def test_routers_see_neither_names_nor_paths(synthetic):
    asked = Asked(synthetic, "knn")
    blind = replace(asked.column, ids=("",) * len(asked.column.ids))
    asked_blind = Asked(blind, "knn")
    demand_same(asked.about(asked.rows), asked_blind.about(asked.rows))
