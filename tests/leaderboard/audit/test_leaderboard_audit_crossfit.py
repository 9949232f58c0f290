import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from mmr_leaderboard.audit.crossfit import CrossFit, assign_folds, group_means

seeds = st.integers(0, 2**32 - 1)


def centred(values, groups, learned):
    """Every row less the mean of the learned rows of its group, in plain loops."""
    means = {g: values[[i for i in learned if groups[i] == g]].mean(axis=0) for g in set(groups)}
    return np.stack([values[i] - means[groups[i]] for i in range(len(values))])


@settings(max_examples=20, deadline=None)
@given(seed=seeds, width=st.sampled_from((4, 90)))
def test_predictions_are_those_of_a_ridge_that_never_saw_the_fold(seed, width):
    stream = np.random.default_rng(seed)
    features, targets = stream.normal(size=(60, width)), stream.normal(size=(60, 2))
    groups = np.repeat([0, 1], 30)
    folds = assign_folds([str(i) for i in range(60)], groups)
    fit = CrossFit.of(features, groups, folds, targets)
    expected = np.empty_like(targets)
    for fold in range(5):
        learned = np.flatnonzero(folds != fold)
        x, y = centred(features, groups, learned), centred(targets, groups, learned)
        alpha = 0.7 * np.trace(x[learned].T @ x[learned]) / width
        slow = Ridge(alpha=alpha, fit_intercept=False).fit(x[learned], y[learned])
        held = folds == fold
        expected[held] = (targets - y)[held] + slow.predict(x[held])

    assert fit.predict(targets, 0.7) == pytest.approx(expected)


def test_an_instance_never_predicts_itself():
    stream = np.random.default_rng(0)
    features, targets = stream.normal(size=(50, 3)), stream.normal(size=(50, 1))
    groups = np.zeros(50, dtype=int)
    fit = CrossFit.of(features, groups, assign_folds([str(i) for i in range(50)], groups), targets)
    changed = targets.copy()
    changed[7] += 100.0

    assert fit.predict(changed)[7] == pytest.approx(fit.predict(targets)[7])
    assert not np.allclose(fit.predict(changed), fit.predict(targets))


@given(seed=seeds, n=st.integers(1, 40))
def test_folds_follow_the_instance_and_are_balanced(seed, n):
    stream = np.random.default_rng(seed)
    ids, groups = [f"q{i}" for i in range(n)], stream.integers(0, 3, n)
    order = stream.permutation(n)
    folds = assign_folds(ids, groups)

    assert (assign_folds([ids[i] for i in order], groups[order]) == folds[order]).all()
    for group in set(groups):
        sizes = np.bincount(folds[groups == group], minlength=5)
        assert sizes.max() - sizes.min() <= 1


def test_a_group_that_nobody_learned_has_the_mean_of_all():
    values = np.array([[1.0], [3.0], [8.0]])

    assert group_means(values, np.array([0, 0, 1]), np.array([0, 1, 2])).ravel() == pytest.approx([2.0, 8.0, 4.0])
