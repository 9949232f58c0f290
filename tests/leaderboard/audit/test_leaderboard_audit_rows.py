"""What the audits say of honest rows, of copied ones and of plugins that remember, on a small synthetic board."""

import json
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.errors import DataError, DegenerateError
from mmr_core.numerics.bootstrap import draw
from mmr_core.numerics.metrics import SingleModels
from mmr_core.runner.policies import Decided, Pooled, Scored
from mmr_leaderboard.audit import (
    LIMITS,
    AuditFrame,
    PlaceboReference,
    audit,
    permuted_outcomes,
    placebo_test,
)
from mmr_leaderboard.audit.excess import Excess, beyond, residual_test
from mmr_leaderboard.audit.frame import best_and_cheapest, representative_points
from mmr_leaderboard.audit.revision import matched_points
from mmr_leaderboard.findings import CODES

TEST, TRAIN, MODELS = 1200, 400, 5


@dataclass(frozen=True)
class Board:
    """Test and training instances of two datasets that differ in difficulty; features say a part of the rest."""

    features: np.ndarray
    datasets: np.ndarray
    utility: np.ndarray
    cost: np.ndarray
    frame: AuditFrame

    @property
    def truth(self):
        return Scored(self.utility[:TEST], self.cost[:TEST] / self.frame.cost_scale)

    @property
    def constant(self):
        means = self.utility[TEST:].mean(axis=0), self.cost[TEST:].mean(axis=0) / self.frame.cost_scale
        return Scored(np.tile(means[0], (TEST, 1)), np.tile(means[1], (TEST, 1)))

    def knn(self, outcomes=None, neighbours=25, rows=slice(None)):
        """An honest router: means over the nearest training instances."""
        utility, cost = outcomes or (self.utility[TEST:], self.cost[TEST:])
        distance = ((self.features[:TEST, None] - self.features[None, TEST:][:, rows]) ** 2).sum(axis=2)
        near = np.argsort(distance, axis=1)[:, :neighbours]
        return Scored(utility[rows][near].mean(axis=1), cost[rows][near].mean(axis=1) / self.frame.cost_scale)

    def audited(self, policy, **more):
        return audit(policy, self.frame, self.constant, **more)


def make_board(order=None):
    stream = np.random.default_rng(0)
    n = TEST + TRAIN
    features = stream.normal(size=(n, 6))
    datasets = np.where(stream.random(n) < 0.5, "hard", "easy")
    skill = np.linspace(-1.0, 1.0, MODELS)
    slope = stream.normal(size=(6, MODELS))
    score = skill + 0.7 * features @ slope + np.where(datasets == "easy", 1.0, -0.5)[:, None]
    score += stream.normal(size=(n, 1))
    utility = (stream.logistic(size=(n, MODELS)) < score).astype(float)
    cost = np.geomspace(1e-4, 1e-2, MODELS) * stream.lognormal(0, 0.3, (n, MODELS))
    names = np.array([f"q{i}" for i in range(TEST)])
    rows = np.arange(TEST) if order is None else order
    frame = AuditFrame.of(
        ids=list(names[rows]),
        datasets=list(datasets[rows]),
        features=features[rows],
        utility=utility[rows],
        cost=cost[rows],
        cost_scale=float(cost[TEST:].max()),
    )
    return Board(features, datasets, utility, cost, frame)


@pytest.fixture(scope="module")
def board():
    return make_board()


@pytest.fixture(scope="module")
def reference(board):
    utility, cost = board.frame.utility, board.frame.cost
    draws = draw(utility, cost, board.frame.datasets, SingleModels.of(utility, cost), draws=100)
    return PlaceboReference.of(board.frame, draws)


def copied(board, share, seed=0):
    """A knn row, of which a share was replaced by the oracle's choices."""
    points = representative_points(board.knn(), board.frame.utility, board.frame.cost).copy()
    rows = np.random.default_rng(seed).random(TEST) < share
    points[:, rows] = board.frame.oracle[rows]
    return Decided(np.arange(len(points), dtype=float), tuple(points))


def remembered(board, base, share, seed=0):
    rows = (np.random.default_rng(seed).random(TEST) < share)[:, None]
    truth = board.truth
    return Scored(
        np.where(rows, truth.pred_utility, base.pred_utility), np.where(rows, truth.pred_cost, base.pred_cost)
    )


def test_an_honest_row_is_not_flagged(board):
    for neighbours in (5, 25, 100):
        report = board.audited(board.knn(neighbours=neighbours))
        assert report.flags == ()
        assert abs(report.permutation.share) < 0.05


def test_a_half_copied_row_is_flagged_by_both_tests(board):
    report = board.audited(copied(board, 0.5))

    assert report.flags == ("excess-residual", "excess-permutation")
    assert report.residual.share == pytest.approx(0.5, abs=0.08)
    assert report.permutation.share == pytest.approx(0.5, abs=0.05)
    assert report.permutation.p == 1 / 1000


def test_a_tenth_copied_row_is_flagged(board):
    assert "excess-permutation" in board.audited(copied(board, 0.1)).flags


def test_the_oracle_has_the_whole_excess(board):
    report = board.audited(Decided(np.zeros(1), (board.frame.oracle,)))

    assert report.residual.share == pytest.approx(1.0)
    assert report.permutation.share == pytest.approx(1.0)
    assert report.points == 1


def test_a_row_of_one_model_has_no_excess(board):
    report = board.audited(Decided(np.zeros(1), (np.eye(MODELS)[np.full(TEST, 3)],)))

    assert report.residual.share == pytest.approx(0.0, abs=1e-9)
    assert (report.permutation.p, report.flags) == (1.0, ())


def test_statistics_do_not_depend_on_the_order_of_instances(board):
    order = np.random.default_rng(5).permutation(TEST)
    other = make_board(order)
    policy = copied(board, 0.2)
    here, there = board.audited(policy), audit(policy.take(order), other.frame, board.constant)

    assert there.residual.share == pytest.approx(here.residual.share)
    assert there.residual.z == pytest.approx(here.residual.z)
    assert there.permutation.share == pytest.approx(here.permutation.share)
    assert there.permutation.z == pytest.approx(here.permutation.z)
    assert there.gap.overall == pytest.approx(here.gap.overall)


def test_the_gap_runs_from_the_constant_policy_to_the_oracle(board):
    oracle, constant = board.audited(board.truth).gap, board.audited(board.constant).gap

    assert (oracle.overall, oracle.at_cost) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (constant.overall, constant.at_cost) == (pytest.approx(0.0), pytest.approx(0.0))


def test_a_version_corrected_by_the_outcomes_is_suspicious_and_an_honest_one_is_not(board):
    old = board.knn(neighbours=5)
    points = representative_points(old, board.frame.utility, board.frame.cost).copy()
    rows = np.random.default_rng(1).random(TEST) < 0.2
    points[:, rows] = board.frame.oracle[rows]
    corrected = Decided(np.arange(len(points), dtype=float), tuple(points))

    assert "suspicious-revision" in board.audited(corrected, previous=old).flags
    assert board.audited(board.knn(neighbours=40), previous=old).flags == ()


def test_a_plugin_that_remembers_is_blocked_and_an_honest_one_is_not(board, reference):
    for seed in range(3):
        outcomes = permuted_outcomes(board.utility[TEST:], board.cost[TEST:], list(board.datasets[TEST:]), seed)
        honest = board.knn(outcomes)
        assert not placebo_test([honest], board.frame, reference).blocks
        test = placebo_test([remembered(board, honest, 0.5, seed)], board.frame, reference)
        assert test.blocks
        assert test.low <= test.skill <= test.high

    whole = placebo_test([board.truth], board.frame, reference)
    assert (whole.skill, whole.blocks) == (pytest.approx(1.0), True)
    assert "placebo-skill" in board.audited(board.knn(), placebo=whole).flags


def test_what_a_placebo_remembers_is_seen_though_the_rest_of_it_does_harm(board, reference):
    outcomes = permuted_outcomes(board.utility[TEST:], board.cost[TEST:], list(board.datasets[TEST:]), 0)
    base = board.knn(outcomes, neighbours=1)
    harmful = Scored(1 - base.pred_utility, base.pred_cost)
    test = placebo_test([remembered(board, harmful, 0.15)], board.frame, reference)

    assert not placebo_test([harmful], board.frame, reference).blocks
    assert test.low < LIMITS.placebo
    assert test.blocks


def test_knowing_the_dataset_is_no_placebo_skill(board, reference):
    names = np.array(board.frame.datasets)
    policy = Scored(np.empty((TEST, MODELS)), np.empty((TEST, MODELS)))
    for name in set(names):
        learned = board.datasets[TEST:] == name
        policy.pred_utility[names == name] = board.utility[TEST:][learned].mean(axis=0)
        policy.pred_cost[names == name] = board.cost[TEST:][learned].mean(axis=0) / board.frame.cost_scale
    test = placebo_test([policy], board.frame, reference)

    assert test.skill <= 0
    assert not test.blocks


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30))
def test_permuted_outcomes_are_the_same_rows_within_each_dataset(seed, n):
    stream = np.random.default_rng(seed)
    utility, cost = stream.integers(0, 2, (n, 3)).astype(float), stream.random((n, 3))
    utility[stream.random((n, 3)) < 0.1] = np.nan
    datasets = [f"d{k}" for k in stream.integers(0, 3, n)]
    moved_utility, moved_cost = permuted_outcomes(utility, cost, datasets, seed)

    def rows(first, second):
        return Counter((name, first[i].tobytes(), second[i].tobytes()) for i, name in enumerate(datasets))

    assert rows(utility, cost) == rows(moved_utility, moved_cost)


def test_permuted_outcomes_follow_the_seed():
    utility, cost = np.arange(40.0).reshape(20, 2), np.ones((20, 2))
    first, again, other = (permuted_outcomes(utility, cost, ["d"] * 20, seed)[0] for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, utility)


def test_the_report_is_json_and_its_statistics_are_numbers(board, reference):
    report = board.audited(
        copied(board, 0.3), previous=board.knn(), placebo=placebo_test([board.truth], board.frame, reference)
    )
    document = json.loads(json.dumps(report.as_json(), allow_nan=False))
    statistics = report.statistics()

    assert document["flags"] == list(report.flags)
    assert set(report.flags) <= set(CODES)
    assert statistics["residual_share"] == document["residual"]["share"]
    assert statistics["placebo_skill"] == pytest.approx(1.0)
    assert statistics["limits_permutation"] == LIMITS.permutation
    assert all(value is None or isinstance(value, float) for value in statistics.values())


def test_a_row_without_placebo_or_earlier_version_has_no_such_numbers(board):
    names = board.audited(board.knn(), permutations=19).statistics()

    assert not any(name.startswith(("placebo_", "revision_")) for name in names)


def test_a_flag_asks_for_more_than_the_limit():
    excess = Excess(per_decision=0.1, share=0.1, error=0.02, z=5.0, p=0.0)

    assert beyond(excess, 0.05)
    assert not beyond(excess, 0.06)
    assert not beyond(replace(excess, error=0.03), 0.05)


def test_representative_points_are_spread_over_the_costs_that_a_row_reaches(board):
    utility, cost = board.frame.utility, board.frame.cost
    policy = board.knn()
    points = representative_points(policy, utility, cost)
    reached = (points * cost).sum(axis=2).mean(axis=1)
    curve = policy.curve(utility, cost).cost

    assert points.shape == (5, TEST, MODELS)
    assert reached == pytest.approx(np.linspace(curve.min(), curve.max(), 5), rel=0.05)
    assert (np.diff(reached) > 0).all()


def test_points_of_a_corrected_version_stand_beside_those_that_it_was_made_of(board):
    utility, cost = board.frame.utility, board.frame.cost
    before = Decided(np.arange(5.0), tuple(representative_points(board.knn(), utility, cost)))
    found = matched_points(before, copied(board, 0.3), utility, cost)

    assert np.array_equal(found[0], np.stack(before.probabilities))
    assert np.array_equal(found[1], np.stack(copied(board, 0.3).probabilities))


def test_any_policy_is_audited_by_its_decisions_and_one_without_single_decisions_cannot_be(board):
    knn = board.knn()

    class Strange:
        def curve(self, utility, cost):
            return knn.curve(utility, cost)

        def decisions_at(self, trade_off):
            return knn.decisions_at(trade_off)

    outcomes = board.frame.utility, board.frame.cost
    assert np.array_equal(representative_points(Strange(), *outcomes), representative_points(knn, *outcomes))
    with pytest.raises(TypeError, match="several outcomes at one trade-off weight"):
        representative_points(Pooled((knn, knn)), *outcomes)


def test_the_oracle_takes_the_best_model_and_of_several_the_cheapest():
    utility = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.4, 0.9]])
    cost = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 2.0], [1.0, 2.0, 3.0]])

    assert best_and_cheapest(utility, cost).argmax(axis=1).tolist() == [1, 1, 2]


def small_frame(**changed):
    stream = np.random.default_rng(0)
    given = {
        "ids": [str(i) for i in range(60)],
        "datasets": ["d"] * 60,
        "features": stream.normal(size=(60, 2)),
        "utility": stream.integers(0, 2, (60, 3)).astype(float),
        "cost": stream.random((60, 3)),
        "cost_scale": 1.0,
    }
    return AuditFrame.of(**{**given, **changed})


def test_boards_on_which_nothing_can_stand_out_are_refused_by_name():
    with pytest.raises(DegenerateError, match="too few to audit"):
        small_frame(ids=["a"], datasets=["d"], features=np.ones((1, 2)), utility=np.ones((1, 3)), cost=np.ones((1, 3)))
    with pytest.raises(DegenerateError, match="same utility everywhere"):
        small_frame(utility=np.ones((60, 3)))
    with pytest.raises(DataError, match="features: expected shape"):
        small_frame(features=np.ones((59, 2)))
    with pytest.raises(DataError, match="utility has values that are not finite"):
        small_frame(utility=np.full((60, 3), np.nan))
    with pytest.raises(DataError, match="59 ids"):
        small_frame(ids=[str(i) for i in range(59)])


def test_an_oracle_without_excess_has_no_share():
    frame = small_frame()
    flat = replace(frame, oracle_unexplained=np.zeros_like(frame.oracle_unexplained))

    with pytest.raises(DegenerateError, match="no excess can be measured"):
        residual_test(np.zeros_like(flat.utility), flat)
