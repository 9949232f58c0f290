"""k-means with means on the validation part against a loop that does what Eq. 4 says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from mmr_core.contracts import Embeddings, LightFeatures, Queries, TrainingData
from mmr_core.errors import DegenerateError, UsageError
from mmr_core.specs import ModelSpec
from mmr_plugins.routers.kmeans import KMeansRouter


def queries(z):
    n = len(z)
    rows = np.asarray(z, dtype=np.float32)
    embeddings = Embeddings(text=rows, image=None, norms=np.ones((n, 2), "f"), mask=np.ones((n, 2), bool))
    return Queries(
        ids=tuple(f"q{i}" for i in range(n)),
        questions=("what?",) * n,
        images=(None,) * n,
        mask=embeddings.mask,
        z=rows,
        embeddings=embeddings,
        light=LightFeatures(text_length=np.full(n, 5), image_size=np.zeros((n, 2), int), scenario=("math",) * n),
        pool=tuple(ModelSpec(name=f"m{j}", title=f"M{j}") for j in range(3)),
    )


def split(n, validation, *, seed=0, missing=0.0, z=None):
    rng = np.random.default_rng(seed)
    utility, cost = rng.random((n, 3)), rng.random((n, 3)) * [1, 3, 9]
    absent = rng.random((n, 3)) < missing
    utility[absent] = cost[absent] = np.nan
    return TrainingData(
        queries=queries(rng.normal(size=(n, 4)) if z is None else z),
        utility=utility,
        cost=cost,
        validation=np.asarray(validation, dtype=bool),
        cost_scale=9.0,
    )


def slow_choice(training, asked, clusters, seed, trade_off):
    """Eq. 4 as it stands: per cluster, argmax over models of the mean validation score; None where scores tie."""
    z = training.queries.z.astype(float)
    fit_on = [i for i in range(len(z)) if not training.validation[i]]
    held_out = [i for i in range(len(z)) if training.validation[i]]
    centres = KMeans(min(clusters, len(fit_on)), random_state=seed).fit(z[fit_on]).cluster_centers_

    def cluster_of(row):
        return min(range(len(centres)), key=lambda h: ((row - centres[h]) ** 2).sum())

    chosen = []
    for row in asked.z.astype(float):
        members = [i for i in held_out if cluster_of(z[i]) == cluster_of(row)] or held_out
        scores = [
            sum(training.utility[i, j] - trade_off * training.cost[i, j] for i in members) / len(members)
            for j in range(3)
        ]
        first, second = sorted(scores, reverse=True)[:2]
        chosen.append(scores.index(first) if first - second > 1e-9 else None)
    return chosen


@settings(deadline=None, max_examples=40)
@given(
    data=st.data(),
    n=st.integers(6, 30),
    clusters=st.integers(1, 12),
    seed=st.integers(0, 50),
    trade_off=st.sampled_from([0.0, 0.01, 0.1, 1.0, 10.0]),
)
def test_each_query_goes_to_the_model_of_greatest_mean_validation_score_in_its_cluster(
    data, n, clusters, seed, trade_off
):
    validation = data.draw(st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda v: any(v) and not all(v)))
    training, asked = split(n, validation, seed=seed), queries(np.random.default_rng(seed + 1).normal(size=(9, 4)))
    router = KMeansRouter(seed=seed, clusters=clusters, means_on="validation").fit(training)
    prediction = router.predict(asked)
    ours = (prediction.utility - trade_off * prediction.cost).argmax(axis=1)
    theirs = slow_choice(training, asked, clusters, seed, trade_off)
    assert all(twin is None or own == twin for own, twin in zip(ours, theirs, strict=True))
    assert any(twin is not None for twin in theirs)


def test_a_cluster_without_validation_instances_takes_the_means_of_the_whole_validation_part():
    z = np.repeat(np.eye(3), 4, axis=0)
    validation = np.array([0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0])  # none in the third corner
    training = split(12, validation, z=z)
    prediction = KMeansRouter(clusters=3, means_on="validation").fit(training).predict(queries(np.eye(3)))
    held_out = validation.astype(bool)
    np.testing.assert_allclose(prediction.utility[0], training.utility[2:4].mean(axis=0))
    np.testing.assert_allclose(prediction.cost[1], training.cost[7])
    np.testing.assert_allclose(prediction.utility[2], training.utility[held_out].mean(axis=0))
    np.testing.assert_allclose(prediction.cost[2], training.cost[held_out].mean(axis=0))


def test_a_model_without_any_validation_outcome_takes_its_training_mean():
    validation = np.arange(20) < 5
    training = split(20, validation)
    training.utility[validation, 1] = training.cost[validation, 1] = np.nan
    prediction = KMeansRouter(clusters=4, means_on="validation").fit(training).predict(training.queries)
    np.testing.assert_allclose(prediction.utility[:, 1], training.utility[~validation, 1].mean())
    np.testing.assert_allclose(prediction.cost[:, 1], training.cost[~validation, 1].mean())


def test_no_outcome_outside_the_validation_part_counts():
    validation = np.arange(20) % 3 == 0
    training, other = split(20, validation), split(20, validation)
    other.utility[~validation] = 1 - other.utility[~validation]
    one, two = (
        KMeansRouter(clusters=4, means_on="validation").fit(learned).predict(training.queries)
        for learned in (training, other)
    )
    np.testing.assert_array_equal(one.utility, two.utility)
    assert not np.array_equal(
        KMeansRouter(clusters=4).fit(training).predict(training.queries).utility,
        KMeansRouter(clusters=4).fit(other).predict(training.queries).utility,
    )


@pytest.mark.parametrize("validation", [[False] * 8, [True] * 8])
def test_a_split_without_both_parts_is_refused_with_the_reason(validation):
    with pytest.raises(DegenerateError, match=r"validation part.*means_on='training'"):
        KMeansRouter(means_on="validation").fit(split(8, validation))


def test_where_the_validation_part_is_kept_apart_the_refusal_says_so_and_where_to_go():
    with pytest.raises(DegenerateError, match=r"kept apart wherever.*as in 'mmr run' and 'mmr train'.*mmr reproduce"):
        KMeansRouter(means_on="validation").fit(split(8, [False] * 8))
    with pytest.raises(DegenerateError, match="8 of 8 training instances are in the validation part"):
        KMeansRouter(means_on="validation").fit(split(8, [True] * 8))


@pytest.mark.parametrize("value", ["test", None, 3])
def test_means_are_on_training_or_on_validation_and_on_nothing_else(value):
    with pytest.raises(UsageError, match=r"means_on.*'training' or 'validation'"):
        KMeansRouter(means_on=value)
