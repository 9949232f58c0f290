"""k-means and k-nn against loops that do what Eqs. S8 and S9 say."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.cluster import KMeans

from mmr_core.numerics.means import observed_mean
from mmr_plugins.routers.kmeans import KMeansRouter
from mmr_plugins.routers.knn import KNNRouter, most_similar
from mmr_plugins.routers.training_means import training_means


def mean_of_observed(values, fallback):
    seen = [value for value in values if not np.isnan(value)]
    return sum(seen) / len(seen) if seen else fallback


def slow_means(outcomes, rows, fallback):
    return [mean_of_observed([outcomes[i, j] for i in rows], fallback[j]) for j in range(outcomes.shape[1])]


def slow_neighbours(query, training_z, count):
    """The rows by falling cosine, earlier rows first among equals."""
    cosines = []
    for row in training_z:
        norms = np.linalg.norm(query) * np.linalg.norm(row)
        cosines.append(round(float(query @ row / norms), 9) if norms > 0 else 0.0)
    return sorted(range(len(training_z)), key=lambda i: (-cosines[i], i))[:count]


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_kmeans_predicts_the_means_of_the_nearest_cluster(missing, make):
    training, queries = make.split(120, missing=missing), make.split(50, seed=1).queries
    twin = KMeans(8, random_state=3).fit(training.queries.z.astype(float))
    means = training_means(training)
    prediction = KMeansRouter(seed=3, clusters=8).fit(training).predict(queries)
    for i, query in enumerate(queries.z.astype(float)):
        cluster = min(range(8), key=lambda h: np.linalg.norm(query - twin.cluster_centers_[h]))
        members = [row for row in range(120) if twin.labels_[row] == cluster]
        np.testing.assert_allclose(
            prediction.utility[i], slow_means(training.utility, members, means.utility), rtol=1e-9
        )
        np.testing.assert_allclose(prediction.cost[i], slow_means(training.cost, members, means.cost), rtol=1e-9)


def test_a_cluster_in_which_a_model_has_no_outcome_takes_that_models_training_mean(make):
    z = np.repeat([[1.0, 0.0], [0.0, 1.0]], 10, axis=0)
    training = make.split(20, z=z)
    training.utility[:10, 0] = training.cost[:10, 0] = np.nan
    prediction = KMeansRouter(clusters=2).fit(training).predict(training.queries)
    np.testing.assert_allclose(prediction.utility[:10, 0], training.utility[10:, 0].mean())
    np.testing.assert_allclose(prediction.cost[:10, 0], training.cost[10:, 0].mean())
    np.testing.assert_allclose(prediction.utility[:10, 1], training.utility[:10, 1].mean())


def test_there_are_no_more_clusters_than_distinct_rows(make):
    training = make.split(30, z=np.repeat(np.eye(3), 10, axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        router = KMeansRouter().fit(training)
    assert router.centres_.shape == (3, 3)


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("neighbours", [1, 7, 500])
def test_knn_predicts_the_means_of_the_most_similar_rows(missing, neighbours, make):
    training, queries = make.split(90, missing=missing), make.split(40, seed=1).queries
    means = training_means(training)
    prediction = KNNRouter(neighbours=neighbours).fit(training).predict(queries)
    for i, query in enumerate(queries.z.astype(float)):
        rows = slow_neighbours(query, training.queries.z.astype(float), neighbours)
        np.testing.assert_allclose(prediction.utility[i], slow_means(training.utility, rows, means.utility), rtol=1e-9)
        np.testing.assert_allclose(prediction.cost[i], slow_means(training.cost, rows, means.cost), rtol=1e-9)


def test_a_neighbourhood_without_outcomes_of_a_model_takes_that_models_training_mean(make):
    training = make.split(20, z=np.repeat([[1.0, 0.0], [0.0, 1.0]], 10, axis=0))
    training.utility[:10, 2] = training.cost[:10, 2] = np.nan
    prediction = KNNRouter(neighbours=5).fit(training).predict(training.queries)
    np.testing.assert_allclose(prediction.utility[:10, 2], training.utility[10:, 2].mean())
    np.testing.assert_allclose(prediction.cost[:10, 2], training.cost[10:, 2].mean())


def test_among_repeated_questions_the_first_in_training_are_the_neighbours_in_every_batch(make):
    rng = np.random.default_rng(0)
    distinct = rng.normal(size=(6, 40))
    z = np.concatenate([distinct[rng.integers(0, 6, 150)] * scale for scale in (1.0, 0.37)])
    training = make.split(300, z=z)
    training.utility[:] = rng.random((300, 3))
    queries = replace(training.queries, z=np.concatenate([z[:50], rng.normal(size=(250, 40))]).astype("f"))
    router = KNNRouter(neighbours=9).fit(training)
    together = router.predict(queries)
    for i in range(60):
        rows = slow_neighbours(queries.z[i].astype(float), training.queries.z.astype(float), 9)
        np.testing.assert_allclose(together.utility[i], training.utility[rows].mean(axis=0), rtol=1e-12)
        alone = router.predict(make.take(queries, [i]))
        np.testing.assert_array_equal(alone.utility[0], together.utility[i])
        np.testing.assert_array_equal(alone.cost[0], together.cost[i])


@settings(deadline=None, max_examples=150)
@given(data=st.data(), n=st.integers(1, 6), m=st.integers(1, 12))
def test_the_most_similar_are_those_of_a_stable_sort(data, n, m):
    similarity = data.draw(arrays.arrays(float, (n, m), elements=st.integers(-3, 3).map(float)))
    count = data.draw(st.integers(1, m))
    expected = np.sort(np.argsort(-similarity, axis=1, kind="stable")[:, :count], axis=1)
    np.testing.assert_array_equal(most_similar(similarity, count), expected)


@settings(deadline=None, max_examples=150)
@given(
    outcomes=arrays.arrays(
        float, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=st.one_of(st.just(np.nan), st.floats(0, 1))
    )
)
def test_means_leave_out_what_is_missing(outcomes):
    fallback = np.arange(outcomes.shape[1]) + 5.0
    expected = slow_means(outcomes, range(len(outcomes)), fallback)
    np.testing.assert_allclose(observed_mean(outcomes, fallback), expected)


def test_what_is_known_of_a_model_is_kept_where_the_rest_is_not(make):
    training = make.split(20)
    training.utility[:, 1] = np.nan
    training.cost[:, 0] = np.nan
    means = training_means(training)
    np.testing.assert_allclose(means.utility, [training.utility[:, 0].mean(), 0.0, training.utility[:, 2].mean()])
    np.testing.assert_array_equal(means.utility_known, [True, False, True])
    dearest = training.cost[:, 2].mean()
    np.testing.assert_allclose(means.cost, [dearest, training.cost[:, 1].mean(), dearest])
