"""`choices.json` gives back what was written, line by line, and what does not fit is as if it were absent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_leaderboard.publish.choices import FILE, Choices, EntryChoices, choices_text, kept_choices, read_choices

points = st.lists(st.lists(st.integers(0, 9), max_size=5).map(tuple), max_size=3).map(tuple)
entries = st.builds(EntryChoices, digest=st.text(max_size=5), points=points, superseded=points)
documents = st.builds(
    Choices,
    table=st.text(max_size=5),
    split_digest=st.text(max_size=5),
    models=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    entries=st.dictionaries(st.text(max_size=5), entries, max_size=3),
)
MINE = {"table": "t", "split_digest": "s", "models": ["a", "b"]}


def one(**changes):
    entry = EntryChoices(digest="new", points=((0, 1),), superseded=((1, 1),))
    return Choices(**{"table": "t", "split_digest": "s", "models": ("a", "b"), "entries": {"x": entry}, **changes})


@given(documents)
def test_the_text_reads_back_as_what_was_written(choices):
    assert Choices.model_validate_json(choices_text(choices)) == choices


def test_an_operating_point_has_a_line_of_its_own():
    lines = choices_text(one()).splitlines()
    assert "   [0,1]" in lines
    assert "   [1,1]" in lines


def test_an_entry_that_replaced_nothing_says_nothing_of_it():
    entry = EntryChoices(digest="new", points=((0, 1),))
    assert "superseded" not in choices_text(one(entries={"x": entry}))


def test_a_version_to_come_is_compared_with_the_published_one():
    assert one().before("x", "newer", **MINE) == ((0, 1),)


def test_the_published_version_is_compared_with_the_one_before_it_in_every_later_run():
    assert one().before("x", "new", **MINE) == ((1, 1),)


@pytest.mark.parametrize("other", [{"table": "u"}, {"split_digest": "u"}, {"models": ["b", "a"]}])
def test_choices_about_another_table_split_or_pool_are_none(other):
    assert one().before("x", "newer", **{**MINE, **other}) == ()


def test_an_entry_that_is_not_published_has_no_version_before():
    assert one().before("y", "newer", **MINE) == ()


def test_entries_without_choices_are_not_kept():
    empty = EntryChoices(digest="d", points=())
    full = EntryChoices(digest="d", points=((1,),))
    assert kept_choices({"a": empty, "b": full}) == {"b": full}


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        json.dumps({**MINE, "entries": {"x": {"digest": "d", "points": [[-1]]}}}).encode(),
        json.dumps({**MINE, "entries": {"x": {"digest": "d", "points": [[0.5]]}}}).encode(),
        json.dumps({**MINE, "entries": {}, "more": 1}).encode(),
    ],
)
def test_what_cannot_be_read_is_as_if_it_were_absent(tmp_path, content):
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    assert read_choices(tmp_path) is None


def test_a_folder_in_its_place_is_as_if_it_were_absent(tmp_path):
    (tmp_path / FILE).mkdir()
    assert read_choices(tmp_path) is None
