"""A built-in router, fusion or encoder that was written down and made again answers as before, bit for bit."""

from __future__ import annotations

import importlib
import json
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.contracts import Saveable, ScoringRouter
from mmr_core.errors import DataError, MMRError
from mmr_plugins.components import FUSIONS, ROUTERS

PLAIN = {
    "kmeans": ({"clusters": 4}, {"clusters": 1, "means_on": "validation"}),
    "knn": ({"neighbours": 7}, {"neighbours": 500}),
    "linear": ({}, {"alpha": 0}, {"alpha": "cv"}),
    "linear-mf": ({"rank": 4}, {"rank": 500, "alpha": 0}),
    "random": ({},),
}
NETWORKS = {
    "mlp": ({"hidden": [16, 8], "epochs": 2}, {"hidden": [], "epochs": 1}),
    "mlp-mf": ({"hidden": (16,), "latent": 4, "epochs": 2},),
    "cmr": (
        {"width": 16, "heads": 2, "epochs": 1},
        {"width": 8, "heads": 1, "layers": 1, "epochs": 1, "log_cost": True, "pos_weight": True},
    ),
}
ALL = PLAIN | NETWORKS
CASES = [(name, given) for name, cases in ALL.items() for given in cases]
FUSION_CASES = [("adaptive", {}), ("average", {}), ("concat", {}), ("text", {}), ("image", {})]


def component(specs, name):
    if name in NETWORKS:
        pytest.importorskip("torch")
    target = next(spec.target for spec in specs if spec.name == name and spec.protocol == "paper")
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def through_a_file(state):
    """The state as a file gives it back: arrays through .npy without pickle, all else through JSON."""
    back = {}
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            content = BytesIO()
            np.save(content, value, allow_pickle=False)
            back[name] = np.load(BytesIO(content.getvalue()), allow_pickle=False)
        else:
            back[name] = json.loads(json.dumps(value, allow_nan=False))
    return back


def output(router, queries):
    if isinstance(router, ScoringRouter):
        prediction = router.predict(queries)
        return np.concatenate([prediction.utility, prediction.cost], axis=1)
    return router.decide(queries, 1.0).probabilities


def saved_again(name, parameters, fitted):
    again = component(ROUTERS, name)(seed=1, **json.loads(json.dumps(parameters)))
    return again.restore(through_a_file(fitted.state()))


def demand_same_answers(name, parameters, training, queries):
    fitted = component(ROUTERS, name)(seed=3, **parameters).fit(training)
    again = saved_again(name, parameters, fitted)
    first, second = output(fitted, queries), output(again, queries)
    assert first.dtype == second.dtype
    assert first.tobytes() == second.tobytes()


def test_every_built_in_router_and_fusion_is_tested_here():
    assert set(ALL) == {spec.name for spec in ROUTERS if spec.protocol == "paper"}
    assert {name for name, _ in FUSION_CASES} == {spec.name for spec in FUSIONS if spec.protocol == "paper"}


@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_plain_router_predicts_as_before_it_was_saved(data, make):
    name = data.draw(st.sampled_from(sorted(PLAIN)))
    parameters = data.draw(st.sampled_from(PLAIN[name]))
    rows = data.draw(st.integers(3, 120))
    models = data.draw(st.integers(1, 5))
    missing = data.draw(st.sampled_from([0.0, 0.2, 0.9]))
    width = data.draw(st.sampled_from([1, 6, 40]))
    training = make.split(rows, models=models, missing=missing, text=width, seed=data.draw(st.integers(0, 9)))
    training.validation[1::3] = True
    queries = make.split(data.draw(st.sampled_from([1, 2, 33])), models=models, text=width, seed=77).queries
    demand_same_answers(name, parameters, training, queries)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("count", [1, 2, 33])
def test_an_array_that_was_part_of_another_rounds_as_before(name, count, make):
    queries = make.split(count, text=30, image=30, seed=77).queries
    for parameters in PLAIN[name]:
        training = make.split(90, text=30, image=30)
        training.validation[::3] = True
        demand_same_answers(name, parameters, training, queries)


@pytest.mark.parametrize(("name", "parameters"), [(name, p) for name in NETWORKS for p in NETWORKS[name]])
@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_a_network_predicts_as_before_it_was_saved(name, parameters, missing, make):
    mask = np.random.default_rng(5).random((40, 2)) < 0.7
    training = make.split(40, missing=missing, mask=mask)
    queries = make.split(9, seed=1, mask=mask[:9]).queries
    demand_same_answers(name, parameters, training, queries)
    demand_same_answers(name, parameters, training, make.take(queries, [4]))


@pytest.mark.parametrize("modality", [0, 1])
def test_a_cross_modal_router_that_saw_one_modality_is_saved_with_that_one(modality, make):
    mask = np.zeros((20, 2), dtype=bool)
    mask[:, modality] = True
    demand_same_answers("cmr", NETWORKS["cmr"][0], make.split(20, mask=mask), make.split(7, seed=1).queries)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_a_state_is_plain_data_that_says_the_same_once_restored(name, parameters, make):
    training = make.split(30, missing=0.1)
    training.validation[::3] = True
    fitted = component(ROUTERS, name)(**parameters).fit(training)
    assert isinstance(fitted, Saveable)
    for value in fitted.state().values():
        if isinstance(value, np.ndarray):
            assert value.dtype.kind in "bif"
        else:
            json.dumps(value, allow_nan=False)
    first, second = through_a_file(fitted.state()), saved_again(name, parameters, fitted).state()
    assert list(first) == list(second)
    for key, value in first.items():
        assert (
            np.array_equal(value, second[key], equal_nan=True)
            if isinstance(value, np.ndarray)
            else (value == second[key])
        )


@pytest.mark.parametrize("name", ALL)
def test_what_was_not_fitted_cannot_be_saved(name):
    with pytest.raises(MMRError, match="has not been fitted"):
        component(ROUTERS, name)(**ALL[name][0]).state()


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_no_damaged_state_is_taken(name, parameters, make):
    training = make.split(30)
    training.validation[::3] = True
    fitted = component(ROUTERS, name)(**parameters).fit(training)
    state = through_a_file(fitted.state())
    fresh = component(ROUTERS, name)
    with pytest.raises(DataError, match="'stranger' is unknown"):
        fresh(**parameters).restore({**state, "stranger": 1})
    for key, value in state.items():
        with pytest.raises(DataError, match=f"'{key}' is missing"):
            fresh(**parameters).restore({k: v for k, v in state.items() if k != key})
        for worse in damaged(value):
            with pytest.raises(DataError, match="state is not what it wrote"):
                fresh(**parameters).restore({**state, key: worse})


def damaged(value):
    """Values that stand where `value` does and cannot be meant."""
    if not isinstance(value, np.ndarray):
        return [None, {"a": 1}, [1]]
    worse = [None, "text", value[None], value.astype(np.complex128)]
    if value.dtype.kind == "f":
        worse += [value.astype(np.float16), np.full_like(value, np.inf)]
    return worse


@pytest.mark.parametrize(("name", "parameters"), FUSION_CASES)
@pytest.mark.parametrize("seen", [(True, True), (True, False), (False, True)])
def test_a_fusion_transforms_as_before_it_was_saved(name, parameters, seen, make):
    mask = np.tile(seen, (20, 1))
    training = make.split(20, text=6, image=6, mask=mask).queries.embeddings
    queries = make.split(20, text=6, image=6, seed=1).queries.embeddings
    fitted = component(FUSIONS, name)(**parameters).fit(training)
    assert isinstance(fitted, Saveable)
    again = component(FUSIONS, name)(**parameters).restore(through_a_file(fitted.state()))
    assert fitted.transform(queries).tobytes() == again.transform(queries).tobytes()
    with pytest.raises(DataError, match="'stranger' is unknown"):
        again.restore({**fitted.state(), "stranger": 1})


def test_a_tfidf_encoder_encodes_as_before_it_was_saved():
    encoder = importlib.import_module("mmr_plugins.encoders.tfidf").TfidfEncoder
    texts = ["How many apples are 2 and 3?", "Is x² > y?", "ça va, how ABOUT you", "apples and pears"]
    for dimensions in (3, 64):
        fitted = encoder(dimensions=dimensions).fit(texts)
        state = through_a_file(fitted.state())
        again = encoder(dimensions=dimensions).restore(state)
        asked = [*texts, "", "never seen", "pears are apples"]
        assert again.fingerprint == fitted.fingerprint
        assert again.encode_text(asked).tobytes() == fitted.encode_text(asked).tobytes()
        words = state["vocabulary"]
        for worse in ({"vocabulary": [words[0], *words[:-1]]}, {"rarity": state["rarity"][:-1]}, {"training": 3}):
            with pytest.raises(DataError, match="state is not what it wrote"):
                encoder(dimensions=dimensions).restore({**state, **worse})
    with pytest.raises(MMRError, match="before it was fitted"):
        encoder().state()
