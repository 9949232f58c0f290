"""A row's audit is read against what the honest rows of its own board reach."""

from __future__ import annotations

from mmr_leaderboard.audit.excess import SIGNIFICANT
from mmr_leaderboard.ranking.eligibility import read_against_honest
from mmr_leaderboard.ranking.verdicts import Verdict

LIMIT, ERROR = 0.05, 0.004


def row(share: float, *flags: str, limit: float = LIMIT) -> Verdict:
    statistics = {"residual_share": share, "residual_error": ERROR, "limits_residual": limit}
    return Verdict(figures=None, statistics=statistics, flags=flags)


def test_a_flag_stays_where_honest_rows_keep_within_the_limit():
    read = read_against_honest(row(0.2, "excess-residual"), [row(0.01), row(0.04)])
    assert read.flags == ("excess-residual",)
    assert read.statistics["limits_residual"] == LIMIT


def test_a_flag_goes_where_honest_rows_reach_as_much():
    read = read_against_honest(row(0.2, "excess-residual"), [row(0.01), row(0.21)])
    assert read.flags == ()
    assert read.statistics["limits_residual"] == 0.21


def test_a_flag_stays_where_the_row_passes_the_honest_ones_by_more_than_chance():
    beyond = 0.15 + SIGNIFICANT * ERROR + 1e-6
    assert read_against_honest(row(beyond, "excess-residual"), [row(0.15)]).flags == ("excess-residual",)
    assert read_against_honest(row(beyond - 2e-6, "excess-residual"), [row(0.15)]).flags == ()


def test_honest_rows_never_lower_a_limit_nor_raise_a_flag():
    read = read_against_honest(row(0.06), [row(0.0)])
    assert read.flags == ()
    assert read.statistics["limits_residual"] == LIMIT


def test_a_router_whose_placebo_blocks_is_no_honest_row():
    read = read_against_honest(row(0.2, "excess-residual"), [row(0.9, "placebo-skill")])
    assert read.flags == ("excess-residual",)


def test_other_flags_are_left_alone():
    read = read_against_honest(row(0.2, "placebo-skill", "excess-residual"), [row(0.5)])
    assert read.flags == ("placebo-skill",)


def test_a_row_that_was_not_audited_stays_as_it_is():
    bare = Verdict(figures=None)
    assert read_against_honest(bare, [row(0.5)]) == bare
