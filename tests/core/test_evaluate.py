"""The protocol end to end on small tables, with routers, fusions and encoders that watch what they are handed."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmr_core.contracts import Decisions, Prediction
from mmr_core.errors import DataError, DegenerateError, UnknownNameError, UsageError
from mmr_core.evaluate import Entrant, Options, columns_of, evaluate
from mmr_core.evaluate.run import all_entrants, run_paper
from mmr_core.features import EncodedFeatures
from mmr_core.plugins import Contribution, Discovery, Provider
from mmr_core.registry import Registry
from mmr_core.specs import ComponentSpec, DatasetSpec
from mmr_core.splits import train_mask, validation_mask
from mmr_core.sweep import choose, lambda_sweep

HANDED: list[Any] = []


class WordCounts:
    """An encoder of both modalities without dependencies."""

    modalities = ("text", "image")
    fingerprint = "word-counts"

    def encode_text(self, texts):
        HANDED.append(texts)
        return np.array([[len(text), text.count("proof"), text.count("sum"), 1.0] for text in texts], dtype=np.float32)

    def encode_image(self, paths):
        HANDED.append(paths)
        return np.array([[path.stat().st_size, 1.0, 0.0, 2.0] for path in paths], dtype=np.float32)


class Side:
    """A fusion that puts embeddings side by side."""

    def fit(self, embeddings):
        HANDED.append(embeddings)
        return self

    def transform(self, embeddings):
        HANDED.append(embeddings)
        parts = [part for part in (embeddings.text, embeddings.image) if part is not None]
        return np.concatenate(parts, axis=1)


class Mean:
    """Predicts training means, shifted a little by the length of the question."""

    default_fusion = "side"

    def __init__(self, *, seed: int = 0, tilt: float = 0.0) -> None:
        self.seed = seed
        self.tilt = tilt

    def fit(self, training):
        HANDED.append(training)
        self.utility = np.nanmean(training.utility, axis=0)
        self.cost = np.nanmean(training.cost, axis=0)
        return self

    def predict(self, queries):
        HANDED.append(queries)
        n = len(queries)
        tilt = self.tilt * queries.z[:, :1] * np.arange(len(self.utility))
        return Prediction(
            utility=np.tile(self.utility, (n, 1)) + tilt + self.seed * 1e-3, cost=np.tile(self.cost, (n, 1))
        )


class Coin:
    """A policy router: the last model up to weight 1, any model beyond."""

    default_fusion = None

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, training):
        self.models = training.utility.shape[1]
        return self

    def decide(self, queries, trade_off):
        n = len(queries)
        if trade_off <= 1:
            return Decisions(choice=np.full(n, self.models - 1))
        return Decisions(probabilities=np.full((n, self.models), 1 / self.models))


class Raises(Mean):
    def predict(self, queries):
        raise SystemExit("giving up")


class Breaks(Mean):
    """Answers with whatever `answer` makes of a good prediction."""

    answer = staticmethod(lambda good: good)

    def predict(self, queries):
        return type(self).answer(super().predict(queries))


class BreaksDecision(Coin):
    answer = staticmethod(lambda n, models: None)

    def decide(self, queries, trade_off):
        return type(self).answer(len(queries), self.models)


@pytest.fixture
def registry(monkeypatch) -> Registry:
    module = types.ModuleType("watching_plugin")
    module.__dict__.update({c.__name__: c for c in (Mean, Coin, Raises, Breaks, BreaksDecision, Side, WordCounts)})
    monkeypatch.setitem(sys.modules, "watching_plugin", module)
    provider = Provider(plugin="watch", distribution="mmr-watch", version="0.1")
    kinds = {
        "mean": "Mean",
        "coin": "Coin",
        "raises": "Raises",
        "breaks": "Breaks",
        "breaks-decision": "BreaksDecision",
    }
    specs = [
        ComponentSpec(kind="router", name=name, target=f"watching_plugin:{target}", summary="")
        for name, target in kinds.items()
    ]
    specs.append(ComponentSpec(kind="fusion", name="side", target="watching_plugin:Side", summary=""))
    contributions = tuple(Contribution(word=spec.kind, spec=spec, provider=provider) for spec in specs)
    HANDED.clear()
    return Registry(Discovery(providers=(provider,), contributions=contributions, failures=()))


@pytest.fixture
def source() -> EncodedFeatures:
    encoder = WordCounts()
    return EncodedFeatures(text_encoder=encoder, image_encoder=encoder)


def run(table, registry, source, *names, dataset="alpha", **options):
    return evaluate(
        table,
        table.spec_of(dataset),
        [Entrant(name=name) for name in names],
        source=source,
        registry=registry,
        options=Options(**{"draws": 20, **options}),
    )


def reachable(root: Any) -> Iterator[Any]:
    """Everything that can be reached by attributes, containers and the bases of arrays."""
    seen: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType | types.FunctionType):
            continue
        seen[id(thing)] = thing
        yield thing
        if isinstance(thing, np.ndarray):
            waiting.append(thing.base)
            waiting.extend(thing.ravel() if thing.dtype == object else [])
        elif isinstance(thing, dict):
            waiting.extend([*thing.keys(), *thing.values()])
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting.extend(thing)
        elif not isinstance(thing, str | bytes | int | float | Path):
            waiting.extend(getattr(thing, "__dict__", {}).values())
            waiting.extend(getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ()))


def numbers_in(root: Any) -> set[float]:
    found: set[float] = set()
    for thing in reachable(root):
        if isinstance(thing, float):
            found.add(thing)
        elif isinstance(thing, np.ndarray | np.generic) and thing.dtype.kind == "f":
            found.update(np.asarray(thing, dtype=np.float64).ravel().tolist())
    return found


def with_unique_outcomes(table):
    """The same table with outcomes that occur nowhere else, so that each can be told by its value."""
    rng = np.random.default_rng(5)
    shape = table.utility.shape
    return dataclasses.replace(table, utility=rng.random(shape), cost=rng.random(shape))


def test_nothing_a_plugin_is_handed_leads_to_a_test_outcome(table, registry, source):
    own = with_unique_outcomes(table(models=3, instances=80, datasets=("alpha",), images=True))
    column = run(own, registry, source, "mean", "coin", seeds=(0, 1))
    assert column.failures == ()
    train = train_mask(own.dataset, own.instance_id)
    test_outcomes = set(np.concatenate([own.utility[~train].ravel(), own.cost[~train].ravel()]).tolist())
    train_outcomes = set(own.utility[train].ravel().tolist())
    seen = numbers_in(HANDED)
    assert train_outcomes <= seen
    assert not test_outcomes & seen


def test_nothing_a_plugin_is_handed_names_the_dataset_or_holds_an_answer(table, registry, source):
    own = table(models=3, instances=80, datasets=("secretname",), images=True)
    own = dataclasses.replace(own, answer=np.array([f"answer-{i}" for i in range(80)], dtype=object))
    run(own, registry, source, "mean", dataset="secretname")
    words = [thing for thing in reachable(HANDED) if isinstance(thing, str)]
    assert any("show?" in word for word in words)
    assert not [word for word in words if "secretname" in word or "answer-" in word]


def test_a_fit_that_chooses_the_operating_point_sees_no_validation_row(table, registry, source):
    own = table(models=3, instances=300, datasets=("alpha",))
    run(own, registry, source, "mean")
    trainings = [thing for thing in HANDED if hasattr(thing, "validation")]
    validation = validation_mask(own.dataset, own.instance_id)
    train = train_mask(own.dataset, own.instance_id)
    assert [len(t) for t in trainings] == [(train & ~validation).sum(), train.sum()]
    assert [int(t.validation.sum()) for t in trainings] == [0, validation.sum()]
    assert trainings[0].cost_scale == trainings[1].cost_scale == own.cost[train].max()


def test_a_router_that_mutates_what_it_is_handed_does_not_disturb_the_next(table, registry, source, monkeypatch):
    own = table(models=3, instances=100, datasets=("alpha",))
    alone = run(own, registry, source, "mean").whole.row("mean")

    def vandal(self, training):
        training.utility[:] = 0
        training.queries.z[:] = 0
        return Coin.__dict__["fit"](self, training)

    monkeypatch.setattr(Raises, "fit", vandal)
    monkeypatch.setattr(Raises, "predict", Mean.predict)
    beside = run(own, registry, source, "raises", "mean").whole.row("mean")
    assert beside.metrics == alone.metrics


def test_the_curve_of_a_router_is_the_sweep_of_its_predictions_on_the_test_split(table, registry, source):
    own = table(models=3, instances=200, datasets=("alpha",))
    row = run(own, registry, source, "mean").whole.row("mean")
    train = train_mask(own.dataset, own.instance_id)
    utility, cost = own.utility[~train], own.cost[~train]
    means = own.utility[train].mean(axis=0), own.cost[train].mean(axis=0)
    n = len(utility)
    curve = lambda_sweep(np.tile(means[0], (n, 1)), np.tile(means[1], (n, 1)), utility, cost)
    assert set(np.round(row.curves[0].cost, 15)) <= set(np.round(curve.cost, 15))
    assert row.metrics["nauc"].value == pytest.approx(
        next(r for r in run(own, registry, source, "mean").whole.rows if r.name == "constant").metrics["nauc"].value
    )
    assert row.metrics["skill"].value == pytest.approx(0, abs=1e-9)


def test_references_bound_the_routers(table, registry, source):
    whole = run(table(models=4, instances=300, datasets=("alpha",)), registry, source, "mean", "coin").whole
    nauc = {row.name: row.metrics["nauc"].value for row in whole.rows}
    assert nauc["oracle"] == max(nauc.values())
    assert whole.row("oracle").metrics["skill"].value == 1
    assert whole.row("constant").metrics["skill"].value == 0
    assert whole.row("oracle-cost-unaware").metrics["peak"].value == pytest.approx(
        whole.row("oracle").metrics["peak"].value
    )
    assert {f"model:m{j}" for j in range(4)} <= set(nauc) or sum(name.startswith("model:") for name in nauc) == 4


def test_the_best_single_model_reaches_itself_at_its_own_cost(table, registry, source):
    whole = run(table(models=4, instances=300, datasets=("alpha",)), registry, source).whole
    row = whole.row("best-single")
    assert row.metrics["peak"].value == pytest.approx(whole.within.best_utility)
    assert row.metrics["qnc"].value == 1


def test_the_chosen_operating_point_comes_from_validation(table, registry, source):
    own = table(models=3, instances=400, datasets=("alpha",))
    row = run(own, registry, source, "mean").whole.row("mean")
    train = train_mask(own.dataset, own.instance_id)
    held_out = validation_mask(own.dataset, own.instance_id)
    fit = train & ~held_out
    scale = own.cost[train].max()

    def predicted(rows, n):
        return np.tile(own.utility[rows].mean(axis=0), (n, 1)), np.tile(own.cost[rows].mean(axis=0) / scale, (n, 1))

    curve = lambda_sweep(*predicted(fit, held_out.sum()), own.utility[held_out], own.cost[held_out])
    best = min(range(len(curve.cost)), key=lambda i: (-round(curve.utility[i], 12), curve.cost[i]))
    ends = [*curve.trade_off[1:], None]
    left = curve.trade_off[best]
    weight = (left + ends[best]) / 2 if ends[best] is not None else (2 * left or 1.0)
    assert row.chosen["trade_off"].value == pytest.approx(weight)
    n = (~train).sum()
    chosen = choose(*predicted(train, n), weight)
    assert row.chosen["utility"].value == pytest.approx(own.utility[~train][np.arange(n), chosen].mean())
    assert row.chosen["cost"].value == pytest.approx(own.cost[~train][np.arange(n), chosen].mean())


def test_without_a_validation_instance_there_is_no_chosen_point_and_a_reason(table, registry, source):
    own = table(models=3, instances=400, datasets=("alpha",))
    own = own.take(~validation_mask(own.dataset, own.instance_id))
    chosen = run(own, registry, source, "mean").whole.row("mean").chosen
    assert chosen["utility"].value is None
    assert chosen["utility"].reason == "no complete validation instance"


def test_the_order_of_the_file_changes_no_number(table, registry, source):
    own = table(models=3, instances=200, datasets=("alpha",))
    shuffled = own.take(np.random.default_rng(0).permutation(200))
    first, second = (run(t, registry, source, "mean").whole.row("mean") for t in (own, shuffled))
    assert first.metrics == second.metrics


def test_seeds_are_averaged(table, registry, source):
    own = table(models=3, instances=200, datasets=("alpha",))
    each = [run(own, registry, source, "mean", seeds=(s,)).whole.row("mean").metrics["peak"].value for s in (0, 1)]
    both = run(own, registry, source, "mean", seeds=(0, 1)).whole.row("mean")
    assert both.metrics["peak"].value == pytest.approx(np.mean(each))
    assert len(both.curves) == 2


def test_two_processes_give_the_numbers_of_one(table, source):
    own = table(models=3, instances=200, datasets=("alpha",))
    registry = Registry.discover()
    entrants = [Entrant(name="linear"), Entrant(name="kmeans", parameters={"clusters": 3})]
    results = [
        evaluate(
            own, own.spec_of("alpha"), entrants, source=source, registry=registry, options=Options(draws=10), jobs=j
        )
        for j in (1, 2)
    ]
    assert [row.metrics for row in results[0].whole.rows] == [row.metrics for row in results[1].whole.rows]


def test_a_mixture_is_fitted_once_and_its_slices_are_reported(table, registry, source):
    own = table(models=3, instances=400, datasets=("alpha", "beta"))
    mixture = DatasetSpec(
        name="both", title="Both", scenario="mixture", modalities=("text",), members=("alpha", "beta")
    )
    column = evaluate(own, mixture, [Entrant(name="mean")], source=source, registry=registry, options=Options(draws=10))
    assert column.members == ("alpha", "beta")
    assert [part.name for part in column.slices] == ["alpha", "beta"]
    assert sum(part.instances for part in column.slices) == column.whole.instances
    assert len([thing for thing in HANDED if hasattr(thing, "validation")]) == 2


def test_categories_are_reported_where_the_table_has_them(table, registry, source):
    own = table(models=3, instances=300, datasets=("alpha",))
    own = dataclasses.replace(own, category=np.array(["even", "odd"] * 150, dtype=object))
    column = run(own, registry, source, "mean")
    assert [(part.name, part.kind) for part in column.slices] == [("even", "category"), ("odd", "category")]


def test_a_category_that_cannot_be_measured_is_skipped_with_its_reason(table, registry, source):
    own = table(models=2, instances=300, datasets=("alpha",))
    names = np.array(["most"] * 300, dtype=object)
    lonely = np.flatnonzero(~train_mask(own.dataset, own.instance_id))[0]
    names[lonely] = "lonely"
    cost = own.cost.copy()
    cost[lonely] = 1e-6
    own = dataclasses.replace(own, category=names, cost=cost)
    assert "cost the same" in run(own, registry, source, "mean").skipped["lonely"]


def test_incomplete_test_instances_are_left_out_and_counted(table, registry, source):
    own = table(models=3, instances=400, datasets=("alpha",))
    utility = own.utility.copy()
    gone = np.flatnonzero(~train_mask(own.dataset, own.instance_id))[:4]
    utility[gone, 1] = np.nan
    column = run(dataclasses.replace(own, utility=utility), registry, source, "mean")
    [gap] = column.left_out
    assert (gap.instances, gap.models) == (4, {own.models[1].name: 4})
    assert column.whole.instances == column.test - 4


def test_too_many_incomplete_test_instances_are_refused_unless_allowed(table, registry, source):
    own = table(models=3, instances=400, datasets=("alpha",), missing=0.1)
    with pytest.raises(DataError, match=r"test instances \(\d+\.\d%\) lack an outcome.*--allow-incomplete"):
        run(own, registry, source, "mean")
    assert run(own, registry, source, "mean", allow_incomplete=True).whole.instances > 0


def test_a_router_that_gives_up_is_reported_and_the_others_go_on(table, registry, source):
    column = run(table(models=3, instances=100, datasets=("alpha",)), registry, source, "raises", "mean")
    [failure] = column.failures
    assert (failure.router, failure.reason) == ("raises", "SystemExit: giving up")
    assert "Traceback" in failure.traceback
    assert column.whole.row("mean").metrics["nauc"].value is not None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda good: good.utility, "not a Prediction"),
        (lambda good: Prediction(utility=good.utility[:, :1], cost=good.cost), "predicted utility of shape"),
        (lambda good: Prediction(utility=good.utility, cost=good.cost * np.nan), "cost that is not finite"),
    ],
)
def test_a_prediction_that_breaks_the_contract_is_a_failure_that_says_how(
    table, registry, source, monkeypatch, answer, message
):
    monkeypatch.setattr(Breaks, "answer", staticmethod(answer))
    [failure] = run(table(models=3, instances=100, datasets=("alpha",)), registry, source, "breaks").failures
    assert message in failure.reason


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n, models: None, "by choice or by probabilities"),
        (lambda n, models: Decisions(), "by choice or by probabilities"),
        (lambda n, models: Decisions(choice=np.full(n, models)), "one model index from 0 to 2"),
        (lambda n, models: Decisions(choice=np.zeros(n)), "one model index from 0 to 2"),
        (lambda n, models: Decisions(probabilities=np.full((n, models), -1.0)), "finite and not negative"),
        (lambda n, models: Decisions(probabilities=np.full((n, models), 1.0)), "do not add up to 1"),
    ],
)
def test_a_decision_that_breaks_the_contract_is_a_failure_that_says_how(
    table, registry, source, monkeypatch, answer, message
):
    monkeypatch.setattr(BreaksDecision, "answer", staticmethod(answer))
    own = table(models=3, instances=100, datasets=("alpha",))
    [failure] = run(own, registry, source, "breaks-decision").failures
    assert message in failure.reason


def test_a_policy_router_is_swept_on_the_grid_and_mixes_by_probability(table, registry, source):
    own = table(models=3, instances=300, datasets=("alpha",))
    column = run(own, registry, source, "coin")
    train = train_mask(own.dataset, own.instance_id)
    reached = column.whole.row("coin").curves[0]
    assert reached.cost.max() == pytest.approx(own.cost[~train][:, 2].mean())
    assert reached.cost.min() == pytest.approx(own.cost[~train].mean())


def test_no_router_takes_the_place_of_a_reference(table, registry, source):
    with pytest.raises(UsageError, match="'oracle' is the name of a reference row"):
        run(table(models=3, instances=100, datasets=("alpha",)), registry, source, "oracle")


def test_a_router_named_like_a_reference_enters_under_its_whole_name(registry):
    spec = ComponentSpec(kind="router", name="oracle", target="watching_plugin:Mean", summary="")
    provider = registry.discovery.providers[0]
    contribution = Contribution(word="router", spec=spec, provider=provider)
    found = Registry(Discovery(providers=(provider,), contributions=(contribution,), failures=()))
    assert [entrant.name for entrant in all_entrants(found.routers)[0]] == ["mmr-watch/oracle"]


def test_a_table_of_one_model_is_refused_before_anything_is_fitted(table, registry, source):
    with pytest.raises(DegenerateError, match="one model"):
        run(table(models=1, instances=100, datasets=("alpha",)), registry, source, "mean")
    assert not [thing for thing in HANDED if hasattr(thing, "validation")]


def test_an_empty_training_split_is_a_named_error(table, registry, source):
    own = table(models=3, instances=100, datasets=("alpha",))
    with pytest.raises(DegenerateError, match="training split"):
        run(own.take(~train_mask(own.dataset, own.instance_id)), registry, source, "mean")


def test_a_test_split_without_a_complete_instance_is_a_named_error(table, registry, source):
    own = table(models=3, instances=100, datasets=("alpha",))
    utility = own.utility.copy()
    utility[~train_mask(own.dataset, own.instance_id), 0] = np.nan
    own = dataclasses.replace(own, utility=utility)
    with pytest.raises(DegenerateError, match="no test instance has the outcomes of all models"):
        run(own, registry, source, "mean", allow_incomplete=True)


def test_a_dataset_that_the_table_does_not_have_is_named_with_those_it_has(table, registry, source):
    own = table(models=3, instances=100, datasets=("alpha",))
    other = dataclasses.replace(own.spec_of("alpha"), name="gamma")
    with pytest.raises(UnknownNameError, match="no instance of dataset 'gamma'; it has alpha"):
        evaluate(own, other, [], source=source, registry=registry)


def test_options_without_seeds_or_draws_are_refused():
    with pytest.raises(UsageError, match="no seed"):
        Options(seeds=())
    with pytest.raises(UsageError, match="draws"):
        Options(draws=0)


def test_a_mixture_is_a_column_where_two_of_its_members_are_present(table):
    own = table(datasets=("alpha", "beta"))
    mixture = DatasetSpec(name="both", title="", scenario="mixture", modalities=("text",), members=("alpha", "beta"))
    lonely = DatasetSpec(name="one", title="", scenario="mixture", modalities=("text",), members=("alpha", "gamma"))
    assert [spec.name for spec in columns_of(own, [mixture, lonely])] == ["alpha", "beta", "both"]


def whole_run(table, registry, source, datasets):
    return run_paper(
        table,
        datasets,
        [Entrant(name="mean"), Entrant(name="coin")],
        source=source,
        registry=registry,
        options=Options(draws=30),
    )


def test_a_run_averages_scenarios_first_over_datasets_and_then_over_scenarios(table, registry, source):
    own = table(models=3, instances=600, datasets=("alpha", "beta", "gamma"))
    specs = tuple(
        dataclasses.replace(spec, scenario="ocr" if spec.name == "gamma" else "math") for spec in own.datasets
    )
    own = dataclasses.replace(own, datasets=specs)
    result = whole_run(own, registry, source, [own.spec_of(name) for name in own.dataset_names])
    nauc = {column.dataset: column.whole.row("mean").metrics["nauc"].value for column in result.columns}
    macros = {
        macro.name: next(row for row in macro.rows if row.name == "mean").metrics["nauc"] for macro in result.macros
    }
    assert macros["math"].value == pytest.approx((nauc["alpha"] + nauc["beta"]) / 2)
    assert macros["all"].value == pytest.approx((macros["math"].value + nauc["gamma"]) / 2)
    assert macros["all"].low <= macros["all"].value <= macros["all"].high


def test_an_average_with_an_infinite_part_is_infinite(table, registry, source):
    own = table(models=3, instances=400, datasets=("alpha", "beta"))
    result = whole_run(own, registry, source, [own.spec_of(name) for name in own.dataset_names])
    parts = [column.whole.row("coin").metrics["qnc"].value for column in result.columns]
    average = next(row for row in result.macros[-1].rows if row.name == "coin").metrics["qnc"].value
    assert average == np.mean(parts)


def test_pairs_are_compared_on_the_same_draws(table, registry, source):
    own = table(models=3, instances=400, datasets=("alpha",))
    result = whole_run(own, registry, source, [own.spec_of("alpha")])
    [pair] = [d for d in result.differences if d.metric == "nauc"]
    rows = {row.name: row for row in result.columns[0].whole.rows}
    gap = rows[pair.first].draws["nauc"] - rows[pair.second].draws["nauc"]
    assert pair.value == pytest.approx(rows[pair.first].metrics["nauc"].value - rows[pair.second].metrics["nauc"].value)
    assert (pair.low, pair.high) == tuple(np.quantile(gap, [0.025, 0.975], method="inverted_cdf"))
    assert pair.decided == (pair.low > 0 or pair.high < 0)


def test_a_column_without_anything_to_measure_is_skipped_unless_it_is_the_only_one(table, registry, source):
    own = table(models=3, instances=400, datasets=("alpha", "beta"))
    flat = own.cost.copy()
    flat[own.dataset == "beta"] = 1e-6
    own = dataclasses.replace(own, cost=flat)
    specs = [own.spec_of(name) for name in own.dataset_names]
    assert "cost the same" in whole_run(own, registry, source, specs).skipped_columns["beta"]
    with pytest.raises(DegenerateError, match="cost the same"):
        whole_run(own, registry, source, specs[1:])


def test_a_run_states_what_is_needed_to_run_it_again(table, registry, source):
    own = table(models=3, instances=200, datasets=("alpha",))
    result = whole_run(own, registry, source, [own.spec_of("alpha")])
    entry = result.lineup[0]
    assert (entry.canonical_id, entry.version, entry.fusion) == ("mmr-watch/mean", "0.1", "side")
    assert entry.parameters == {"tilt": 0.0}
    assert result.data.digest == own.digest()
    assert {"python", "numpy", "scikit-learn", "mmr-bench", "mmr-watch"} <= set(result.versions)


def test_routers_whose_extra_is_missing_are_left_out_of_all_with_the_way_to_get_them(registry):
    spec = ComponentSpec(
        kind="router", name="heavy", target="heavy_impl:Router", summary="", extra="torch", needs="PyTorch"
    )
    provider = registry.discovery.providers[0]
    module = types.ModuleType("heavy_impl")
    module.__getattr__ = lambda name: (_ for _ in ()).throw(ModuleNotFoundError("no torch", name="torch"))
    sys.modules["heavy_impl"] = module
    found = Registry(
        Discovery(
            providers=(provider,),
            contributions=(
                *registry.discovery.contributions,
                Contribution(word="router", spec=spec, provider=provider),
            ),
            failures=(),
        )
    )
    entrants, skipped = all_entrants(found.routers)
    del sys.modules["heavy_impl"]
    assert "heavy" not in [entrant.name for entrant in entrants]
    assert "pip install 'mmr-watch[torch]'" in skipped["heavy"]
