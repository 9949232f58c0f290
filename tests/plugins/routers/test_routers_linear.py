"""The linear routers against normal equations, least squares and leaving one out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmr_plugins.routers.linear import ALPHA_GRID, LinearMFRouter, LinearRouter


def slow_ridge(x, y, alpha):
    """Coefficients and intercept by the normal equations; the intercept is not penalised."""
    x_mean, y_mean = x.mean(axis=0), y.mean()
    centred = x - x_mean
    beta = np.linalg.solve(centred.T @ centred + alpha * np.eye(x.shape[1]), centred.T @ (y - y_mean))
    return beta, y_mean - x_mean @ beta


def slow_prediction(x, y, queries, alpha):
    columns = []
    for j in range(y.shape[1]):
        seen = ~np.isnan(y[:, j])
        beta, intercept = slow_ridge(x[seen], y[seen, j], alpha)
        columns.append(queries @ beta + intercept)
    return np.stack(columns, axis=1)


def left_out_error(x, y, alpha):
    errors = []
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        beta, intercept = slow_ridge(x[rest], y[rest], alpha)
        errors.append((y[i] - x[i] @ beta - intercept) ** 2)
    return np.mean(errors)


@pytest.mark.parametrize("alpha", [1.0, 0.05, 30])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_linear_is_ridge_regression_on_the_observed_rows(alpha, missing, make):
    training, queries = make.split(60, missing=missing, models=4), make.split(20, seed=1, models=4).queries
    prediction = LinearRouter(alpha=alpha).fit(training).predict(queries)
    x, q = training.queries.z.astype(float), queries.z.astype(float)
    np.testing.assert_allclose(prediction.utility, slow_prediction(x, training.utility, q, alpha), rtol=1e-7)
    np.testing.assert_allclose(prediction.cost, slow_prediction(x, training.cost, q, alpha), rtol=1e-7)


def test_alpha_zero_is_ordinary_least_squares(make):
    training = make.split(60)
    x = np.column_stack([np.ones(60), training.queries.z.astype(float)])
    expected = x @ np.linalg.lstsq(x, training.utility, rcond=None)[0]
    prediction = LinearRouter(alpha=0).fit(training).predict(training.queries)
    np.testing.assert_allclose(prediction.utility, expected, rtol=1e-6, atol=1e-9)


def test_alpha_zero_takes_the_least_norm_where_features_repeat_each_other(make):
    base = make.split(40, text=3, image=2)
    doubled = make.split(40, z=np.concatenate([base.queries.z, base.queries.z], axis=1), text=3, image=2)
    one, two = LinearRouter(alpha=0).fit(base), LinearRouter(alpha=0).fit(doubled)
    np.testing.assert_allclose(two.predict(doubled.queries).utility, one.predict(base.queries).utility, rtol=1e-6)
    np.testing.assert_allclose(two.utility_coefficients_[:5], one.utility_coefficients_ / 2, rtol=1e-6)
    np.testing.assert_allclose(two.utility_coefficients_[5:], one.utility_coefficients_ / 2, rtol=1e-6)


def test_alpha_zero_is_not_fooled_by_what_float32_rounds(make):
    training = make.split(60)
    z = training.queries.z
    noisy = z * (1 + 2e-8 * np.random.default_rng(0).normal(size=z.shape))
    training = make.split(60, z=np.concatenate([z, noisy.astype(np.float32)], axis=1))
    assert np.abs(LinearRouter(alpha=0).fit(training).utility_coefficients_).max() < 100


def test_cv_takes_for_each_model_and_target_the_penalty_that_leaves_one_out_best(make):
    training, queries = make.split(25, text=3, image=2), make.split(10, seed=1, text=3, image=2).queries
    prediction = LinearRouter(alpha="cv").fit(training).predict(queries)
    x, q = training.queries.z.astype(float), queries.z.astype(float)
    for target, predicted in ((training.utility, prediction.utility), (training.cost, prediction.cost)):
        for j in range(3):
            best = min(ALPHA_GRID, key=lambda alpha: left_out_error(x, target[:, j], alpha))
            beta, intercept = slow_ridge(x, target[:, j], best)
            np.testing.assert_allclose(predicted[:, j], q @ beta + intercept, rtol=1e-6)


@pytest.mark.parametrize("alpha", [0, 1.0, "cv"])
@pytest.mark.parametrize("shape", [{"n": 1}, {"n": 2}, {"n": 3, "models": 1}, {"n": 20, "z": np.ones((20, 3))}])
def test_every_alpha_survives_little_to_learn_from(alpha, shape, make):
    training = make.split(**shape)
    for router in (LinearRouter(alpha=alpha), LinearMFRouter(alpha=alpha)):
        prediction = router.fit(training).predict(training.queries)
        assert np.isfinite(prediction.utility).all()
        assert np.isfinite(prediction.cost).all()


@pytest.mark.parametrize("rank", [4, 11, 999])
def test_linear_mf_is_a_truncated_svd_and_then_ridge(rank, make):
    training, queries = make.split(80, missing=0.2), make.split(30, seed=1).queries
    x, q = training.queries.z.astype(float), queries.z.astype(float)
    directions = np.linalg.svd(x, full_matrices=False)[2][: min(rank, 11)]
    router = LinearMFRouter(rank=rank, alpha=0.5).fit(training)
    assert router.components_.shape == directions.shape
    np.testing.assert_allclose(
        router.predict(queries).utility,
        slow_prediction(x @ directions.T, training.utility, q @ directions.T, 0.5),
        rtol=1e-4,
    )


def test_the_rank_is_at_most_the_number_of_training_rows(make):
    assert LinearMFRouter().fit(make.split(5)).components_.shape == (5, 11)
