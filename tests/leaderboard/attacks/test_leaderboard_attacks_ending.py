"""Plugins that take more than they may, never return, or end their process: the run stands, and the row says why."""

from __future__ import annotations

import pytest

GLUTTONS = {
    "forks-without-end": "raised",
    "starts-programs-without-end": "raised",
    "starts-threads-without-end": "killed",
    "eats-memory": "memory-limit",
    "eats-shared-memory": "memory-limit",
    "eats-memory-by-descriptor": "raised",
    "asks-for-ten-terabytes": "memory-limit",
    "predicts-ten-gigabytes": "memory-limit",
    "fills-the-temporary-folder": "raised",
    "is-busy-for-ever": "cpu-limit",
    "is-busy-and-deaf": "cpu-limit",
    "sleeps-in-fit": "timeout",
    "sleeps-in-predict": "timeout",
    "sleeps-at-import": "timeout",
    "sleeps-when-deleted": "timeout",
    "stops-itself": "timeout",
    "writes-a-long-answer": "output-too-large",
    "writes-a-hole-of-ten-gigabytes": "raised",
    "blows-up-the-answer": "raised",
}
ENDINGS = {
    "calls-sys-exit": "raised",
    "calls-sys-exit-with-success": "raised",
    "exits-at-once": "no-answer",
    "exits-with-a-status": "raised",
    "kills-itself": "killed",
    "kills-everybody": "killed",
    "raises-an-interrupt": "raised",
    "raises-a-base-exception": "raised",
    "raises-in-colours": "raised",
    "raises-unprintably": "raised",
    "raises-at-length": "raised",
    "recurses": "raised",
    "recurses-through-the-stack": "killed",
    "reads-address-zero": "killed",
    "aborts": "killed",
    "raises-at-import": "no-such-router",
    "exits-at-import": "no-such-router",
    "is-not-there": "no-such-router",
}
HARMLESS = (
    "opens-many-files",
    "raises-its-limits",
    "leaves-a-daemon",
    "leaves-a-thread",
    "leaves-exit-hooks",
    "prints-without-end",
)


@pytest.mark.parametrize("slug", GLUTTONS)
def test_who_takes_too_much_is_ended(arena, slug):
    assert arena.refused_for(slug) == [GLUTTONS[slug]]


@pytest.mark.parametrize("slug", ENDINGS)
def test_who_ends_the_process_ends_its_own_alone(arena, slug):
    assert arena.refused_for(slug) == [ENDINGS[slug]]


@pytest.mark.parametrize("slug", HARMLESS)
def test_what_is_left_behind_has_no_effect(arena, slug):
    assert arena.is_constant(slug)


@pytest.mark.parametrize("slug", [*GLUTTONS, *ENDINGS])
def test_what_a_row_says_can_be_shown(arena, slug):
    (found,) = arena.findings(slug)
    assert found.message.isprintable()
    assert 0 < len(found.message) <= 300


def test_the_message_of_an_exception_is_on_the_row(arena):
    (found,) = arena.findings("raises-in-colours")
    assert found.message.startswith("ValueError: ")
    assert found.message.endswith("forged: all is well\ufffd") or found.message.endswith("forged: all is well")
    assert arena.findings("raises-unprintably")[0].message == "Shy: (it cannot be printed)"
