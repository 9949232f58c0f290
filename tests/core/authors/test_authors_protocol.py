"""The rules of the authors' program: order of models, filling, split, and what a router is handed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Self

import numpy as np
import pytest

from mmr_core.authors import (
    authors_metrics,
    authors_oracle,
    authors_order,
    authors_point_metrics,
    authors_split,
    best_single,
    evaluate_authors,
    fill_missing,
    random_points,
    unit_rows,
)
from mmr_core.contracts import Embeddings, Prediction, Queries, TrainingData
from mmr_core.errors import DataError, DegenerateError, PluginError, UsageError
from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.specs import DatasetSpec, ModelSpec

DATASET = DatasetSpec(name="riddles", title="Riddles", scenario="math", modalities=("text", "image"), id_prefix="R")


def table(
    instances: int = 40, columns: tuple[str, ...] = ("b", "a", "B"), missing: float = 0.0, seed: int = 0
) -> OutcomeTable:
    generator = np.random.default_rng(seed)
    shape = (instances, len(columns))
    utility = generator.integers(0, 2, shape).astype(float)
    cost = generator.random(shape)
    utility[generator.random(shape) < missing] = np.nan
    cost[generator.random(shape) < missing] = np.nan
    blank = object_array([""] * instances)
    unknown = np.full(shape, np.nan)
    return OutcomeTable(
        dataset=object_array(["riddles"] * instances),
        instance_id=object_array([f"R_{i}" for i in range(instances)]),
        question=blank,
        answer=blank,
        category=blank,
        image=object_array([None] * instances),
        models=tuple(ModelSpec(name=f"model-{column}", title=column) for column in columns),
        columns=columns,
        utility=utility,
        cost=cost,
        status=np.where(np.isnan(utility + cost), Status.MISSING, Status.OK).astype(np.int8),
        input_tokens=unknown,
        image_tokens=unknown,
        output_tokens=unknown,
        response=None,
        datasets=(DATASET,),
        source="riddles",
    )


def features(instances: int = 40, width: int = 3, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(instances, width)).astype(np.float32)


class SideBySide:
    def fit(self, embeddings: Embeddings) -> Self:
        return self

    def transform(self, embeddings: Embeddings) -> np.ndarray:
        return np.concatenate([part for part in (embeddings.text, embeddings.image) if part is not None], axis=1)


class Remembering:
    """Predicts a function of z, and keeps all it was handed."""

    default_fusion: str | None = "side-by-side"

    def __init__(self, *, seed: int) -> None:
        self.seed = seed

    def fit(self, training: TrainingData) -> Self:
        self.training = training
        return self

    def predict(self, queries: Queries) -> Prediction:
        self.queries = queries
        models = self.training.utility.shape[1]
        return Prediction(utility=queries.z[:, :models], cost=queries.z[:, ::-1][:, :models])


FUSIONS = {"side-by-side": SideBySide}


def remember(kept: list[Remembering], **changes: Any) -> Any:
    def factory(*, seed: int) -> Remembering:
        kept.append(Remembering(seed=seed))
        for name, value in changes.items():
            setattr(kept[-1], name, value)
        return kept[-1]

    return factory


def run(outcomes: OutcomeTable, **changes: Any) -> Any:
    given = {
        "text": features(len(outcomes)),
        "image": features(len(outcomes), width=2, seed=2),
        "routers": [("mine", remember([]))],
        "fusions": FUSIONS,
    }
    return evaluate_authors(outcomes, **{**given, **changes})


def test_models_stand_in_the_order_of_their_column_prefixes_code_point_by_code_point() -> None:
    assert authors_order(["b", "a", "Z", "ä", "a-2", "a2", "a_"]).tolist() == [2, 1, 4, 5, 6, 0, 3]
    result = run(table())
    assert (result.columns, result.models) == (("B", "a", "b"), ("model-B", "model-a", "model-b"))


def test_the_split_is_that_of_scikit_learn() -> None:
    from sklearn.model_selection import train_test_split

    train, test = authors_split(53, 7)
    rows = [f"row {i}" for i in range(53)]
    expected_train, expected_test = train_test_split(rows, train_size=0.2, shuffle=True, random_state=7)
    assert [rows[i] for i in train] == expected_train
    assert [rows[i] for i in test] == expected_test
    assert (len(train), len(test)) == (10, 43)


@pytest.mark.parametrize("instances", [0, 1, 4])
def test_too_few_rows_to_split_are_an_error(instances: int) -> None:
    with pytest.raises(DegenerateError, match="at least 5"):
        authors_split(instances, 42)
    assert len(authors_split(5, 42)[0]) == 1


def test_what_is_missing_becomes_the_mean_of_its_column() -> None:
    utility = np.array([[1.0, np.nan], [0.0, 0.5], [np.nan, 0.25]])
    cost = np.array([[np.nan, 1.0], [2.0, 1.0], [4.0, np.nan]])
    filled_utility, filled_cost = fill_missing(utility, cost)
    assert filled_utility.tolist() == [[1.0, 0.375], [0.0, 0.5], [0.5, 0.25]]
    assert filled_cost.tolist() == [[3.0, 1.0], [2.0, 1.0], [4.0, 1.0]]
    assert np.isnan(utility).sum() == 2


def test_filling_gives_the_digits_that_pandas_gives() -> None:
    import pandas as pd

    generator = np.random.default_rng(4)
    utility, cost = generator.random((2, 500, 3))
    utility[generator.random(utility.shape) < 0.1] = np.nan
    frame = pd.DataFrame(utility)
    expected = frame.apply(lambda column: column.fillna(float(column.dropna().mean())))
    assert np.array_equal(fill_missing(utility, cost)[0], expected.to_numpy())


@pytest.mark.parametrize("what", ["utility", "cost"])
def test_a_model_without_any_value_is_an_error_that_names_it(what: str) -> None:
    arrays = {"utility": np.ones((3, 2)), "cost": np.ones((3, 2))}
    arrays[what][:, 1] = np.nan
    with pytest.raises(DataError, match=f"model 1 has no {what}"):
        fill_missing(**arrays)
    with pytest.raises(DataError, match=f"model 'b' has no {what}"):
        fill_missing(**arrays, names=("a", "b"))


def test_unit_rows_have_norm_one_and_zero_rows_stay_zero() -> None:
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert rows.dtype == np.float32
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


def test_figures_are_those_of_the_predictions_on_the_filled_test_rows() -> None:
    outcomes, kept = table(missing=0.1), []
    order = authors_order(outcomes.columns)
    utility, cost = fill_missing(outcomes.utility[:, order], outcomes.cost[:, order])
    train, test = authors_split(len(outcomes), 42)
    result = run(outcomes, routers=[("oracle", None), ("mine", remember(kept)), ("random", None)])
    best, best_utility, best_cost = best_single(utility[test], cost[test])
    z = np.concatenate([features(), features(width=2, seed=2)], axis=1)[test]
    assert list(result.metrics) == ["oracle", "mine", "random"]
    assert result.metrics["mine"] == authors_metrics(z[:, :3], z[:, ::-1][:, :3], utility[test], cost[test])
    assert result.metrics["oracle"] == authors_oracle(utility[test], cost[test])
    assert result.metrics["random"] == authors_point_metrics(
        *random_points(utility[test], cost[test], 42), best_utility, best_cost
    )
    assert (result.best_model, result.best_utility, result.best_cost) == (
        result.models[best],
        best_utility,
        best_cost,
    )
    assert (result.n_train, result.n_test, result.seed) == (len(train), len(test), 42)
    assert result.filled == np.isnan(outcomes.utility).sum() + np.isnan(outcomes.cost).sum()


def test_a_router_learns_from_the_filled_training_rows_in_split_order() -> None:
    outcomes, kept = table(missing=0.1), []
    run(outcomes, routers=[("mine", remember(kept))], seed=5)
    order, (train, test) = authors_order(outcomes.columns), authors_split(len(outcomes), 5)
    utility, cost = fill_missing(outcomes.utility[:, order], outcomes.cost[:, order])
    training = kept[0].training
    assert kept[0].seed == 5
    assert np.array_equal(training.utility, utility[train])
    assert np.array_equal(training.cost, cost[train])
    assert training.cost_scale == cost[train].max()
    assert not training.validation.any()
    assert np.array_equal(training.queries.embeddings.text, features()[train])
    assert np.array_equal(kept[0].queries.embeddings.image, features(width=2, seed=2)[test])
    assert kept[0].queries.embeddings.norms.dtype == np.float32
    assert [model.name for model in kept[0].queries.pool] == ["model-B", "model-a", "model-b"]


def test_a_zero_row_of_features_is_no_text_and_no_image() -> None:
    kept: list[Remembering] = []
    text = features()
    text[:20] = 0
    run(table(), text=text, image=None, routers=[("mine", remember(kept))])
    _, test = authors_split(40, 42)
    assert kept[0].queries.mask.tolist() == [[bool(row >= 20), False] for row in test]


def test_a_router_without_a_fusion_is_handed_features_of_no_width() -> None:
    kept: list[Remembering] = []
    with pytest.raises(PluginError, match="router 'mine'"):
        run(table(), routers=[("mine", remember(kept, default_fusion=None))])
    assert kept[0].queries.z.shape == (32, 0)


def reachable_arrays(thing: Any) -> Iterator[np.ndarray]:
    if isinstance(thing, np.ndarray):
        yield thing
        if thing.base is not None:
            yield from reachable_arrays(thing.base)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from reachable_arrays(getattr(thing, field.name))
    elif isinstance(thing, tuple | list):
        for part in thing:
            yield from reachable_arrays(part)


def test_no_test_outcome_can_be_reached_from_what_a_router_is_handed() -> None:
    outcomes, kept = table(), []
    run(outcomes, routers=[("mine", remember(kept))])
    _, test = authors_split(len(outcomes), 42)
    secret = set(outcomes.cost[test].ravel())
    handed = [*reachable_arrays(kept[0].training), *reachable_arrays(kept[0].queries)]
    assert len(handed) >= 10
    for array in handed:
        assert not np.shares_memory(array, outcomes.cost)
        assert secret.isdisjoint(np.asarray(array, float).ravel())


def test_routers_cannot_spoil_each_others_features() -> None:
    class Spoiling(Remembering):
        def predict(self, queries: Queries) -> Prediction:
            prediction = super().predict(queries)
            assert queries.embeddings.text is not None
            queries.embeddings.text[:] = 0
            self.training.utility[:] = 0
            return prediction

    alone = run(table(), routers=[("mine", remember([]))]).metrics["mine"]
    assert run(table(), routers=[("bad", Spoiling), ("mine", remember([]))]).metrics["mine"] == alone


def test_progress_tells_how_many_routers_are_done() -> None:
    seen: list[tuple[str, int, int]] = []
    run(
        table(),
        routers=[("random", None), ("oracle", None)],
        progress=lambda task, done, total: seen.append((task, done, total)),
    )
    assert seen == [("authors' protocol", done, 2) for done in range(3)]


def test_features_of_other_rows_types_or_values_are_refused() -> None:
    wrong = features()
    wrong[3, 1] = np.nan
    for array, match in (
        (features(39), "39"),
        (features().astype(float), "float64"),
        (features()[0], r"\(3,\)"),
        (wrong, "NaN"),
    ):
        with pytest.raises(UsageError, match=match):
            run(table(), text=array)


def test_a_fusion_that_nobody_provides_is_named() -> None:
    with pytest.raises(UsageError, match="needs fusion 'other'"):
        run(table(), routers=[("mine", remember([], default_fusion="other"))])


def test_a_router_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="occurs twice"):
        run(table(), routers=[("random", None), ("random", None)])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_router_that_predicts_no_number_is_named(value: float) -> None:
    class Failing(Remembering):
        def predict(self, queries: Queries) -> Prediction:
            return Prediction(utility=np.zeros((len(queries), 3)), cost=np.full((len(queries), 3), value))

    with pytest.raises(PluginError, match="router 'mine': predicted a cost"):
        run(table(), routers=[("mine", Failing)])
