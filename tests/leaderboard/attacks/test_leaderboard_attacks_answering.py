"""Plugins that answer with what is not due, or change the engine before they answer."""

from __future__ import annotations

from pathlib import Path

import pytest

ANSWERS = {
    "answers-not-a-number": "not-finite",
    "answers-infinity": "not-finite",
    "answers-enormously": "not-finite",
    "answers-one-model-more": "wrong-shape",
    "answers-one-query-less": "wrong-shape",
    "answers-turned": "wrong-shape",
    "answers-words": "wrong-shape",
    "answers-objects": "wrong-shape",
    "answers-a-dictionary": "wrong-shape",
    "answers-nothing": "wrong-shape",
    "has-no-methods": "wrong-shape",
    "claims-ten-gigabytes": "wrong-shape",
    "decides-below-zero": "bad-decision",
    "decides-twice": "bad-decision",
    "decides-not-a-number": "bad-decision",
    "decides-outside-the-pool": "bad-decision",
    "decides-from-the-end": "bad-decision",
    "decides-half-a-model": "bad-decision",
    "decides-nothing": "bad-decision",
    "decides-fewer": "bad-decision",
    "writes-a-pickle": "not-an-array-file",
    "writes-a-pickle-as-an-array": "not-an-array-file",
    "writes-a-pickle-inside": "not-an-array-file",
    "writes-garbage": "not-an-array-file",
    "writes-the-beginning": "not-an-array-file",
    "writes-nothing": "no-answer",
    "writes-a-bomb": "not-an-array-file",
    "writes-many-members": "not-an-array-file",
    "writes-overlapping-members": "not-an-array-file",
    "writes-a-negative-time": "not-an-array-file",
    "writes-an-endless-time": "not-an-array-file",
    "writes-a-nested-statement": "not-an-array-file",
    "writes-paths-that-escape": "not-an-array-file",
}
TAMPERED = {
    "patches-the-metrics": "raised",
    "patches-the-archive": "not-an-array-file",
    "patches-the-checks": "not-an-array-file",
}
UNTOUCHED = (
    "patches-numpy",
    "patches-the-operating-system",
    "patches-the-driver",
    "patches-its-statement",
    "patches-the-clock",
    "writes-into-arrays",
)


@pytest.mark.parametrize("slug", ANSWERS)
def test_an_answer_that_is_not_due_is_refused_by_name(arena, slug):
    assert arena.refused_for(slug) == [ANSWERS[slug]]


@pytest.mark.parametrize("slug", TAMPERED)
def test_who_changes_the_engine_harms_itself_alone(arena, slug):
    assert arena.refused_for(slug) == [TAMPERED[slug]]


@pytest.mark.parametrize("slug", UNTOUCHED)
def test_what_the_driver_kept_for_itself_cannot_be_changed(arena, slug):
    assert arena.is_constant(slug)


def test_no_pickle_was_opened(arena):
    assert not Path(arena.world.told["unpickled"]).exists()


def test_members_that_overlap_are_told_apart(arena):
    assert arena.findings("writes-overlapping-members")[0].message == "its members overlap"


def test_a_lie_about_itself_is_shown_in_letters_that_can_be_shown(arena):
    router = arena.entry("patches-its-statement").router
    told = [*router.parameters, *map(str, router.parameters.values()), router.fusion or ""]
    assert all(word.isprintable() for word in told)
    assert router.name == "patches-its-statement"
