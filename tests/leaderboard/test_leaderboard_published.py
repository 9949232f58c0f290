"""What stands in `leaderboard/published` of this checkout belongs to the submissions that stand beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmr_leaderboard.publish.choices import FILE as CHOICES
from mmr_leaderboard.publish.choices import choices_text, read_choices
from mmr_leaderboard.publish.log import read_log
from mmr_leaderboard.publish.publication import read_board, render
from mmr_leaderboard.ranking.board_check import stale_files
from mmr_leaderboard.schema import Leaderboard
from mmr_leaderboard.submission.folder import look, submission_folders
from mmr_leaderboard.submission.manifest import read_manifest

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "leaderboard" / "published"


@pytest.fixture(scope="module")
def board() -> Leaderboard:
    return read_board(PUBLISHED)


def test_every_published_file_is_what_the_document_gives(board):
    choices = read_choices(PUBLISHED)
    assert choices is not None
    assert stale_files(PUBLISHED, render(board, {CHOICES: choices_text(choices).encode()})) == []


def test_every_submission_stands_on_the_board_in_the_version_that_lies_here(board):
    here = {folder.name: look(folder).digest for folder in submission_folders(ROOT / "submissions")}
    assert {entry.slug: entry.digest for entry in board.entries} == here


def test_every_submission_pins_the_table_that_was_ranked_on(board):
    pins = (board.table.digest, board.table.split_digest, board.table.pool_digest)
    assert board.settings.pinned
    for folder in submission_folders(ROOT / "submissions"):
        content = look(folder).manifest
        assert content is not None
        manifest, findings = read_manifest(content)
        assert findings == []
        assert manifest is not None
        assert (manifest.pins.table, manifest.pins.split, manifest.pins.pool) == pins


def test_the_record_holds_the_entries_of_the_board(board):
    assert read_log(PUBLISHED).entries == {entry.slug: entry.digest for entry in board.entries}


def test_every_built_in_router_but_random_is_a_reproduced_entry(board):
    from mmr_leaderboard.board import own_registry

    built_in = {item.name for item in own_registry().routers.specs()} - {"random"}
    ranked = {
        entry.router.name
        for entry in board.entries
        if entry.router is not None and entry.tier == "reproduced" and entry.rank is not None
    }
    assert built_in <= ranked
    assert "soft-neighbours" in ranked
