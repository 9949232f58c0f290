"""A kept verdict is a claim: whoever edits the cache changes nothing that is published."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mmr_leaderboard.cli.run import lines_of_steps
from mmr_leaderboard.packaging.environments import finished_folder


def forged(ground, value=0.9999):
    """Edits the nAUC of every verdict in the cache; gives how many there were."""
    done = 0
    for file in (ground.folder / "cache" / "leaderboard" / "verdicts").rglob("*.json"):
        kept = json.loads(file.read_text())
        if "isolation" in kept:  # a verdict; others are the figures of reference rows
            kept["figures"]["metrics"]["nauc"]["value"] = value
            file.write_text(json.dumps(kept))
            done += 1
    return done


def nauc(result, slug):
    return next(entry for entry in result.board.entries if entry.slug == slug).metrics["nauc"].value


def test_a_run_that_trusts_nothing_computes_a_forged_verdict_anew(ground):
    ground.decide("by-hand")
    honest = nauc(ground.run(), "by-hand")
    assert forged(ground) == 1
    assert nauc(ground.run(), "by-hand") == 0.9999
    assert nauc(ground.run(anew=True), "by-hand") == honest


def test_one_forged_verdict_that_is_drawn_ends_the_trust_in_all(ground):
    ground.decide("first", 1)
    ground.decide("second", 2)
    before = ground.run()
    assert forged(ground) == 2
    said = []
    after = ground.run(verified=0.5, warn=said.append)
    assert (after.kept, after.verified) == (2, 1)
    assert [nauc(after, slug) for slug in ("first", "second")] == [nauc(before, slug) for slug in ("first", "second")]
    assert sum("that was kept is not what a run gives: figures.metrics.nauc.value" in line for line in said) == 1
    assert "nothing that was kept is trusted: everything is computed anew" in said
    assert nauc(ground.run(), "first") == nauc(before, "first"), "the forged verdict is gone"


def test_an_honest_cache_is_verified_without_a_word(ground):
    ground.decide("by-hand")
    before = ground.run()
    said = []
    after = ground.run(verified=1.0, warn=said.append)
    assert (after.kept, after.verified, said) == (1, 1, [])
    assert after.board == before.board


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_what_killed_runs_left_is_swept_and_what_others_use_stays(ground, temporary):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"mmr-jobs-{ended.pid}-abc", "mmr-jobs-1-other", "mmr-jobs-strange"):
        (temporary / name / "job").mkdir(parents=True)
    ground.run()
    assert sorted(path.name for path in temporary.iterdir()) == ["mmr-jobs-1-other", "mmr-jobs-strange"]


def test_where_there_is_no_terminal_each_step_is_a_line_when_it_begins_and_when_it_ends():
    said = []
    step = lines_of_steps(said.append)
    for done in range(4):
        step("judging submissions", done, 3)
    assert said == ["judging submissions (3)", "judging submissions: done"]


@pytest.mark.parametrize("name", [".unfinished-", ".unfinished-abc-def", ".unfinished", f".unfinished-{10**30}-x"])
def test_a_stray_unfinished_folder_is_in_nobodys_way(tmp_path, name):
    (tmp_path / name).mkdir()
    made = finished_folder(tmp_path / "environment", lambda folder: (folder / "file").touch())
    assert (made / "file").is_file()
