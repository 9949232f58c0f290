"""Submissions that are hostile before anything of them runs: each is refused by name, and harms no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmr_leaderboard.publish.publication import publish, render
from mmr_leaderboard.schema import Refused

CODES = {
    "wheel-with-pth": "hostile-wheel",
    "wheel-that-starts-by-itself": "hostile-wheel",
    "wheel-with-a-numpy": "hostile-wheel",
    "wheel-with-an-engine": "hostile-wheel",
    "wheel-with-an-extra": "hostile-wheel",
    "wheel-with-a-json": "hostile-wheel",
    "wheel-that-escapes": "hostile-wheel",
    "wheel-with-a-link": "hostile-wheel",
    "wheel-with-a-bomb": "hostile-wheel",
    "wheel-for-two": "hostile-wheel",
    "wheel-of-another-hash": "hash-mismatch",
    "source-in-place-of-a-wheel": "no-wheel",
    "source-among-the-wheels": "unexpected-file",
    "requirement-without-hash": "bad-requirement",
    "requirement-that-the-runner-brings": "bad-requirement",
    "wheel-that-needs-more": "bad-requirement",
    "router-by-another-name": "no-such-router",
    "router-of-somebody-else": "no-such-router",
    "fusion-of-somebody-else": "no-such-router",
    "wheel-without-a-plugin": "no-such-router",
    "plugin-that-raises": "no-such-router",
    "plugin-that-exits": "no-such-router",
    "folder-by-a-link": "not-a-plain-file",
    "file-in-place-of-a-folder": "not-a-plain-file",
    "socket-in-place-of-a-folder": "not-a-plain-file",
    "manifest-by-a-pipe": "not-a-plain-file",
    "manifest-by-a-link": "not-a-plain-file",
    "folder-that-nobody-may-open": "not-a-plain-file" if os.geteuid() else "bad-manifest",
    "wheels-by-a-link": "not-a-plain-file",
    "ten-thousand-files": "unexpected-file",
    "file-with-a-shell-in-its-name": "strange-name",
    "decisions-of-five-gigabytes": "too-large",
    "pickle-called-parquet": "pickle",
    "decisions-that-are-a-bomb": "archive-bomb",
    "decisions-with-costs": "extra-column",
    "decisions-without-hard-rows": "missing-instance",
    "manifest-turned-round": "bad-manifest",
    "manifest-with-nul": "bad-manifest",
    "manifest-with-an-escape": "bad-manifest",
    "manifest-of-a-megabyte": "too-large",
    "manifest-nested-deeply": "bad-manifest",
    "manifest-with-a-path-for-a-slug": "bad-manifest",
    "manifest-of-somebody-else": "bad-slug",
    "manifest-of-a-reference": "reference-row",
}
SHOWN = ("manifest-with-a-script", "decisions-of-the-oracle", "topics-by-another-name")
"""Valid as submissions; what becomes of them is tested below, and in `behaving`."""


@pytest.mark.parametrize("slug", CODES)
def test_a_hostile_submission_is_refused_by_name(arena, slug):
    assert arena.refused_for(slug)[0] == CODES[slug]


def test_one_router_in_three_wheels_has_one_place_and_pushes_nobody_down(arena):
    names = ("topics-by-a-third-name", "topics-by-another-name")
    rows = [arena.entry(name) for name in ("honest-topics", *names)]
    assert {row.rank for row in rows} == {rows[0].rank}
    assert [row.copy_of for row in rows] == ["", "honest-topics", "honest-topics"]
    copied = {row.slug for row in arena.board.entries if row.copy_of}
    assert not copied & {each for pair in arena.board.comparisons for each in (pair.better, pair.worse)}
    ranks = [row.rank for row in arena.board.entries if row.rank is not None and not row.copy_of]
    assert max(ranks) <= len(ranks)


def test_every_hostile_submission_is_judged_here(hostile_slugs):
    assert {*CODES, *SHOWN} == set(hostile_slugs)


def test_folders_whose_names_are_no_slugs_are_refused_and_take_nobodys_place(arena):
    strange = [row for row in arena.board.refused if row.findings[0].code == "bad-slug"]
    names = {row.slug for row in strange} - {"manifest-of-somebody-else"}
    assert len(names) == len(arena.world.strange) + 1
    assert "Honest-Kmeans" in names
    assert all(name.isprintable() for name in names)
    assert arena.entry("honest-kmeans").rank is not None


def test_a_board_with_everybody_on_it_can_be_published(arena, tmp_path):
    written = publish(arena.board, tmp_path / "published")
    assert all(path.is_relative_to(tmp_path / "published") for path in written)
    assert {path.resolve() for path in written} <= {path.resolve() for path in tmp_path.rglob("*")}


def test_no_word_of_a_submission_is_markup_on_the_site(arena):
    pages = {name: content.decode() for name, content in render(arena.board).items() if name.endswith(".html")}
    assert any("manifest-with-a-script" in name for name in pages)
    for name, text in pages.items():
        assert "<script>alert" not in text, name
        assert "<img src=x" not in text, name


def test_what_is_said_of_every_row_can_be_shown(arena):
    for row in arena.board.refused:
        assert isinstance(row, Refused)
        for found in row.findings:
            assert all(word.isprintable() for word in (found.where, found.message, *found.examples)), row.slug


def test_nothing_was_unpacked_outside(arena):
    root = Path(arena.world.folder)
    assert not list(root.rglob("escaped.py"))
    assert not list(root.rglob("owned"))
