"""Excess is read against limits that rise to what the runner's own fits reach, and that no entry moves."""

from __future__ import annotations

import pytest

from mmr_leaderboard.audit.excess import LIMITS, LIMITS_VERSION, SIGNIFICANT
from mmr_leaderboard.ranking.calibration import ROUTERS, limits_from, read_against
from mmr_leaderboard.ranking.verdicts import Verdict
from mmr_leaderboard.schema import CalibrationFit, LimitFacts

LIMIT, ERROR = LIMITS.residual, 0.004


def row(share: float, *flags: str, limit: float = LIMIT) -> Verdict:
    statistics = {"residual_share": share, "residual_error": ERROR, "limits_residual": limit}
    return Verdict(figures=None, statistics=statistics, flags=flags)


def limits(*shares: float) -> LimitFacts:
    return limits_from(
        [CalibrationFit(router="knn", seed=0, residual_share=each, permutation_share=0.0) for each in shares]
    )


def test_a_flag_stays_where_the_runners_fits_keep_within_the_limit():
    read = read_against(row(0.2, "excess-residual"), limits(0.01, 0.04))
    assert read.flags == ("excess-residual",)
    assert read.statistics["limits_residual"] == LIMIT


def test_a_flag_goes_where_the_runners_fits_reach_as_much():
    read = read_against(row(0.2, "excess-residual"), limits(0.01, 0.21))
    assert read.flags == ()
    assert read.statistics["limits_residual"] == 0.21


def test_a_flag_stays_where_the_row_passes_the_fits_by_more_than_chance():
    beyond = 0.15 + SIGNIFICANT * ERROR + 1e-6
    assert read_against(row(beyond, "excess-residual"), limits(0.15)).flags == ("excess-residual",)
    assert read_against(row(beyond - 2e-6, "excess-residual"), limits(0.15)).flags == ()


def test_fits_never_lower_a_limit_nor_raise_a_flag():
    read = read_against(row(0.06), limits(0.0))
    assert read.flags == ()
    assert read.statistics["limits_residual"] == LIMIT


def test_other_flags_are_left_alone():
    read = read_against(row(0.2, "placebo-skill", "excess-residual"), limits(0.5))
    assert read.flags == ("placebo-skill",)


@pytest.mark.parametrize("found", [None, limits(0.5)])
def test_a_row_that_was_not_audited_stays_as_it_is(found):
    bare = Verdict(figures=None)
    assert read_against(bare, found) == bare


def test_a_board_publishes_its_limits_their_version_and_the_fits_they_came_from(ground):
    ground.decide("one")
    found = ground.run().board.limits
    assert found is not None
    assert found.version == LIMITS_VERSION
    assert tuple(fit.router for fit in found.fits) == ROUTERS
    assert found.residual == max(LIMITS.residual, *(fit.residual_share for fit in found.fits))
    assert (found.placebo, found.revision) == (LIMITS.placebo, LIMITS.revision)


def test_no_entry_moves_a_limit(ground):
    ground.decide("one")
    alone = ground.run().board.limits
    ground.plug("built-in")
    assert ground.run().board.limits == alone
