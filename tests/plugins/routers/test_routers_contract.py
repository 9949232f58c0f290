"""What every built-in router promises, whatever it does inside."""

from __future__ import annotations

import importlib
import pickle
from dataclasses import replace

import numpy as np
import pytest

from mmr_core.contracts import PolicyRouter, ScoringRouter
from mmr_core.errors import DegenerateError, FeatureError, UsageError
from mmr_plugins.components import ROUTERS

TARGETS = {spec.name: spec.target for spec in ROUTERS if spec.protocol == "paper"}
SMALL = {
    "kmeans": {"clusters": 4},
    "knn": {"neighbours": 7},
    "linear": {},
    "linear-mf": {"rank": 4},
    "mlp": {"hidden": [16, 8], "epochs": 5},
    "mlp-mf": {"hidden": [16], "latent": 4, "epochs": 5},
    "cmr": {"width": 16, "heads": 2, "epochs": 3, "learning_rate": 1e-3},
    "random": {},
}
SCORING = [name for name in SMALL if name != "random"]
FUSED = [name for name in SCORING if name != "cmr"]
NETWORKS = ["mlp", "mlp-mf", "cmr"]


def router_class(name):
    if name in NETWORKS:
        pytest.importorskip("torch")
    module, _, attribute = TARGETS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def build(name, **parameters):
    return router_class(name)(**{**SMALL[name], **parameters})


def output(router, queries):
    """The numbers of a router, as one array [n, ...]."""
    if isinstance(router, ScoringRouter):
        prediction = router.predict(queries)
        return np.concatenate([prediction.utility, prediction.cost], axis=1)
    return router.decide(queries, 1.0).probabilities


def test_the_registered_routers_are_the_eight_that_are_tested_here():
    assert set(TARGETS) == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_a_router_is_of_its_kind_and_wants_the_fusion_of_table_s3(name):
    wanted = {
        "kmeans": "adaptive",
        "knn": "adaptive",
        "linear": "average",
        "linear-mf": "adaptive",
        "mlp": "average",
        "mlp-mf": "adaptive",
        "cmr": None,
        "random": None,
    }
    router = build(name)
    assert isinstance(router, PolicyRouter if name == "random" else ScoringRouter)
    assert router.default_fusion == wanted[name]


def test_without_parameters_routers_have_the_released_sizes():
    assert router_class("kmeans")().clusters == 20
    assert router_class("knn")().neighbours == 50
    assert router_class("linear")().alpha == 1
    assert (router_class("linear-mf")().rank, router_class("linear-mf")().alpha) == (128, 1)
    mlp = router_class("mlp")()
    assert (mlp.hidden, mlp.epochs, mlp.batch_size, mlp.learning_rate) == ((256, 128), 100, 32, 1e-3)
    assert router_class("mlp-mf")().latent == 64
    cmr = router_class("cmr")()
    assert (cmr.width, cmr.layers, cmr.heads, cmr.feed_forward, cmr.dropout) == (512, 2, 8, 4, 0.1)
    assert (cmr.epochs, cmr.batch_size, cmr.learning_rate, cmr.weight_decay) == (20, 64, 1e-4, 1e-4)
    assert (cmr.pos_weight, cmr.log_cost) == (False, False)


@pytest.mark.parametrize("name", SCORING)
def test_predictions_are_finite_float64_rows_for_every_query_and_model(name, make):
    prediction = build(name).fit(make.split(60, missing=0.2)).predict(make.split(25, seed=1).queries)
    for numbers in (prediction.utility, prediction.cost):
        assert numbers.shape == (25, 3)
        assert numbers.dtype == np.float64
        assert np.isfinite(numbers).all()


@pytest.mark.parametrize("name", SCORING)
def test_costs_come_back_in_usd(name, make):
    prediction = build(name).fit(make.split(80, usd=1e-7)).predict(make.split(40, seed=1).queries)
    assert np.abs(prediction.cost).max() < 1e-4


def test_random_gives_every_model_the_same_probability_at_every_trade_off(make):
    router = build("random").fit(make.split(5, models=4))
    for trade_off in (0.0, 1.0, np.inf):
        np.testing.assert_array_equal(
            router.decide(make.split(6, models=4).queries, trade_off).probabilities, np.full((6, 4), 0.25)
        )


@pytest.mark.parametrize("name", SMALL)
def test_a_row_is_predicted_alike_shuffled_alone_and_under_another_name(name, make):
    mask = np.random.default_rng(3).random((40, 2)) < 0.8
    queries = make.split(40, seed=2, mask=mask).queries
    router = build(name).fit(make.split(90, missing=0.1, mask=np.random.default_rng(4).random((90, 2)) < 0.9))
    together = output(router, queries)
    order = np.random.default_rng(5).permutation(40)
    np.testing.assert_allclose(output(router, make.take(queries, order)), together[order], rtol=1e-9, atol=1e-18)
    alone = np.concatenate([output(router, make.take(queries, [i])) for i in range(40)])
    np.testing.assert_allclose(alone, together, rtol=1e-9, atol=1e-18)
    assert output(router, make.take(queries, np.arange(0))).shape == (0, together.shape[1])


@pytest.mark.parametrize("name", SMALL)
def test_ids_questions_images_and_validation_marks_change_nothing(name, make):
    training = make.split(50)
    strange = replace(training.queries, ids=("same",) * 50, questions=("",) * 50, images=("no/such/file.png",) * 50)
    other = replace(training, queries=strange, validation=np.arange(50) % 5 == 0, cost_scale=1.0)
    np.testing.assert_array_equal(
        output(build(name).fit(training), training.queries), output(build(name).fit(other), strange)
    )


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_gives_the_same_numbers_whatever_ran_before(name, make):
    training, queries = make.split(50, missing=0.1), make.split(20, seed=1).queries
    first = output(build(name, seed=7).fit(training), queries)
    np.random.seed(99)  # noqa: NPY002
    for other in ("mlp", "cmr", "kmeans"):
        build(other, seed=1).fit(training)
    again = build(name, seed=7).fit(make.split(30, seed=8)).fit(training).fit(training)
    np.testing.assert_array_equal(output(again, queries), first)


@pytest.mark.parametrize("name", NETWORKS)
def test_another_seed_gives_another_network(name, make):
    training = make.split(50)
    one, two = (output(build(name, seed=seed).fit(training), training.queries) for seed in (0, 1))
    assert not np.allclose(one, two, rtol=1e-3)


@pytest.mark.parametrize("name", SMALL)
def test_nothing_handed_in_is_changed_or_kept(name, make):
    training = make.split(40, missing=0.1)
    embeddings = training.queries.embeddings
    given = [
        training.utility,
        training.cost,
        training.validation,
        training.queries.z,
        training.queries.mask,
        embeddings.text,
        embeddings.image,
        embeddings.norms,
        embeddings.mask,
    ]
    for array in given:
        array.flags.writeable = False
    router = build(name).fit(training)
    output(router, training.queries)
    for value in vars(router).values():
        kept = list(value.values()) if isinstance(value, dict) else [value]
        for part in kept:
            assert isinstance(part, np.ndarray | int | float | str | tuple | None)
            if isinstance(part, np.ndarray):
                assert not any(np.shares_memory(part, array) for array in given)


@pytest.mark.parametrize("name", SMALL)
def test_what_was_learned_stands_in_attributes_that_end_in_an_underscore(name, make):
    training = make.split(40)
    router = build(name).fit(training)
    learned = {key: value for key, value in vars(router).items() if key.endswith("_")}
    parameters = {key: value for key, value in vars(router).items() if not key.endswith("_")}
    rebuilt = type(router)(**parameters)
    for key, value in pickle.loads(pickle.dumps(learned)).items():
        setattr(rebuilt, key, value)
    np.testing.assert_array_equal(output(rebuilt, training.queries), output(router, training.queries))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [{"n": 1}, {"n": 2}, {"n": 30, "models": 1}, {"n": 1, "models": 1}])
def test_one_row_or_one_model_is_enough(name, shape, make):
    training = make.split(**shape)
    router = build(name).fit(training)
    numbers = output(router, make.split(5, models=training.utility.shape[1], seed=1).queries)
    assert np.isfinite(numbers).all()
    if shape["n"] == 1 and name not in NETWORKS and name != "random":
        expected = np.concatenate([training.utility, training.cost], axis=1)
        np.testing.assert_allclose(numbers, np.repeat(expected, 5, axis=0), rtol=1e-12)


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("value", [0.0, 0.25])
@pytest.mark.parametrize("width", [1, 4])
def test_constant_features_are_enough(name, value, width, make):
    training = make.split(40, z=np.full((40, width), value))
    assert np.isfinite(output(build(name).fit(training), training.queries)).all()


@pytest.mark.parametrize("name", ["kmeans", "knn", "linear", "linear-mf"])
def test_on_constant_features_the_training_means_are_predicted(name, make):
    training = make.split(40, z=np.full((40, 3), 0.5))
    router = build(name, **({"neighbours": 99} if name == "knn" else {})).fit(training)
    expected = np.concatenate([training.utility.mean(axis=0), training.cost.mean(axis=0)])
    np.testing.assert_allclose(output(router, training.queries), np.tile(expected, (40, 1)), rtol=1e-9)


@pytest.mark.parametrize("name", SCORING)
def test_a_model_nobody_observed_is_worth_nothing_and_costs_what_the_dearest_does(name, make):
    training = make.split(50)
    training.utility[:, 0] = np.nan
    training.cost[:, 0] = np.nan
    prediction = build(name).fit(training).predict(make.split(20, seed=1).queries)
    np.testing.assert_array_equal(prediction.utility[:, 0], 0.0)
    np.testing.assert_allclose(prediction.cost[:, 0], np.nanmean(training.cost[:, 1:], axis=0).max(), rtol=1e-12)


@pytest.mark.parametrize("name", SCORING)
def test_without_a_single_outcome_everything_is_zero(name, make):
    training = make.split(10)
    training.utility[:] = np.nan
    training.cost[:] = np.nan
    np.testing.assert_array_equal(output(build(name).fit(training), training.queries), np.zeros((10, 6)))


@pytest.mark.parametrize("name", SCORING)
def test_a_cost_that_never_varied_is_predicted_as_it_is(name, make):
    training = make.split(50)
    training.cost[:, 1] = 3e-7
    training.cost[:, 2] = 0.0
    prediction = build(name).fit(training).predict(make.split(20, seed=1).queries)
    np.testing.assert_allclose(prediction.cost[:, 1], 3e-7, rtol=1e-9)
    np.testing.assert_allclose(prediction.cost[:, 2], 0.0, atol=1e-18)


@pytest.mark.parametrize("name", SMALL)
def test_a_router_that_was_not_fitted_says_so(name, make):
    with pytest.raises(UsageError, match=f"router '{name}'.*not been fitted.*fit first"):
        output(build(name), make.split(3).queries)


@pytest.mark.parametrize("name", SCORING)
def test_nothing_to_learn_from_is_a_named_error(name, make):
    with pytest.raises(DegenerateError, match="no rows to learn from"):
        build(name).fit(make.split(0))


@pytest.mark.parametrize("name", FUSED)
def test_features_that_cannot_be_read_are_named_errors(name, make):
    training = make.split(30)
    with pytest.raises(UsageError, match=f"router '{name}'.*no fused features.*give it a fusion"):
        build(name).fit(make.split(30, z=np.zeros((30, 0))))
    router = build(name).fit(training)
    with pytest.raises(UsageError, match="expected features of width 11, as in the fit, got 4"):
        router.predict(make.split(30, z=np.zeros((30, 4))).queries)
    broken = np.array(training.queries.z)
    broken[12, 3] = np.nan
    with pytest.raises(FeatureError, match="row 12: fused features are not finite"):
        router.predict(replace(training.queries, z=broken))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("random", {"seed": -1}),
        ("kmeans", {"seed": 2**32}),
        ("kmeans", {"seed": "0"}),
        ("kmeans", {"clusters": 0}),
        ("kmeans", {"clusters": 2.5}),
        ("kmeans", {"clusters": True}),
        ("knn", {"neighbours": 0}),
        ("linear", {"alpha": -1.0}),
        ("linear", {"alpha": np.inf}),
        ("linear", {"alpha": "best"}),
        ("linear", {"alpha": None}),
        ("linear-mf", {"rank": 0}),
        ("linear-mf", {"alpha": np.nan}),
        ("mlp", {"hidden": "256"}),
        ("mlp", {"hidden": 256}),
        ("mlp", {"hidden": [256, 0]}),
        ("mlp", {"epochs": 0}),
        ("mlp", {"batch_size": 0}),
        ("mlp", {"learning_rate": 0}),
        ("mlp-mf", {"latent": 0}),
        ("cmr", {"dropout": 1.0}),
        ("cmr", {"weight_decay": -1}),
        ("cmr", {"learning_rate": "fast"}),
        ("cmr", {"pos_weight": 1}),
        ("cmr", {"log_cost": "yes"}),
        ("cmr", {"layers": 0}),
        ("cmr", {"threads": 0}),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused_with_a_way_out(name, parameters):
    (parameter,) = parameters
    with pytest.raises(UsageError, match=f"router '{name}'.*'{parameter}'; give"):
        router_class(name)(**parameters)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(UsageError, match="width of 30 does not divide into 8 heads; make 'width' a multiple"):
        build("cmr", width=30, heads=8)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("device", ["abacus", "meta", 3.5, "cuda:77"])
def test_a_device_that_is_not_there_is_refused(name, device, make):
    with pytest.raises(UsageError, match=f"router '{name}'.*not a device that can be used here; give 'cpu'"):
        build(name, device=device).fit(make.split(5))


def test_numpy_numbers_are_as_good_as_python_ones():
    assert build("knn", neighbours=np.int64(3), seed=np.int32(5)).neighbours == 3
    assert build("linear", alpha=np.float32(0.5)).alpha == 0.5
