"""The record of what came onto the board and what left it."""

from __future__ import annotations

import json

import pytest

from mmr_core.errors import DataError, UsageError
from mmr_leaderboard.publish.log import FILE, append, news, read_log, sign_off


def publish(folder, standing, reasons=None):
    return append(folder, news(read_log(folder), standing, reasons or {}))


def test_a_folder_without_a_record_has_nothing_in_it(tmp_path):
    assert read_log(tmp_path).entries == {}


def test_the_record_says_what_is_on_the_board(tmp_path):
    publish(tmp_path, {"a": "1", "b": "2"})
    publish(tmp_path, {"a": "1", "b": "3", "c": "4"})
    publish(tmp_path, {"b": "3", "c": "4"}, {"a": "withdrawn by its authors"})
    log = read_log(tmp_path)
    assert log.entries == {"b": "3", "c": "4"}
    assert [(event.event, event.slug) for event in log.events] == [
        ("added", "a"),
        ("added", "b"),
        ("superseded", "b"),
        ("added", "c"),
        ("removed", "a"),
    ]
    assert log.events[2].replaces == "2"
    assert log.events[4].why == "withdrawn by its authors"


def test_nothing_is_written_when_nothing_happened(tmp_path):
    publish(tmp_path, {"a": "1"})
    before = (tmp_path / FILE).read_bytes()
    publish(tmp_path, {"a": "1"})
    assert (tmp_path / FILE).read_bytes() == before


def test_what_was_written_is_never_changed_by_what_comes_after(tmp_path):
    publish(tmp_path, {"a": "1"})
    before = (tmp_path / FILE).read_bytes()
    publish(tmp_path, {})
    assert (tmp_path / FILE).read_bytes().startswith(before)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_changed_line_is_found_by_its_number(tmp_path, number):
    publish(tmp_path, {"a": "1", "b": "2", "c": "3"})
    lines = (tmp_path / FILE).read_text().splitlines()
    event = json.loads(lines[number])
    lines[number] = json.dumps({**event, "why": "nothing to see"}, sort_keys=True)
    (tmp_path / FILE).write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=f"line {number + 1}.*chain"):
        read_log(tmp_path)


def test_a_line_taken_out_is_found(tmp_path):
    publish(tmp_path, {"a": "1", "b": "2", "c": "3"})
    lines = (tmp_path / FILE).read_text().splitlines()
    (tmp_path / FILE).write_text("\n".join([lines[0], lines[2]]) + "\n")
    with pytest.raises(DataError, match=r"line 2.*chain"):
        read_log(tmp_path)


def test_a_line_that_is_no_event_is_named(tmp_path):
    (tmp_path / FILE).write_text('{"event": "added"}\n')
    with pytest.raises(DataError, match=r"line 1.*not an event"):
        read_log(tmp_path)


def test_a_sign_off_is_for_the_version_that_is_on_the_board(tmp_path):
    publish(tmp_path, {"a": "1"})
    sign_off(tmp_path, "a", "placebo-skill", by="Ada", why="the plugin learns from prices alone")
    assert read_log(tmp_path).signed_off("a", "1") == {"placebo-skill": "the plugin learns from prices alone (Ada)"}
    assert read_log(tmp_path).signed_off("a", "2") == {}


@pytest.mark.parametrize(
    ("slug", "code", "by", "why", "said"),
    [
        ("a", "two-decisions", "Ada", "fine", "cannot be signed off"),
        ("a", "nonsense", "Ada", "fine", "cannot be signed off"),
        ("b", "placebo-skill", "Ada", "fine", "no entry 'b'"),
        ("a", "placebo-skill", " ", "fine", "a name and a reason"),
        ("a", "placebo-skill", "Ada", "", "a name and a reason"),
    ],
)
def test_a_sign_off_that_means_nothing_is_refused(tmp_path, slug, code, by, why, said):
    publish(tmp_path, {"a": "1"})
    with pytest.raises(UsageError, match=said):
        sign_off(tmp_path, slug, code, by=by, why=why)


def test_hostile_words_stay_on_one_line(tmp_path):
    publish(tmp_path, {"a": "1"}, {"a": 'first\n{"event": "added"}\u2028second'})
    assert len((tmp_path / FILE).read_text().splitlines()) == 1
    assert read_log(tmp_path).events[0].why.startswith("first\n")
