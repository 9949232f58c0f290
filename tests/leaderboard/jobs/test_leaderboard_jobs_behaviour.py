"""Decisions are compared as the engine's own test compares them, and findings explain one another."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmr_core.numerics.sweep import TOGETHER
from mmr_core.runner.agreement import (
    INTERVALS,
    MARGIN,
    PROBABILITY,
    UNCLEAR_QUERIES,
    UNCLEAR_SHARE,
    Compared,
    compare,
    flips,
)
from mmr_core.runner.policies import GRID, Decided, Scored
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.jobs.behaviour import COST_FACTOR, FLIP_SHARE, FLIPS, STRICT, judge, judge_costs

NUMBERS = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 0.5 + 1e-7, 0.5 + 3e-6]), st.floats(-2, 2, width=32))


@st.composite
def pairs(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 4)))
    rows = arrays(np.float64, shape, elements=NUMBERS)
    return Scored(draw(rows), draw(rows)), Scored(draw(rows), draw(rows))


def slow(first: Scored, second: Scored) -> Compared:
    """One query at a time, at one weight within each interval between any two lines of either answer."""

    def best(scored: Scored, i: int, weight: Fraction | None) -> int:
        def rank(j: int) -> tuple[Fraction, Fraction, Fraction, int]:
            u, c = Fraction(scored.pred_utility[i, j]), Fraction(scored.pred_cost[i, j])
            return (c if weight is None else weight * c - u, c, -u, j)

        return min(range(scored.pred_utility.shape[1]), key=rank)

    def lead(scored: Scored, i: int, one: int, other: int, weight: Fraction | None) -> Fraction:
        u, c = scored.pred_utility[i], scored.pred_cost[i]
        utility, cost = (Fraction(row[one]) - Fraction(row[other]) for row in (u, c))
        return -cost if weight is None else utility - weight * cost

    def scale(scored: Scored, i: int, weight: Fraction | None) -> Fraction:
        u, c = (max(abs(Fraction(x)) for x in row[i]) for row in (scored.pred_utility, scored.pred_cost))
        return c if weight is None else u + weight * c

    def crossings(scored: Scored, i: int) -> set[Fraction]:
        u, c = ([Fraction(x) for x in row[i]] for row in (scored.pred_utility, scored.pred_cost))
        pairs = itertools.combinations(range(len(u)), 2)
        return {(u[j] - u[k]) / (c[j] - c[k]) for j, k in pairs if c[j] != c[k]}

    n, changed = len(first.pred_utility), 0
    doubtful: list[tuple[Fraction, float | Fraction]] = []
    for i in range(n):
        edges = sorted({Fraction(0), *(x for s in (first, second) for x in crossings(s, i) if x > 0)})
        most, here = Fraction(0), []
        for begin, end in itertools.zip_longest(edges, edges[1:]):
            middle = 2 * begin + 1 if end is None else (begin + end) / 2
            one, other = best(first, i, middle), best(second, i, middle)
            if one == other or (end is not None and end <= begin * (1 + Fraction(TOGETHER))):
                continue
            for weight in (begin, middle, end):
                moved = sum(abs(lead(scored, i, one, other, weight)) for scored in (first, second))
                size = max(scale(scored, i, weight) for scored in (first, second))
                most = max(most, moved / size if size else Fraction(0))
            here.append((begin, np.inf if end is None else end))
        changed += most > MARGIN
        doubtful += here if most <= MARGIN else []
    unclear = max((sum(b <= at < e for b, e in doubtful) for at, _ in doubtful), default=0)
    if unclear > UNCLEAR_QUERIES + UNCLEAR_SHARE * n:
        changed += unclear
    return Compared(compared=n, changed=changed)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_comparing_counts_what_exact_arithmetic_at_every_interval_counts(pair):
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
    assert compare(one, other).changed > 100


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e9])
def test_no_unit_of_costs_or_utilities_hides_a_change(scale):
    one, other = scored(), scored(seed=1)
    there = compare(one, other)
    assert there.changed > 190
    assert compare(*(Scored(answer.pred_utility, answer.pred_cost * scale) for answer in (one, other))) == there
    assert compare(*(Scored(answer.pred_utility * scale, answer.pred_cost) for answer in (one, other))) == there


NARROW = 1e-3
"""An interval of trade-off weights with decisions of its own, relative to where it begins."""


def hiding(seed: int, n: int = 200, models: int = 6) -> Scored:
    """Model 0 is chosen up to a weight of 1 and the last beyond; just above 1 it is one of the others, by chance."""
    utility, cost = np.full((n, models), -1.0), np.tile(np.linspace(1.0, 0.5, models), (n, 1))
    cost[:, -1] = 0.0
    utility[:, 0], utility[:, -1] = 2.0, 1.0 - NARROW / 4
    chance = np.random.default_rng(seed).integers(1, models - 1, n)
    utility[np.arange(n), chance] = 1.0 + cost[np.arange(n), chance]
    return Scored(utility, cost)


def test_decisions_hidden_in_one_narrow_interval_are_found():
    one, other = hiding(1), hiding(2)
    agreeing = (one.pred_utility == other.pred_utility).all(axis=1)
    for weight in (0.0, *GRID[1:-1][np.abs(GRID[1:-1] - 1) > 0.01], np.inf):
        assert np.array_equal(one.decisions_at(weight).choice, other.decisions_at(weight).choice)
    assert compare(one, other) == Compared(compared=200, changed=int((~agreeing).sum()))
    assert flips(one, other) == compare(one, other)


def test_flips_are_read_within_the_curve_whatever_its_place():
    one, other = scored(), scored(seed=1)
    there = flips(one, other)
    assert there.compared == 200
    assert there.changed > 100
    for factor in (1e-12, 1e12):
        assert (
            flips(
                Scored(one.pred_utility, one.pred_cost * factor), Scored(other.pred_utility, other.pred_cost * factor)
            )
            == there
        )


def test_flips_are_read_at_zero_at_infinity_and_within_sixty_four_intervals():
    assert INTERVALS >= 64
    base = scored()
    dearest, cheapest = base.pred_utility.argmax(axis=1), base.pred_cost.argmin(axis=1)
    for array, chosen in ((0, dearest), (1, cheapest)):
        changed = [base.pred_utility.copy(), base.pred_cost.copy()]
        swapped = (chosen + 1) % 4
        everyone = np.arange(200)
        changed[array][everyone, chosen], changed[array][everyone, swapped] = (
            changed[array][everyone, swapped],
            changed[array][everyone, chosen],
        )
        assert flips(base, Scored(*changed)).changed == 200


def test_a_clear_change_at_one_query_is_seen():
    one = scored()
    utility = one.pred_utility.copy()
    utility[17] = utility[17, ::-1]
    assert compare(one, Scored(utility, one.pred_cost)) == Compared(compared=200, changed=1)


def test_answers_about_different_queries_cannot_be_compared():
    with pytest.raises(ValueError, match="different queries"):
        compare(scored(3), scored(4))


def test_a_router_that_predicts_once_and_decides_once_has_changed_everything():
    decides = Decided(np.array([0.0]), (np.full((5, 4), 0.25),))
    for pair in ((scored(5), decides), (decides, scored(5))):
        assert compare(*pair) == flips(*pair) == Compared(compared=5, changed=5)


@st.composite
def decided(draw, n: int = 3, models: int = 3):
    at = sorted(draw(st.sets(st.integers(1, len(GRID) - 1), max_size=4)))
    rows = st.sampled_from([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 0.5, 0.0), (0.5 + 5e-6, 0.5 - 5e-6, 0.0)])
    points = [np.array(draw(st.lists(rows, min_size=n, max_size=n))) for _ in (0, *at)]
    return Decided(np.array([0.0, *GRID[at]]), tuple(points))


@given(decided(), decided())
@settings(max_examples=60, deadline=None)
def test_probabilities_are_compared_at_every_weight_of_the_grid(one, other):
    moved = []
    for weight in GRID:
        held = []
        for policy in (one, other):
            last = max(i for i, start in enumerate(policy.trade_off) if start <= weight)
            held.append(policy.probabilities[last])
        moved.append([max(abs(a - b)) > PROBABILITY for a, b in zip(*held, strict=True)])
    assert compare(one, other) == Compared(compared=3, changed=int(np.any(moved, axis=0).sum()))
    assert flips(one, other) == Compared(compared=3, changed=max(map(sum, moved)))


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


@pytest.mark.parametrize(
    ("factor", "codes"), [(1.0, 0), (900.0, 0), (1 / 900, 0), (1100.0, 1), (1 / 1100, 1), (0.0, 1), (-1.0, 1)]
)
def test_mean_costs_more_than_a_thousand_times_off_are_found(factor, codes):
    learned = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = judge_costs(Scored(np.zeros((1, 2)), np.array([[2.0, 3.0 * factor]])), learned, ("A", "B"), "router")
    assert [each.code for each in found] == ["cost-not-in-usd"] * codes
    assert all(each.examples == (f"B: {factor:.3g} times",) for each in found)
    assert COST_FACTOR == 1000


def test_costs_of_free_and_of_unseen_models_are_not_judged():
    learned = np.array([[0.0, np.nan], [0.0, np.nan]])
    assert judge_costs(Scored(np.zeros((1, 2)), np.ones((1, 2))), learned, ("A", "B"), "router") == ()
    decides = Decided(np.array([0.0]), (np.full((1, 2), 0.5),))
    assert judge_costs(decides, np.ones((2, 2)), ("A", "B"), "router") == ()
