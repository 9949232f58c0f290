"""One whole run in which a built-in router is submitted as a plugin and really runs in isolation."""

from __future__ import annotations

import os

import pytest

from mmr_leaderboard.sandbox.contract import IsolationError
from mmr_leaderboard.sandbox.selection import sandbox

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("method", ["bubblewrap", "landlock"])
def test_a_built_in_router_is_reproduced_ranked_and_remembered(ground, method, monkeypatch):
    try:
        sandbox(method)
    except IsolationError as error:
        if os.environ.get("MMR_ISOLATION_REQUIRED"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    ground.plug("router", "kmeans")
    ground.decide("by-hand")
    first = ground.run(method=method, jobs=2)
    assert first.board.refused == ()
    router, by_hand = first.board.entries
    assert (router.slug, router.tier, router.rank, router.isolation) == ("router", "reproduced", 1, method)
    assert router.router.parameters["clusters"] == 20
    assert router.chosen["utility"].value is not None
    assert router.latency.median_ms.low <= router.latency.median_ms.value <= router.latency.median_ms.high
    assert {check.code for check in router.checks} >= {"not-deterministic", "order-matters", "ids-matter"}
    assert all(check.passed for check in router.checks)
    assert "placebo_skill" in router.audit.statistics
    assert by_hand.rank is None
    monkeypatch.setattr("mmr_leaderboard.ranking.referee.run_entry", None)
    assert ground.run(method=method).board.model_dump_json() == first.board.model_dump_json()
