"""The router does what its README says, and keeps the contract of a scoring router."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from mmr_router_soft_neighbours import mmr_register_routers
from mmr_router_soft_neighbours.router import BANDWIDTHS, SoftNeighboursRouter

from mmr_core.contracts import Embeddings, LightFeatures, Queries, ScoringRouter, TrainingData
from mmr_core.errors import DegenerateError, FeatureError, UsageError
from mmr_core.specs import ModelSpec

POOL = tuple(ModelSpec(name=f"model-{j}", title=f"Model {j}") for j in range(3))


def queries(instances: int, *, seed: int = 0, width: int = 4) -> Queries:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(instances, width)).astype(np.float32)
    mask = np.ones((instances, 2), dtype=bool)
    return Queries(
        ids=tuple(f"q{i}" for i in range(instances)),
        questions=("?",) * instances,
        images=(None,) * instances,
        mask=mask,
        z=z,
        embeddings=Embeddings(text=z, image=None, norms=np.ones((instances, 2), dtype=np.float32), mask=mask),
        light=LightFeatures(
            text_length=rng.integers(0, 500, instances),
            image_size=rng.integers(0, 900, (instances, 2)),
            scenario=tuple(rng.choice(["ocr", "math"], instances).tolist()),
        ),
        pool=POOL,
    )


def training(instances: int = 80, *, missing: float = 0.0, seed: int = 0) -> TrainingData:
    """The first model is right where the first feature is positive, the second where it is not, the third never."""
    own, rng = queries(instances, seed=seed), np.random.default_rng(seed + 1)
    right = own.z[:, 0] > 0
    utility = np.column_stack([right, ~right, np.zeros(instances)]).astype(float)
    cost = rng.uniform(1e-6, 1e-3, (instances, 3))
    gone = rng.random((instances, 3)) < missing
    utility[gone] = cost[gone] = np.nan
    return TrainingData(
        queries=own, utility=utility, cost=cost, validation=np.zeros(instances, dtype=bool), cost_scale=1e-3
    )


def slow_prediction(data: TrainingData, router: SoftNeighboursRouter, asked: Queries) -> np.ndarray:
    """Utility [n, K] by the formula of the docstring, one pair of queries at a time."""
    here, there = router._place(asked), router._place(data.queries)
    out = np.empty((len(asked), len(POOL)))
    for i in range(len(asked)):
        for j in range(len(POOL)):
            seen = [t for t in range(len(data)) if not np.isnan(data.utility[t, j])]
            weights = [np.exp(-np.sum((here[i] - there[t]) ** 2) / (2 * router.bandwidth_**2)) for t in seen]
            mean = np.mean([data.utility[t, j] for t in seen])
            total = sum(w * data.utility[t, j] for w, t in zip(weights, seen, strict=True)) + router.prior * mean
            out[i, j] = total / (sum(weights) + router.prior)
    return out


def test_it_is_registered_under_its_name_without_importing_numpy():
    [spec] = mmr_register_routers()
    assert (spec.kind, spec.name) == ("router", "soft-neighbours")
    code = (
        "import sys, mmr_router_soft_neighbours as own; list(own.mmr_register_routers()); print('numpy' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert printed.strip() == "False"


def test_it_keeps_the_contract_of_a_scoring_router():
    router = SoftNeighboursRouter(seed=3)
    assert isinstance(router, ScoringRouter)
    prediction = router.fit(training()).predict(queries(11, seed=5))
    assert prediction.utility.shape == prediction.cost.shape == (11, 3)
    assert np.isfinite(prediction.utility).all()
    assert (prediction.cost > 0).all()


def test_it_predicts_what_its_formula_says():
    data, asked = training(40, missing=0.3), queries(7, seed=5)
    router = SoftNeighboursRouter(bandwidth=0.4, prior=0.7).fit(data)
    np.testing.assert_allclose(router.predict(asked).utility, slow_prediction(data, router, asked), rtol=1e-9)


def test_it_learns_which_model_is_right_where():
    router = SoftNeighboursRouter(light_weight=0.0).fit(training(400))
    asked = queries(200, seed=9)
    chosen = router.predict(asked).utility.argmax(axis=1)
    assert np.mean(chosen == np.where(asked.z[:, 0] > 0, 0, 1)) > 0.8


def test_the_bandwidth_is_the_one_with_which_training_queries_predict_each_other_best():
    data = training(60)
    chosen = SoftNeighboursRouter().fit(data).bandwidth_

    def error(bandwidth: float) -> float:
        total = 0.0
        for i in range(len(data)):
            # The standardisation of light features stays that of all rows: only the vote leaves the row out.
            router = SoftNeighboursRouter(bandwidth=float(bandwidth)).fit(data)
            weights = np.exp(-np.square(router._positions - router._positions[i]).sum(axis=1) / (2 * bandwidth**2))
            weights[i] = 0.0
            miss = (router._vote(weights[None])[0] - router._outcomes[i]) ** 2
            variance = router._outcomes.var(axis=0)
            total += (miss / np.where(variance > 0, variance, 1.0)).sum()
        return total

    errors = [error(bandwidth) for bandwidth in BANDWIDTHS]
    assert chosen == pytest.approx(BANDWIDTHS[int(np.argmin(errors))])


def test_a_query_is_answered_alike_alone_and_among_others():
    router, asked = SoftNeighboursRouter().fit(training()), queries(9, seed=5)
    together = router.predict(asked)
    alone = [router.predict(_only(asked, i)) for i in range(9)]
    np.testing.assert_allclose(np.vstack([each.utility for each in alone]), together.utility, rtol=1e-9)
    np.testing.assert_allclose(np.vstack([each.cost for each in alone]), together.cost, rtol=1e-9)


def _only(asked: Queries, i: int) -> Queries:
    rows = [i]
    return replace(
        asked,
        ids=(asked.ids[i],),
        questions=(asked.questions[i],),
        images=(None,),
        mask=asked.mask[rows],
        z=asked.z[rows],
        light=LightFeatures(
            text_length=asked.light.text_length[rows],
            image_size=asked.light.image_size[rows],
            scenario=(asked.light.scenario[i],),
        ),
    )


def test_missing_outcomes_are_left_out_and_a_model_without_any_has_the_fallback_of_the_benchmark():
    data = training(missing=0.2)
    data.utility[:, 2] = data.cost[:, 2] = np.nan
    prediction = SoftNeighboursRouter().fit(data).predict(queries(5, seed=5))
    np.testing.assert_allclose(prediction.utility[:, 2], 0.0, atol=1e-12)
    dearest = max(np.nanmean(data.cost[:, 0]), np.nanmean(data.cost[:, 1]))
    np.testing.assert_allclose(prediction.cost[:, 2], dearest)


def test_far_from_everybody_it_predicts_the_training_means():
    data = training()
    far = queries(2, seed=5)
    router = SoftNeighboursRouter(bandwidth=1e-6).fit(data)
    np.testing.assert_allclose(router.predict(far).utility, np.tile(data.utility.mean(axis=0), (2, 1)))


def test_one_training_query_is_enough():
    prediction = SoftNeighboursRouter().fit(training(1)).predict(queries(2, seed=5))
    assert np.isfinite(prediction.utility).all()


def test_it_can_be_fitted_again_on_other_features():
    router = SoftNeighboursRouter().fit(training())
    wider = training()
    router.fit(replace(wider, queries=queries(80, width=6)))
    assert router.predict(queries(3, seed=5, width=6)).utility.shape == (3, 3)


@pytest.mark.parametrize(
    "parameters", [{"prior": 0}, {"prior": "much"}, {"light_weight": -1}, {"bandwidth": 0.0}, {"bandwidth": np.inf}]
)
def test_a_parameter_that_means_nothing_is_refused(parameters):
    with pytest.raises(UsageError, match=next(iter(parameters))):
        SoftNeighboursRouter(**parameters)


def test_it_says_what_is_wrong_with_what_it_is_given():
    with pytest.raises(UsageError, match="not been fitted"):
        SoftNeighboursRouter().predict(queries(1))
    with pytest.raises(DegenerateError, match="no queries"):
        SoftNeighboursRouter().fit(training(0))
    router = SoftNeighboursRouter().fit(training())
    with pytest.raises(FeatureError, match="wide"):
        router.predict(queries(1, width=5))
    broken = queries(1)
    broken.z[0, 0] = np.nan
    with pytest.raises(FeatureError, match="finite"):
        router.predict(broken)
