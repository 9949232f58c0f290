"""Whatever an isolated process answers, the run stands: honest rows are published, and the liar's row says why.

The sandbox here runs nothing. It writes the answers that a test draws, field by field, in place of a router's; reading
them, the checks, the scores, the audits and the pages are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmr_leaderboard.findings import CODES
from mmr_leaderboard.publish.publication import publish, read_board
from mmr_leaderboard.ranking import board_document, board_run, referee
from mmr_leaderboard.schema import Entry, Refused

MODELS = 4
HONEST = "honest"
LIAR = "liar"


def rows_of(result: Any) -> dict[str, Entry | Refused]:
    return {row.slug: row for row in (*result.board.entries, *result.board.refused)}


def lied(ground: Any, liar: Any, message: dict[str, Any]) -> Entry | Refused:
    """The liar's row of a run that stands, with the honest row on it, and that can be published and read back."""
    liar.message = type(liar.message)(**message)
    for kept in ground.folder.glob("cache/leaderboard/verdicts/*/*.json"):
        if '"isolation":"bubblewrap"' in kept.read_text():
            kept.unlink()
    result = ground.run()
    publish(result.board, ground.folder / "trial")
    assert read_board(ground.folder / "trial") == result.board
    rows = rows_of(result)
    assert isinstance(rows[HONEST], Entry)
    row = rows[LIAR]
    if isinstance(row, Refused):
        assert row.findings
        assert all(found.code in CODES and found.message.isprintable() for found in row.findings)
        assert "unjudged" not in {found.code for found in row.findings}, row.findings
    return row


numbers = st.one_of(
    st.floats(0, 1),
    st.floats(),
    st.sampled_from([1e308, -1e308, 1e100, 1e99, 5e-324, 1e-308, -0.0, float("nan"), float("inf"), 2**63, 1e-12]),
)
rows_of_numbers = st.lists(numbers, min_size=MODELS, max_size=MODELS)
words = st.text(max_size=20)
statements = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=8,
)
stated_fields = st.dictionaries(
    st.sampled_from(["canonical_id", "version", "default_fusion", "fusion", "parameters", "fusion_parameters"]),
    statements,
)
arrays = st.builds(
    lambda shape, dtype, value: np.full(shape, value).astype(dtype),
    st.lists(st.integers(0, 5), max_size=3),
    st.sampled_from(["f8", "f4", "f2", ">f8", "i8", "u8", "u1", "i1"]),
    st.integers(-3, 3),
)
names = st.sampled_from([f"{n}-{word}" for n in (0, 1, 4) for word in ("utility", "cost", "seconds", "choice")])
messages = st.builds(
    dict,
    words=st.sampled_from(["scores", "scores", "choice", "probabilities"]),
    utility=rows_of_numbers,
    cost=rows_of_numbers,
    chances=st.one_of(rows_of_numbers, st.just([0.0, 1.0, 0.0, 0.0])),
    choice=st.integers(-(2**31), 2**31) | st.integers(0, MODELS - 1),
    seconds=numbers | st.floats(0, 1e-3),
    stated=stated_fields | statements,
    changed=st.dictionaries(names, arrays, max_size=1),
    end=st.fixed_dictionaries(
        {}, optional={"status": st.integers(0, 0), "said": st.text(), "seconds": st.floats(0.0, 1e3)}
    ),
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(messages)
@example({"seconds": 1e308})
@example({"seconds": 5e-324})
@example({"utility": [1e100, -1e100, 0, 1], "cost": [5e-324, 1e100, -1e100, 0]})
@example({"utility": [0.0] * MODELS, "cost": [0.0] * MODELS})
@example({"words": "choice", "choice": MODELS - 1, "seconds": 0.0})
def test_whatever_a_child_says_the_honest_rows_are_published(ground, liar, message):
    lied(ground, liar, message)


@pytest.mark.parametrize("seconds", [1e308, 1e15, 3600.0])
def test_a_time_longer_than_the_job_took_is_no_answer(ground, liar, seconds):
    row = lied(ground, liar, {"seconds": seconds})
    assert isinstance(row, Refused)
    assert [found.code for found in row.findings] == ["not-an-array-file"]
    assert "the job took" in row.findings[0].message


def test_a_time_shorter_than_any_clock_counts_gives_finite_figures(ground, liar):
    row = lied(ground, liar, {"seconds": 5e-324})
    assert isinstance(row, Entry)
    assert 0 < row.latency.queries_per_second.value < 1e12


def test_an_end_with_any_status_and_any_last_words_is_a_finding(ground, liar):
    for end, status in (("raised", 200), ("raised", 95), ("killed", -64), ("memory-limit", 91)):
        row = lied(ground, liar, {"end": {"end": end, "status": status, "said": "\x1b[2J\ud800\u202e\n" * 9}})
        assert isinstance(row, Refused)


STAGES: dict[str, tuple[Any, str]] = {
    "the environment": (referee, "prepare"),
    "the jobs": (referee, "run_entry"),
    "the scores": (board_run.BoardScorer, "entry"),
    "the latency": (referee, "latency"),
    "the audit": (referee, "audit"),
    "the limits": (board_run, "read_against"),
    "the row": (board_document, "_entry"),
    "the pages": (board_run, "render"),
}


def about_the_liar(words: Any) -> bool:
    """Whether what a stage was given is the liar's: its row, its slug, or a document with it."""
    first = words[0]
    return LIAR in [row.slug for row in first.entries] if hasattr(first, "entries") else LIAR in repr(words)


@pytest.mark.parametrize(
    ("stage", "error"),
    list(zip(STAGES, cycle([OverflowError, KeyError, RecursionError, AssertionError]), strict=False)),
)
def test_an_entry_on_which_a_stage_raises_is_left_out_by_name(ground, liar, monkeypatch, stage, error):
    place, name = STAGES[stage]
    plain: Callable[..., Any] = getattr(place, name)
    always = stage in ("the environment", "the jobs", "the latency")

    def raises(*given: Any, **more: Any) -> Any:
        isolated = getattr(given[0], "isolation", None) == "bubblewrap"
        audited = stage == "the audit" and more.get("placebo") is not None
        if always or isolated or audited or about_the_liar(given):
            raise error("cannot do it")
        return plain(*given, **more)

    monkeypatch.setattr(place, name, raises)
    result = ground.run()
    row = rows_of(result)[LIAR]
    assert isinstance(rows_of(result)[HONEST], Entry)
    assert isinstance(row, Refused), stage
    assert [found.code for found in row.findings] == ["unjudged"]
    assert row.findings[0].message.startswith(f"{error.__name__}: ")
    monkeypatch.setattr(place, name, plain)
    assert isinstance(rows_of(ground.run())[LIAR], Entry), "what the runner raised is not kept"
