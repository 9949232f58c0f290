"""Decisions are compared as the engine's own test compares them, and findings explain one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmr_core.runner.agreement import MARGIN, PROBABILITY, UNCLEAR_SHARE, Compared, compare
from mmr_core.runner.policies import GRID, TRADE_OFFS, Decided, Scored
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.jobs.behaviour import FLIP_SHARE, FLIPS, STRICT, judge

NUMBERS = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 0.5 + 1e-7, 0.5 + 3e-6]), st.floats(-2, 2, width=32))


@st.composite
def pairs(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 4)))
    rows = arrays(np.float64, shape, elements=NUMBERS)
    return Scored(draw(rows), draw(rows)), Scored(draw(rows), draw(rows))


def slow(first: Scored, second: Scored) -> Compared:
    """One query at a time, one weight at a time."""

    def best(scored: Scored, i: int, weight: float) -> int:
        def rank(j: int) -> tuple[float, float, float, int]:
            u, c = scored.pred_utility[i, j], scored.pred_cost[i, j]
            return (weight * c - u if weight <= 1 else c - u / weight, c, -u, j)

        return min(range(scored.pred_utility.shape[1]), key=rank)

    clear = changed = unclear = total = 0
    for weight in TRADE_OFFS:
        for i in range(len(first.pred_utility)):
            scores = sorted(first.pred_utility[i] - weight * first.pred_cost[i])
            ahead = scores[-1] - scores[-2] if len(scores) > 1 else np.inf
            is_clear = ahead > MARGIN * max(1.0, abs(scores[-1]))
            differs = best(first, i, weight) != best(second, i, weight)
            total += 1
            clear += is_clear
            changed += is_clear and differs
            unclear += differs and not is_clear
    if unclear > UNCLEAR_SHARE * total:
        return Compared(compared=clear + unclear, changed=changed + unclear)
    return Compared(compared=clear, changed=changed)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_comparing_counts_what_a_loop_over_queries_and_weights_counts(pair):
    assert compare(*pair) == slow(*pair)


@given(pairs())
@settings(max_examples=30, deadline=None)
def test_nothing_differs_from_itself(pair):
    assert compare(pair[0], pair[0]).changed == 0


def scored(n: int = 200, seed: int = 0) -> Scored:
    stream = np.random.default_rng(seed)
    return Scored(stream.random((n, 4)), stream.random((n, 4)))


def test_rounding_changes_nothing():
    one = scored()
    stream = np.random.default_rng(1)
    other = Scored(*(a * (1 + 1e-8 * stream.standard_normal(a.shape)) for a in (one.pred_utility, one.pred_cost)))
    assert compare(one, other).changed == 0
    single = Scored(one.pred_utility.astype(np.float32).astype(float), one.pred_cost.astype(np.float32).astype(float))
    assert compare(one, single).changed == 0


def test_a_message_in_the_last_digits_is_no_rounding():
    flat, cost = np.full((200, 4), 0.5), np.full((200, 4), 0.1)
    stream = np.random.default_rng(2)
    one, other = (Scored(flat + 1e-8 * stream.random(flat.shape), cost) for _ in range(2))
    assert compare(one, other).changed > 1000


def test_a_clear_change_at_one_query_is_seen():
    one = scored()
    utility = one.pred_utility.copy()
    utility[17] = utility[17, ::-1]
    assert 0 < compare(one, Scored(utility, one.pred_cost)).changed <= len(TRADE_OFFS)


def test_answers_about_different_queries_cannot_be_compared():
    with pytest.raises(ValueError, match="different queries"):
        compare(scored(3), scored(4))


def test_a_router_that_predicts_once_and_decides_once_has_changed_everything():
    decides = Decided(np.array([0.0]), (np.full((5, 4), 0.25),))
    for pair in ((scored(5), decides), (decides, scored(5))):
        assert compare(*pair) == Compared(compared=5 * len(GRID), changed=5 * len(GRID))


@st.composite
def decided(draw, n: int = 3, models: int = 3):
    at = sorted(draw(st.sets(st.integers(1, len(GRID) - 1), max_size=4)))
    rows = st.sampled_from([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 0.5, 0.0), (0.5 + 5e-6, 0.5 - 5e-6, 0.0)])
    points = [np.array(draw(st.lists(rows, min_size=n, max_size=n))) for _ in (0, *at)]
    return Decided(np.array([0.0, *GRID[at]]), tuple(points))


@given(decided(), decided())
@settings(max_examples=60, deadline=None)
def test_probabilities_are_compared_at_every_weight_of_the_grid(one, other):
    changed = 0
    for weight in GRID:
        held = []
        for policy in (one, other):
            last = max(i for i, start in enumerate(policy.trade_off) if start <= weight)
            held.append(policy.probabilities[last])
        changed += sum(max(abs(a - b)) > PROBABILITY for a, b in zip(*held, strict=True))
    assert compare(one, other) == Compared(compared=3 * len(GRID), changed=changed)


def test_the_first_code_explains_those_behind_it():
    same, other = (scored(), scored()), (scored(), scored(seed=9))
    for number, code in enumerate(STRICT):
        pairs = {name: [same if i < number else other] for i, name in enumerate(STRICT)}
        checks, found = judge({**pairs, "whitespace-flips": [other]}, "router")
        assert [finding.code for finding in found] == [code]
        assert [check.changed > 0 for check in checks] == [i >= number for i in range(len(STRICT))] + [True]
        assert CODES[code].weight == "refused"


@pytest.mark.parametrize("code", FLIPS)
def test_flips_are_flagged_above_the_threshold_alone(code):
    one = scored(1000)
    for share, expected in ((FLIP_SHARE - 0.05, []), (FLIP_SHARE + 0.05, [code])):
        utility, cost = one.pred_utility.copy(), one.pred_cost.copy()
        rows = slice(0, round(share * len(utility)))
        utility[rows], cost[rows] = np.roll(utility[rows], 1, axis=1), np.roll(cost[rows], 1, axis=1)
        checks, found = judge({code: [(one, Scored(utility, cost))]}, "router")
        assert [finding.code for finding in found] == expected
        assert checks[0].share == pytest.approx(share, abs=0.01)
    assert CODES[code].weight == "flagged"


def test_what_several_pairs_show_is_added_up():
    same, other = (scored(), scored()), (scored(), scored(seed=9))
    (check,), _ = judge({"not-deterministic": [same, other]}, "router")
    assert check.compared == compare(*same).compared + compare(*other).compared
    assert check.changed == compare(*other).changed
