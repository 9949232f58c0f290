"""A router from a file answers as it did before, and as an evaluation of it; files that do not fit are refused."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.errors import DataError, DegenerateError, FeatureError, UnknownNameError, UsageError
from mmr_core.features import EncodedFeatures
from mmr_core.numerics.sweep import budget_sweep, choose
from mmr_core.runner.fit import build_queries
from mmr_core.runner.policies import ask
from mmr_core.trained import DecisionRule, Query, decide, decision_rule, load, save
from mmr_core.trained.archive import packed, unpacked
from mmr_core.trained.inference import _features, _within_budget
from mmr_core.trained.trained_manifest import TITLE

ALWAYS = DecisionRule(kind="trade-off", value=0.3)


@pytest.fixture
def reopened(tmp_path, known):
    """A function that saves a trained router and loads it again."""

    def reopen(trained, **how):
        save(trained, tmp_path / "router.mmr")
        return load(tmp_path / "router.mmr", known.registry, **how)

    return reopen


def numbers(answer):
    return [(one.utility, one.cost, one.probability) for one in answer.forecasts]


def queries_of(table, rows):
    return [Query(question=table.question[i], image=table.image[i]) for i in rows]


@pytest.mark.parametrize("router", ["kmeans", "knn", "linear", "linear-mf", "random"])
def test_a_loaded_router_answers_bit_for_bit_as_before_it_was_saved(router, pictured, learned_from, reopened):
    trained = learned_from(pictured, router)
    again = reopened(trained)
    for query in [*queries_of(pictured, range(5)), Query(question="only this?"), Query(image=pictured.image[7])]:
        before, after = decide(trained, query, ALWAYS), decide(again, query, ALWAYS)
        assert before == after
        assert numbers(before) == numbers(after)


@pytest.mark.parametrize("router", ["kmeans", "knn", "linear", "linear-mf"])
def test_a_query_alone_has_the_features_and_the_answer_that_it_has_in_an_evaluation(
    router, pictured, learned_from, known
):
    trained = learned_from(pictured, router)
    rows = np.arange(60)
    encoder = known.registry.encoders.create("lite")
    source = EncodedFeatures(text_encoder=encoder, image_encoder=encoder)
    together = source.features(pictured.take(rows), np.zeros(60, dtype=bool))
    queries = build_queries(together, [f"q{i}" for i in rows], pictured.models, trained.fusion)
    policy = ask(trained.router, queries, trained.manifest.cost_scale, router)
    for i, query in enumerate(queries_of(pictured, rows)):
        alone, _ = _features(trained, replace(query, scenario=together.light.scenario[i]))
        for part in ("text", "image", "norms", "mask"):
            one = getattr(together.embeddings, part)[i : i + 1]
            assert getattr(alone.embeddings, part).tobytes() == one.tobytes()
            assert getattr(alone.embeddings, part).dtype == one.dtype
        assert (alone.light.text_length, alone.light.scenario) == (
            together.light.text_length[i],
            (together.light.scenario[i],),
        )
        assert alone.light.image_size.tolist() == together.light.image_size[i : i + 1].tolist()
        assert (alone.questions, alone.images) == (together.questions[i : i + 1], together.images[i : i + 1])
        answer = decide(trained, query, ALWAYS)
        np.testing.assert_allclose([n[0] for n in numbers(answer)], policy.pred_utility[i], rtol=1e-9)
        cost = policy.pred_cost[i] * trained.manifest.cost_scale
        np.testing.assert_allclose([n[1] for n in numbers(answer)], cost, rtol=1e-9)
        chosen = choose(policy.pred_utility[i : i + 1], policy.pred_cost[i : i + 1], ALWAYS.value)[0]
        assert answer.model == pictured.models[chosen].name


def test_a_fitted_encoder_and_unequal_widths_come_back(pictured, learned_from, reopened):
    for align, width in (("pad", 256), ("truncate", 40)):
        trained = learned_from(pictured, "linear", text="tfidf", align=align, parameters={"tfidf": {"dimensions": 40}})
        again = reopened(trained)
        assert trained.manifest.features.width == width
        assert [entry.modalities for entry in trained.manifest.features.encoders] == [["text"], ["image"]]
        for query in (
            Query(question=pictured.question[0], image=pictured.image[0]),
            Query(question=pictured.question[0]),
            Query(image=pictured.image[0]),
        ):
            assert decide(trained, query, ALWAYS) == decide(again, query, ALWAYS)


def test_a_router_of_one_modality_says_that_it_looks_at_no_other(pictured, learned_from, reopened):
    trained = reopened(learned_from(pictured, "knn", modality="text"))
    both = decide(trained, Query(question="what?", image=Path("no/such.png")), ALWAYS)
    assert both.seen == ("text",)
    assert both == decide(trained, Query(question="what?"), ALWAYS)
    with pytest.raises(DegenerateError, match="no question"):
        decide(trained, Query(question="  ", image=pictured.image[0]), ALWAYS)


def test_a_query_without_anything_or_with_a_broken_image_is_refused(pictured, learned_from, tmp_path):
    trained = learned_from(pictured)
    with pytest.raises(DegenerateError, match="has no question or image"):
        decide(trained, Query(question=" \n"), ALWAYS)
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictured.image[0].read_bytes()[:60])
    for path in (broken, tmp_path / "absent.png", tmp_path):
        with pytest.raises(FeatureError, match=f"{path.name}: the image cannot be opened"):
            decide(trained, Query(question="what?", image=path), ALWAYS)


def test_scenarios_are_the_only_one_of_the_training_or_what_the_query_says(pictured, learned_from):
    both, one = learned_from(pictured), learned_from(pictured, datasets=["beta"])
    assert _features(both, Query(question="a"))[0].light.scenario == ("unknown",)
    assert _features(one, Query(question="a"))[0].light.scenario == ("ocr",)
    assert _features(one, Query(question="a", scenario="math"))[0].light.scenario == ("math",)


def slow_within_budget(utility, cost, budget):
    best = None
    for j, (u, c) in enumerate(zip(utility, cost, strict=True)):
        if c <= budget and (best is None or (u, -c) > (utility[best], -cost[best])):
            best = j
    if best is not None:
        return best, True
    return min(range(len(cost)), key=lambda j: (cost[j], -utility[j], j)), False


@given(
    utility=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=5),
    data=st.data(),
)
@settings(max_examples=200, deadline=None)
def test_a_budget_buys_the_best_that_it_can_and_else_the_cheapest(utility, data):
    cost = data.draw(st.lists(st.sampled_from([-1.0, 0.0, 1.0, 2.0]), min_size=len(utility), max_size=len(utility)))
    budget = data.draw(st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    u, c = np.array(utility), np.array(cost)
    chosen, within = _within_budget(u, c, budget)
    assert (chosen, within) == slow_within_budget(utility, cost, budget)
    truth = np.eye(len(u))[None, :, :]  # for each model, an outcome that tells whether it was chosen
    for j in range(len(u)):
        curve = budget_sweep(u[None], c[None], truth[:, j], np.zeros((1, len(u))))
        at = int(np.searchsorted(curve.budget, budget, side="right")) - 1
        assert curve.utility[at] == (chosen == j)


def test_rules(pictured, learned_from):
    trained = learned_from(pictured)
    point = trained.manifest.operating_point.trade_off
    assert decision_rule(trained, budget=None, trade_off=None) == DecisionRule(kind="operating point", value=point)
    assert decision_rule(trained, budget=0.5, trade_off=None) == DecisionRule(kind="budget", value=0.5)
    assert decision_rule(trained, budget=None, trade_off=float("inf")) == DecisionRule(
        kind="trade-off", value=float("inf")
    )
    for wrong in ({"budget": 1.0, "trade_off": 1.0}, {"budget": -1.0}, {"trade_off": float("nan")}):
        with pytest.raises(UsageError):
            decision_rule(trained, **{"budget": None, "trade_off": None, **wrong})
    query = queries_of(pictured, [3])[0]
    costs = [one.cost for one in decide(trained, query, ALWAYS).forecasts]
    cheapest = pictured.models[int(np.argmin(costs))].name
    assert decide(trained, query, decision_rule(trained, budget=None, trade_off=float("inf"))).model == cheapest
    poor = decide(trained, query, decision_rule(trained, budget=0.0, trade_off=None))
    assert (poor.model, poor.within_budget) == (cheapest, False)
    rich = decide(trained, query, decision_rule(trained, budget=1e3, trade_off=None))
    assert rich.within_budget is True
    assert max(one.utility for one in rich.forecasts) == next(
        o.utility for o in rich.forecasts if o.model == rich.model
    )
    assert decide(trained, query, ALWAYS).within_budget is None


def test_a_router_that_only_decides_draws_a_model_of_each_query_and_keeps_to_no_budget(pictured, learned_from):
    trained = learned_from(pictured, "random")
    with pytest.raises(UsageError, match="cannot keep a budget"):
        decision_rule(trained, budget=1.0, trade_off=None)
    answers = [decide(trained, Query(question=f"question {i}"), ALWAYS) for i in range(400)]
    assert numbers(answers[0]) == [(None, None, 0.25)] * 4
    counts = [sum(a.model == model.name for a in answers) for model in pictured.models]
    assert min(counts) > 60
    assert answers[:20] == [decide(trained, Query(question=f"question {i}"), ALWAYS) for i in range(20)]


def rewritten(trained, tmp_path, change):
    """The path of a file whose manifest and arrays were changed."""
    save(trained, tmp_path / "router.mmr")
    document, arrays = unpacked((tmp_path / "router.mmr").read_bytes(), TITLE)
    change(document, arrays)
    (tmp_path / "other.mmr").write_bytes(packed(TITLE, document, arrays))
    return tmp_path / "other.mmr"


def setting(*path_and_value):
    *path, last, value = path_and_value

    def change(document, arrays):
        for step in path:
            document = document[step]
        document[last] = value

    return change


def array(name, value):
    return lambda document, arrays: arrays.update({name: value(arrays.get(name))})


DAMAGE = {
    "another format": (setting("schema_version", 2), "has format 2, and this program reads format 1"),
    "no format": (lambda d, a: d.pop("schema_version"), "schema_version: Field required"),
    "unknown field": (setting("surprise", 1), "surprise: Extra inputs"),
    "missing field": (lambda d, a: d.pop("pool"), "pool: Field required"),
    "wrong type": (setting("cost_scale", "1"), "cost_scale: Input should be a valid number"),
    "no cost scale": (setting("cost_scale", 0), "cost_scale: Input should be greater than 0"),
    "empty pool": (setting("pool", []), "pool: List should have at least 1 item"),
    "impossible model": (setting("pool", 0, "name", "a,b"), "its pool is invalid"),
    "smaller pool": (lambda d, a: d["pool"].pop(), "its parts do not fit together"),
    "other encoder": (
        setting("features", "encoders", 0, "fingerprint", "x"),
        "fingerprint 'lite-1.* here and had 'x' in",
    ),
    "no encoder": (setting("features", "encoders", []), "encoders: List should have at least 1 item"),
    "half an encoder": (
        setting("features", "encoders", 0, "modalities", ["text"]),
        "encoders for image and text, got text",
    ),
    "other width": (setting("features", "width", 64), "its parts do not fit together"),
    "no array": (lambda d, a: a.pop("router/unit"), "router 'knn': .*'unit' is missing"),
    "an array too many": (array("router/more", lambda old: np.zeros(2)), "'more' is unknown"),
    "a stranger's array": (array("nobody/more", lambda old: np.zeros(2)), "'nobody/more' that no component uses"),
    "other shape": (array("router/unit", lambda old: old[1:]), "'utility': expected shape"),
    "other type": (array("router/unit", lambda old: old.astype("f4")), "'unit': expected float64, got float32"),
    "infinite": (array("router/unit", lambda old: np.full_like(old, np.inf)), "numbers that are not finite"),
    "state is no array": (
        lambda d, a: (a.pop("router/unit"), d["router"]["state"].update(unit=[1])),
        "'unit': expected an array",
    ),
    "narrow prototype": (array("fusion/text_prototype", lambda old: old[1:]), "its parts do not fit together"),
    "a list": (lambda d, a: None, None),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_file_that_is_not_what_was_written_is_refused_in_one_line(name, pictured, learned_from, known, tmp_path):
    change, reason = DAMAGE[name]
    path = rewritten(learned_from(pictured, "knn"), tmp_path, change)
    if reason is None:
        path.write_bytes(packed(TITLE, [1], {}))
        reason = "is not a trained router"
    with pytest.raises(DataError, match=reason) as caught:
        load(path, known.registry)
    assert "other.mmr" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_component_that_is_not_installed_is_named(pictured, learned_from, known, tmp_path):
    path = rewritten(learned_from(pictured), tmp_path, setting("router", "canonical_id", "nobody/knn"))
    with pytest.raises(UnknownNameError, match="nobody/knn"):
        load(path, known.registry)


def test_another_version_of_a_component_is_warned_of(pictured, learned_from, known, tmp_path):
    path = rewritten(learned_from(pictured), tmp_path, setting("router", "version", "0.0.1"))
    lines = []
    load(path, known.registry, warn=lines.append)
    assert len(lines) == 1
    assert "router 'mmr-bench/knn' has version" in lines[0]
    assert "had 0.0.1 in training" in lines[0]


def test_what_a_file_holds_can_be_read_without_us(pictured, learned_from, tmp_path):
    save(learned_from(pictured), tmp_path / "router.mmr")
    with zipfile.ZipFile(tmp_path / "router.mmr") as file:
        assert json.loads(file.read(TITLE))["router"]["canonical_id"] == "mmr-bench/knn"
        for name in file.namelist()[1:]:
            np.load(BytesIO(file.read(name)), allow_pickle=False)
