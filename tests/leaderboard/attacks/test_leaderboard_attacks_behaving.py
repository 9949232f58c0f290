"""Plugins whose answers depend on more than the query, and entries that carry outcomes in."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from mmr_leaderboard.board import board_settings, open_board
from mmr_leaderboard.publish.choices import FILE, choices_text
from mmr_leaderboard.publish.log import append, news, read_log, sign_off
from mmr_leaderboard.publish.publication import publish
from mmr_leaderboard.submission.pins import expected_of

STRICT = {
    "remembers-queries": "not-deterministic",
    "looks-at-its-batch": "batch-matters",
    "looks-at-the-order": "order-matters",
    "rolls-dice": "not-deterministic",
    "looks-at-ids": "ids-matter",
    "behaves-while-watched": "subset-matters",
}
HIDING = {
    "rolls-dice-at-tiny-costs": ["cost-not-in-usd", "not-deterministic"],
    "looks-at-the-order-at-tiny-costs": ["cost-not-in-usd", "order-matters"],
    "looks-at-its-batch-at-tiny-costs": ["cost-not-in-usd", "batch-matters"],
    "looks-at-ids-at-tiny-costs": ["cost-not-in-usd", "ids-matter"],
    "rolls-dice-in-one-interval": ["not-deterministic"],
    "looks-at-the-order-in-one-interval": ["order-matters"],
    "looks-at-its-batch-in-one-interval": ["batch-matters"],
    "looks-at-ids-in-one-interval": ["ids-matter"],
}
CARRIED_IN = {
    "remembers-outcomes": [],
    "remembers-outcomes-by-prompt-hash": ["whitespace-flips"],
    "remembers-outcomes-by-image-hash": ["image-flips"],
}


@pytest.mark.parametrize("slug", STRICT)
def test_an_answer_that_depends_on_more_than_its_query_is_refused(arena, slug):
    assert arena.refused_for(slug) == [STRICT[slug]]


@pytest.mark.parametrize("slug", HIDING)
def test_no_scale_and_no_narrow_interval_hides_on_what_an_answer_depends(arena, slug):
    assert arena.refused_for(slug) == HIDING[slug]


def test_a_router_may_hash_strings(arena):
    checks = {check.code: check for check in arena.entry("hashes-questions").checks}
    assert [code for code, check in checks.items() if not check.passed] == ["whitespace-flips"]


@pytest.mark.parametrize("slug", CARRIED_IN)
def test_a_wheel_that_remembers_the_outcomes_is_shown_without_a_rank(arena, slug):
    entry = arena.entry(slug)
    assert entry.metrics["skill"].value > 0.9
    assert entry.rank is None
    assert entry.unranked_because.startswith("placebo-skill: ")
    assert "placebo-skill" in entry.audit.flags
    assert [found.code for found in entry.findings] == CARRIED_IN[slug]


@pytest.mark.parametrize(("slug", "code"), [("by-prompt-hash", "whitespace-flips"), ("by-image-hash", "image-flips")])
def test_a_table_of_hashes_shows_in_the_rate_of_flips(arena, slug, code):
    shares = {check.code: check.share for check in arena.entry(f"remembers-outcomes-{slug}").checks}
    assert shares[code] > 0.25
    assert max(share for other, share in shares.items() if other != code) < 0.25


def test_honest_rows_are_not_flagged(arena, honest_slugs):
    assert {slug: arena.entry(slug).audit.flags for slug in honest_slugs} == dict.fromkeys(honest_slugs, ())


def test_nobody_on_the_board_moves_the_limits(arena):
    assert arena.board.limits is not None
    assert arena.board.limits == arena.alone.limits
    raised = {entry.audit.statistics.get("limits_residual") for entry in arena.board.entries}
    assert raised == {arena.board.limits.residual}


def test_decisions_copied_from_the_outcomes_are_flagged_and_unranked(arena):
    entry = arena.entry("decisions-of-the-oracle")
    assert {"excess-residual", "excess-permutation"} <= set(entry.audit.flags)
    assert (entry.tier, entry.rank) == ("self-reported", None)


def test_a_maintainer_can_sign_off_what_the_placebo_blocks(arena, submit_to, tmp_path):
    world, published = arena.world, tmp_path / "published"
    submissions = submit_to(tmp_path / "submissions", "remembers-outcomes")
    result = world.run(arena.method, submissions, published=published)
    (before,) = result.board.entries
    publish(result.board, published)
    append(published, news(read_log(published), {before.slug: before.digest}, {}))
    sign_off(published, before.slug, "placebo-skill", by="A maintainer", why="it is a calibration entry")
    (after,) = world.run(arena.method, submissions, published=published).board.entries

    assert before.rank is None
    assert (after.rank, after.unranked_because) == (1, "")
    assert after.audit.signed_off == {"placebo-skill": "it is a calibration entry (A maintainer)"}
    assert after.metrics == before.metrics


def test_a_version_that_was_corrected_by_the_outcomes_is_flagged(world, building, monkeypatch, tmp_path):
    settings = board_settings().model_copy(update={"data": str(world.data)})
    monkeypatch.setattr("mmr_leaderboard.board.board_settings", lambda: settings)
    board = open_board(cache=world.folder / "other-cache")
    assert board.pinned
    pins = expected_of(board.column, board.table).pins.model_dump()
    stream = np.random.default_rng(3)
    best = {}
    for row in world.test:
        utility, _ = building.outcomes(row)
        best[row["dataset_idx"]] = building.POOL[utility.index(max(utility))]
    old = {name: building.POOL[stream.integers(len(building.POOL))] for name in best}
    new = {name: best[name] if stream.random() < 0.4 else old[name] for name in best}

    def submitted(decisions, **fields):
        shutil.rmtree(tmp_path / "submissions", ignore_errors=True)
        folder = building.submit(tmp_path / "submissions", "revised", pins=pins, **fields)
        (folder / "decisions.csv.gz").write_bytes(building.gzipped(building.decision_lines(world.test, decisions)))
        return world.run(None, folder.parent, data=None, published=tmp_path / "published")

    first = submitted(old)
    (before,) = first.board.entries
    publish(first.board, tmp_path / "published", also={FILE: choices_text(first.choices).encode()})
    append(tmp_path / "published", news(read_log(tmp_path / "published"), {before.slug: before.digest}, {}))
    (after,) = submitted(new, supersedes=before.digest).board.entries

    assert "suspicious-revision" not in before.audit.flags
    assert "suspicious-revision" in after.audit.flags
