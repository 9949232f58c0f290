"""A whole run of a small board: what is ranked, shown, refused and remembered, and that chance plays no part."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from mmr_core.errors import DataError, UsageError
from mmr_leaderboard.findings import finding
from mmr_leaderboard.publish.choices import FILE as CHOICES
from mmr_leaderboard.publish.choices import choices_text
from mmr_leaderboard.publish.log import append, news, read_log, sign_off
from mmr_leaderboard.ranking import board_run as run_module
from mmr_leaderboard.ranking import referee
from mmr_leaderboard.ranking.board_check import choice_differences, differences
from mmr_leaderboard.sandbox.contract import Limits
from mmr_leaderboard.sandbox.selection import IsolationError


def publish(ground, result):
    """What `mmr leaderboard run` leaves for the next run: choices and record."""
    ground.published.mkdir(exist_ok=True)
    (ground.published / CHOICES).write_text(choices_text(result.choices))
    standing = {entry.slug: entry.digest for entry in result.board.entries}
    append(ground.published, news(read_log(ground.published), standing, {}))


def entry_of(result, slug):
    return next(entry for entry in result.board.entries if entry.slug == slug)


def refused_of(result, slug):
    return next(one for one in result.board.refused if one.slug == slug)


def document(result):
    return result.board.model_dump_json()


def test_decisions_stand_below_unranked_with_the_reason(ground, stage):
    ground.decide("by-hand")
    ground.plug("router", "knn")
    stage.answer("knn", right=0.1)
    board = ground.run().board
    assert [(entry.slug, entry.rank, entry.tier) for entry in board.entries] == [
        ("router", 1, "reproduced"),
        ("by-hand", None, "self-reported"),
    ]
    by_hand = board.entries[1]
    assert by_hand.unranked_because == "self-reported decisions are shown and not ranked"
    assert by_hand.chosen is None
    assert by_hand.latency is None
    assert by_hand.isolation is None


def test_every_reference_row_is_always_there(ground):
    board = ground.run().board
    names = [row.name for row in board.references]
    singles = [f"model:model-{j}" for j in range(4)]
    assert names == ["oracle", "oracle-cost-unaware", "constant", "best-single", "random", *singles] or set(names) == {
        "oracle", "oracle-cost-unaware", "constant", "best-single", "random", *singles
    }  # fmt: skip
    assert board.entries == ()
    assert board.comparisons == ()
    assert all(row.datasets.keys() == {"mathvista", "mmstar"} for row in board.references)


def test_two_runs_and_any_number_of_jobs_give_the_same_document(ground, tmp_path, monkeypatch):
    for seed in range(5):
        ground.decide(f"entry-{seed}", seed, favour=seed / 8)
    first = ground.run(jobs=1)
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "another"))
    second = ground.run(jobs=4)
    third = ground.run(jobs=4)
    assert document(first) == document(second) == document(third)
    assert choices_text(first.choices) == choices_text(second.choices) == choices_text(third.choices)


def test_a_second_run_measures_nothing_again(ground, stage, monkeypatch):
    ground.decide("by-hand")
    ground.plug("router", "knn")
    stage.answer("knn")
    first = ground.run()
    assert ground.asked == ["knn"]

    def refuse(*_, **__):
        raise AssertionError("something was measured again")

    monkeypatch.setattr(referee.Referee, "_audited", refuse)
    monkeypatch.setattr(run_module.BoardScorer, "entry", refuse)
    second = ground.run()
    assert ground.asked == ["knn"]
    assert document(second) == document(first)


def test_what_goes_into_a_verdict_is_measured_again_when_it_changes(ground, stage, monkeypatch):
    ground.plug("router", "knn")
    stage.answer("knn")
    ground.run()
    ground.plug("router", "knn", notes='"another text"')
    ground.run()
    assert len(ground.asked) == 2
    stage.runtime = "another runtime"
    ground.run()
    assert len(ground.asked) == 3
    stage.sandbox = type("Other", (), {"method": "landlock"})()
    ground.run()
    assert len(ground.asked) == 4
    monkeypatch.setattr(referee, "library_versions", lambda: {"numpy": "99"})
    ground.run()
    assert len(ground.asked) == 5
    ground.run(limits=Limits(wall_seconds=1234))
    assert len(ground.asked) == 6
    ground.run(limits=Limits(wall_seconds=1234))
    assert len(ground.asked) == 6


@pytest.mark.parametrize(
    ("code", "again"), [("timeout", True), ("memory-limit", True), ("killed", True), ("raised", False)]
)
def test_an_end_by_chance_is_tried_again_and_one_by_fault_is_not(ground, stage, code, again):
    ground.plug("router", "knn")
    stage.answer("knn", policy=None, findings=(finding(code, "the fit", "it ended"),))
    result = ground.run()
    assert [found.code for found in refused_of(result, "router").findings] == [code]
    ground.run()
    assert ground.asked == ["knn"] * (2 if again else 1)


def test_a_failed_router_has_no_row_and_the_others_have_theirs(ground, stage):
    ground.plug("first", "knn")
    ground.plug("second", "linear")
    stage.answer("knn", policy=None, findings=(finding("raised", "the fit", "ZeroDivisionError"),))
    stage.answer("linear")
    board = ground.run().board
    assert [entry.slug for entry in board.entries] == ["second"]
    assert [one.slug for one in board.refused] == ["first"]


def test_refused_rows_stand_by_their_names_whenever_they_were_refused(ground, stage):
    ground.plug("middle", "knn")
    stage.answer("knn", policy=None, findings=(finding("raised", "the fit", "it raised"),))
    for slug in ("zebra", "aardvark"):
        ground.decide(slug, 7)
    refused = ground.run().board.refused
    assert [(one.slug, one.findings[0].code) for one in refused] == [
        ("aardvark", "duplicate-entry"),
        ("middle", "raised"),
        ("zebra", "duplicate-entry"),
    ]
    assert refused[0].findings[0].message == "aardvark decides like zebra"


def test_an_unsafe_run_has_figures_and_no_rank(ground, stage):
    ground.plug("router", "knn")
    stage.answer("knn", method="unsafe")
    said = []
    [entry] = ground.run(unsafe=True, warn=said.append).board.entries
    assert (entry.tier, entry.rank, entry.isolation) == ("unverified", None, "unsafe")
    assert entry.unranked_because == "it was run without isolation"
    assert any("--unsafe" in line for line in said)


def test_where_nothing_isolates_plugins_are_refused_and_decisions_are_shown(ground, stage, monkeypatch):
    def impossible(method):
        raise IsolationError("submitted code cannot be isolated on this machine: no kernel")

    monkeypatch.setattr(run_module, "way_of_isolation", impossible)
    ground.plug("router", "knn")
    ground.decide("by-hand")
    result = ground.run()
    assert [entry.slug for entry in result.board.entries] == ["by-hand"]
    [found] = refused_of(result, "router").findings
    assert found.code == "isolation-impossible"
    assert "no kernel" in found.message
    with pytest.raises(IsolationError):
        ground.run(method="landlock")


def test_skill_that_a_placebo_keeps_blocks_the_rank_until_this_version_is_signed_off(ground, stage):
    ground.plug("router", "knn")
    stage.answer("knn", right=0.9, placebo=0.9)
    first = ground.run()
    entry = entry_of(first, "router")
    assert "placebo-skill" in entry.audit.flags
    assert entry.rank is None
    assert entry.unranked_because.startswith("placebo-skill: ")
    publish(ground, first)
    sign_off(ground.published, "router", "placebo-skill", by="Ada", why="it was looked at")
    second = entry_of(ground.run(), "router")
    assert second.rank == 1
    assert second.audit.signed_off == {"placebo-skill": "it was looked at (Ada)"}
    ground.plug("router", "knn", notes='"a new version"', supersedes=entry.digest)
    third = entry_of(ground.run(), "router")
    assert third.rank is None
    assert third.audit.signed_off == {}
    assert ground.asked == ["knn", "knn"]


def test_ranks_follow_nauc_and_what_cannot_be_told_apart_shares_its_place(ground, stage):
    for slug, router, right, seed in (
        ("best", "knn", 0.9, 1),
        ("same", "linear", 0.3, 2),
        ("like", "kmeans", 0.3, 3),
    ):
        ground.plug(slug, router)
        stage.answer(router, right=right, seed=seed)
    board = ground.run().board
    naucs = [entry.metrics["nauc"].value for entry in board.entries]
    assert naucs == sorted(naucs, reverse=True)
    assert board.entries[0].slug == "best"
    assert [entry.rank for entry in board.entries] == [1, 2, 2]
    assert {entry.slug: entry.ties for entry in board.entries}["like"] == ("same",)
    assert len(board.comparisons) == 3
    for entry in board.entries:
        assert entry.rank_low <= entry.rank_high


def test_a_new_version_without_supersedes_is_refused_and_one_with_it_replaces(ground):
    old = ground.decide("by-hand", 1)
    publish(ground, ground.run())
    ground.decide("by-hand", 2)
    assert [found.code for found in refused_of(ground.run(), "by-hand").findings] == ["changed-without-supersedes"]
    new = ground.decide("by-hand", 2, supersedes=old)
    assert entry_of(ground.run(), "by-hand").digest == new


def test_changes_between_versions_are_audited_in_the_first_run_and_in_all_later_ones(ground, opened):
    tested = opened.column.table.utility[opened.column.test]
    ids, pool = ground.expected.test_ids, ground.expected.pool
    rng = np.random.default_rng(0)
    first = rng.integers(0, len(pool), len(ids))
    corrected = np.where(rng.random(len(ids)) < 0.9, tested.argmax(axis=1), first)

    def rows(choice):
        return [f"{name},0,{pool[at]}" for name, at in zip(ids, choice, strict=True)]

    old = ground.put("by-hand", rows(first))
    before = ground.run()
    assert not any(name.startswith("revision") for name in entry_of(before, "by-hand").audit.statistics)
    publish(ground, before)
    new = ground.put("by-hand", rows(corrected), supersedes=old)
    second = ground.run()
    assert "suspicious-revision" in entry_of(second, "by-hand").audit.flags
    publish(ground, second)
    third = ground.run()
    assert differences(second.board, third.board) == []
    assert choice_differences(second.choices, third.choices) == []
    assert document(third) == document(second)
    # The next version is compared with the published one, not with the one before that.
    ground.put("by-hand", rows(np.where(rng.random(len(ids)) < 0.05, first, corrected)), supersedes=new)
    fourth = ground.run()
    assert fourth.choices.entries["by-hand"].superseded == third.choices.entries["by-hand"].points


def test_a_lost_file_of_choices_is_told_to_who_supersedes(ground):
    old = ground.decide("by-hand", 1)
    publish(ground, ground.run())
    ground.decide("by-hand", 2, supersedes=old)
    (ground.published / CHOICES).write_text("{")
    said = []
    ground.run(warn=said.append)
    assert "by-hand supersedes a version whose choices are not published; changes are not audited" in said


def test_a_trial_on_another_table_is_not_bound_by_what_was_scored(ground, store):
    ground.decide("by-hand", 1)
    publish(ground, ground.run())
    ground.decide("by-hand", 2)
    trial = ground.run(data=str(store.parent / "." / "store") + "/")
    assert trial.board.settings.pinned is False
    assert [entry.slug for entry in trial.board.entries] == ["by-hand"]


def test_choices_are_one_model_for_each_test_instance_at_each_point(ground):
    ground.decide("by-hand")
    choices = ground.run().choices
    entry = choices.entries["by-hand"]
    assert {len(point) for point in entry.points} == {len(ground.expected.test_ids)}
    assert json.loads(choices_text(choices))["models"] == list(ground.expected.pool)


def test_a_broken_record_ends_the_run_before_anything_is_judged(ground):
    ground.published.mkdir()
    (ground.published / "audit.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"audit\.jsonl, line 1"):
        ground.run()


def test_an_absent_folder_of_submissions_is_wrong_use(ground):
    with pytest.raises(UsageError, match="nowhere: there is no such folder; give --submissions"):
        ground.run(submissions=ground.folder / "nowhere")


def test_an_interruption_stops_what_others_run_and_starts_nothing_more(ground, stage, monkeypatch):
    stopped, waiting = [], threading.Event()

    def interrupted(board):
        waiting.wait(10)
        raise KeyboardInterrupt

    def slow(board):
        waiting.set()
        assert stopping.wait(10)
        raise KeyboardInterrupt

    stopping = threading.Event()
    monkeypatch.setattr(run_module, "stop_all", lambda: (stopped.append(True), stopping.set()))
    for slug, router in (("first", "knn"), ("second", "linear"), ("third", "kmeans"), ("zlast", "linear-mf")):
        ground.plug(slug, router)
    stage.runs.update({"knn": slow, "linear": interrupted, "kmeans": slow, "linear-mf": slow})
    with pytest.raises(KeyboardInterrupt):
        ground.run(jobs=2)
    assert stopped == [True]
    assert "linear-mf" not in ground.asked


def test_nothing_of_a_job_is_left_behind(ground, stage, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    ground.plug("router", "knn")
    stage.answer("knn")
    ground.run()
    assert list((tmp_path / "temporary").iterdir()) == []
