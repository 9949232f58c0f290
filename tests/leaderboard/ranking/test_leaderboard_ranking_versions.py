"""Entries are compared by their decisions: copies share a place, and revisions are followed across names and steps."""

from __future__ import annotations

import numpy as np
import pytest

from mmr_leaderboard.audit.excess import LIMITS
from mmr_leaderboard.publish.choices import Choices, EarlierVersion, EntryChoices, choices_text
from mmr_leaderboard.publish.log import Event, Log
from mmr_leaderboard.ranking.verdicts import Verdict
from mmr_leaderboard.ranking.versions import REVISION, agreement, copies, forgotten, history, revised

N, MODELS = 800, 4
HEAD = {"table": "t", "split_digest": "s", "models": ("a", "b", "c", "d")}


def decided(seed: int, points: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, MODELS, (points, N))


def changed(points: np.ndarray, share: float, seed: int = 9) -> np.ndarray:
    """The same decisions with a share of the instances decided at random."""
    rng = np.random.default_rng(seed)
    rows = rng.random(N) < share
    return np.where(rows, rng.integers(0, MODELS, points.shape), points)


def log_of(*happened: tuple[str, str, str]) -> Log:
    return Log(tuple(Event(at="2026-01-01T00:00:00Z", event=e, slug=s, digest=d, by="x") for e, s, d in happened))


def plain(points: np.ndarray) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, points.tolist()))


@pytest.fixture
def utility() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (N, MODELS)).astype(float)


def corrected(points: np.ndarray, utility: np.ndarray, rows: slice) -> np.ndarray:
    """The same decisions with some of the wrong ones turned right by the outcomes."""
    made = points.copy()
    best = utility.argmax(axis=1)
    made[:, rows] = best[rows]
    return made


def audited() -> Verdict:
    return Verdict(figures=None, statistics={"limits_revision": LIMITS.revision})


def test_one_router_under_eleven_names_is_one_original_and_ten_copies():
    own = decided(0)
    standing = {(f"name-{i:02}", f"d{i}"): plain(changed(own, 0.02, seed=i)) for i in range(11)}
    found = copies(history(Log(), None, standing), list(standing), [])
    assert found == dict.fromkeys((f"name-{i:02}" for i in range(1, 11)), "name-00")


def test_routers_that_decide_differently_are_no_copies():
    standing = {
        ("a", "1"): plain(decided(0)),
        ("b", "2"): plain(changed(decided(0), 0.2)),
        ("c", "3"): plain(decided(1)),
    }
    assert copies(history(Log(), None, standing), list(standing), []) == {}


def test_routers_that_agree_where_all_do_but_nowhere_else_are_no_copies():
    one, other = decided(0), decided(1)
    other[0] = one[0]
    assert agreement(one, one) == 1
    assert agreement(one, other) < 0.5


def test_the_entry_that_was_there_first_is_the_original_whatever_the_names_are():
    own = plain(decided(0))
    standing = {("a-copy", "2"): own, ("original", "1"): own}
    versions = history(log_of(("added", "original", "1"), ("added", "a-copy", "2")), None, standing)
    assert copies(versions, list(standing), []) == {"a-copy": "original"}


def test_an_original_that_changed_since_keeps_its_seniority():
    own = plain(decided(0))
    standing = {("a-copy", "2"): own, ("original", "3"): own}
    happened = [("added", "original", "1"), ("added", "a-copy", "2"), ("superseded", "original", "3")]
    before = Choices(**HEAD, entries={}, earlier=(EarlierVersion(slug="original", digest="1", points=own),))
    assert copies(history(log_of(*happened), before, standing), list(standing), []) == {"a-copy": "original"}


def test_an_entry_that_turned_into_a_copy_is_not_senior_by_its_slug():
    own, other = plain(decided(0)), plain(decided(1))
    standing = {("older", "3"): own, ("original", "2"): own}
    happened = [("added", "older", "1"), ("added", "original", "2"), ("superseded", "older", "3")]
    before = Choices(**HEAD, entries={}, earlier=(EarlierVersion(slug="older", digest="1", points=other),))
    assert copies(history(log_of(*happened), before, standing), list(standing), []) == {"older": "original"}


def test_no_ranked_entry_is_a_copy_of_one_without_a_rank():
    own = plain(decided(0))
    standing = {("a-decisions-file", "1"): own, ("router", "2"): own}
    found = copies(history(Log(), None, standing), [("router", "2")], [("a-decisions-file", "1")])
    assert found == {"a-decisions-file": "router"}


def test_corrections_are_seen_under_another_name_after_the_entry_was_withdrawn(utility):
    old = decided(0)
    new = corrected(old, utility, slice(0, 140))
    happened = log_of(("added", "first", "1"), ("removed", "first", "1"))
    before = Choices(**HEAD, entries={}, earlier=(EarlierVersion(slug="first", digest="1", points=plain(old)),))
    versions = history(happened, before, {("second", "2"): plain(new)})
    found = revised(audited(), ("second", "2"), versions, utility)
    assert found.flags == (REVISION,)
    assert found.revision_of == "first 1"
    assert found.statistics["revision_worse"] == 0
    assert found.statistics["revision_share_low"] > LIMITS.revision


def test_twelve_small_steps_are_seen_as_what_they_add_up_to(utility):
    steps = [decided(0)]
    for step in range(12):
        steps.append(corrected(steps[-1], utility, slice(12 * step, 12 * step + 12)))
    keys = [("entry", f"{i:02}") for i in range(13)]
    happened = log_of(*(("superseded" if i else "added", slug, digest) for i, (slug, digest) in enumerate(keys)))
    earlier = [EarlierVersion(slug=s, digest=d, points=plain(p)) for (s, d), p in zip(keys[:-1], steps, strict=False)]
    versions = history(happened, Choices(**HEAD, entries={}, earlier=tuple(earlier)), {keys[-1]: plain(steps[-1])})
    alone = history(happened, Choices(**HEAD, entries={}, earlier=(earlier[-1],)), {keys[-1]: plain(steps[-1])})
    assert revised(audited(), keys[-1], versions, utility).flags == (REVISION,)
    assert revised(audited(), keys[-1], alone, utility).flags == ()


def test_no_entry_is_a_revision_of_what_came_later(utility):
    old = decided(0)
    standing = {("first", "1"): plain(corrected(old, utility, slice(0, 140))), ("second", "2"): plain(old)}
    versions = history(log_of(("added", "first", "1"), ("added", "second", "2")), None, standing)
    assert revised(audited(), ("first", "1"), versions, utility).flags == ()


def test_another_router_that_happens_to_be_better_is_no_revision(utility):
    best = np.tile(utility.argmax(axis=1), (3, 1))
    standing = {("a-bad-one", "1"): plain(decided(0)), ("the-best", "2"): plain(best)}
    assert revised(audited(), ("the-best", "2"), history(Log(), None, standing), utility).flags == ()


def test_honest_changes_are_no_revision(utility):
    old = decided(0)
    standing = {("a", "1"): plain(old), ("b", "2"): plain(changed(old, 0.2))}
    assert revised(audited(), ("b", "2"), history(Log(), None, standing), utility).flags == ()


def test_a_recorded_version_without_known_decisions_is_counted():
    log = log_of(("added", "a", "1"), ("superseded", "a", "2"))
    assert forgotten(log, history(log, None, {("a", "2"): plain(decided(0))})) == 1


def test_earlier_versions_read_back_from_their_file(tmp_path):
    earlier = (EarlierVersion(slug="a", digest="1", points=((0, 1), (1, 2))),)
    made = Choices(**HEAD, entries={"b": EntryChoices(digest="2", points=((3, 0),))}, earlier=earlier)
    assert Choices.model_validate_json(choices_text(made)) == made
