"""k-means and k-nn against loops that do what Eqs. S8 and S9 say."""

from __future__ import annotations

import tracemalloc
import warnings
from dataclasses import replace
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.cluster import KMeans

from mmr_core.numerics.means import group_means, observed_mean, summands
from mmr_plugins.routers import cosine_neighbours
from mmr_plugins.routers.cosine_neighbours import CosineNeighbours, most_similar, unit_rows
from mmr_plugins.routers.kmeans import KMeansRouter
from mmr_plugins.routers.knn import KNNRouter
from mmr_plugins.routers.training_targets import training_means


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


def rows_of_some_sort(data, n, width):
    """Rows [n, width] of a sort that makes a search for neighbours hard, at times with zero rows among them."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    rows = rng.normal(size=(n, width))
    sort = data.draw(st.sampled_from(["plain", "repeats", "near repeats", "few values", "one direction"]))
    if sort == "few values":
        rows = np.sign(rows) * (np.abs(rows) > 0.6)
    if sort == "one direction":
        rows += 30.0
    if "repeats" in sort:
        rows = rows[rng.integers(0, 1 + n // 20, n)]
    if sort == "near repeats":
        rows *= 1 + 10.0 ** rng.uniform(-12, -6) * rng.normal(size=rows.shape)
    rows[rng.random(n) < data.draw(st.sampled_from([0.0, 0.1]))] = 0.0
    return rows.astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), n=st.integers(1, 1500), width=st.integers(1, 20), count=st.integers(1, 50))
def test_the_neighbours_are_those_that_one_float64_product_over_everything_gives(data, n, width, count):
    rows, count = rows_of_some_sort(data, n, width), min(n, count)
    queries = rows_of_some_sort(data, 12, width)
    queries[:4] = rows[data.draw(st.integers(0, n - 1))]
    unit = unit_rows(rows.astype(float))
    similarity = np.round(unit_rows(queries.astype(float)) @ unit.T, 9)
    expected = np.sort(np.argsort(-similarity, axis=1, kind="stable")[:, :count], axis=1)
    with mock.patch.object(cosine_neighbours, "CELLS_AT_ONCE", data.draw(st.sampled_from([100, 2**24]))):
        found = np.concatenate([block for _, block in CosineNeighbours(unit, count).blocks(queries)])
    np.testing.assert_array_equal(found, expected)


def test_the_neighbours_of_many_queries_take_the_memory_of_a_block(make):
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(4000, 4)), rng.normal(size=(6000, 4))
    with mock.patch.object(cosine_neighbours, "CELLS_AT_ONCE", 2**18):
        tracemalloc.start()
        for _ in CosineNeighbours(unit_rows(rows), 5).blocks(queries):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 2**20  # all similarities at once are 92 MiB


def test_nothing_is_predicted_of_no_queries(make):
    training = make.split(30)
    prediction = KNNRouter().fit(training).predict(make.take(training.queries, []))
    assert prediction.utility.shape == prediction.cost.shape == (0, 3)


NUMBERS = st.one_of(
    st.sampled_from([0.0, 0.1, 0.3, 1 / 3, 1.0, 3e-12, 1e6, 1e150]), st.floats(-1, -1e-120), st.floats(1e-120, 1e150)
)
OUTCOMES = arrays.arrays(
    float, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=st.one_of(st.just(np.nan), NUMBERS)
)


def exact_means(outcomes, rows, fallback):
    """Means by fractions, each rounded once."""
    means = []
    for column, instead in zip(outcomes.T, fallback, strict=True):
        seen = [Fraction(float(value)) for value in column[rows] if not np.isnan(value)]
        means.append(float(sum(seen, Fraction()) / len(seen)) if seen else instead)
    return means


@settings(deadline=None, max_examples=200)
@given(outcomes=OUTCOMES)
def test_means_leave_out_what_is_missing_and_are_the_exact_ones_rounded_once(outcomes):
    fallback = np.arange(outcomes.shape[1]) + 5.0
    expected = exact_means(outcomes, range(len(outcomes)), fallback)
    np.testing.assert_array_equal(observed_mean(outcomes, fallback), expected)
    swapped = np.moveaxis(np.stack([outcomes, outcomes[::-1]]), 0, 1)
    np.testing.assert_array_equal(observed_mean(swapped, fallback), [expected, expected])


@settings(deadline=None, max_examples=100)
@given(data=st.data(), outcomes=OUTCOMES)
def test_the_means_of_many_groups_are_those_of_each(data, outcomes):
    n, fallback = len(outcomes), np.arange(outcomes.shape[1]) + 5.0
    size = data.draw(st.integers(1, n))
    groups = np.array([data.draw(st.permutations(range(n)))[:size] for _ in range(3)])
    means = group_means(summands(outcomes, largest=size), groups, fallback)
    np.testing.assert_array_equal(means, [exact_means(outcomes, rows, fallback) for rows in groups])


@pytest.mark.parametrize("router", [KNNRouter(neighbours=40), KMeansRouter(clusters=3)])
def test_models_of_equal_mean_in_a_neighbourhood_tie_in_whatever_order_they_were_right(router, make):
    z = np.repeat([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], 40, axis=0)
    training = make.split(120, z=z, models=4)
    rng = np.random.default_rng(0)
    for rows in (slice(0, 40), slice(40, 80), slice(80, 120)):
        for outcomes in (training.utility, training.cost):
            outcomes[rows, 0] = rng.random(40) * 10.0 ** rng.uniform(-9, 0, 40)
            outcomes[rows, 1] = rng.permutation(outcomes[rows, 0])
            outcomes[rows, 2] = np.nan
            outcomes[rows, 2][:3] = outcomes[rows, 3][:1] = 0.1  # three times the same has the mean of one
            outcomes[rows, 3][1:] = np.nan
    prediction = router.fit(training).predict(training.queries)
    for means in (prediction.utility, prediction.cost):
        np.testing.assert_array_equal(means[:, [0, 2]], means[:, [1, 3]])


def test_what_is_known_of_a_model_is_kept_where_the_rest_is_not(make):
    training = make.split(20)
    training.utility[:, 1] = np.nan
    training.cost[:, 0] = np.nan
    means = training_means(training)
    np.testing.assert_allclose(means.utility, [training.utility[:, 0].mean(), 0.0, training.utility[:, 2].mean()])
    np.testing.assert_array_equal(means.utility_known, [True, False, True])
    dearest = training.cost[:, 2].mean()
    np.testing.assert_allclose(means.cost, [dearest, training.cost[:, 1].mean(), dearest])
