"""Whatever an isolated process answers, the run stands: honest rows are published, and the liar's row says why.

The sandbox here runs nothing. It writes the answers that a test draws, field by field, in place of a router's; reading
them, the checks, the scores, the audits and the pages are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import mmr_leaderboard
from mmr_core.runner.policies import GRID
from mmr_leaderboard.child.driver import archive
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.jobs.job_writer import Runtime
from mmr_leaderboard.publish.publication import publish, read_board
from mmr_leaderboard.ranking import board_document, board_run, referee
from mmr_leaderboard.ranking.board_run import material
from mmr_leaderboard.sandbox.contract import ProcessEnd
from mmr_leaderboard.schema import Entry, Refused

MODELS = 4
HONEST = "honest"
LIAR = "liar"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One kind of answer to every ask: the same for each query, so that all behaviour checks pass.

    :param words: which arrays it consists of.
    :param utility, cost: [K] predictions for every query.
    :param chances: [K] what stands in a decision.
    :param seconds: what every time is.
    :param changed: by member, an array in place of the one that is expected.
    """

    words: str = "scores"
    utility: Any = (0.4, 0.5, 0.6, 0.7)
    cost: Any = (1e-4, 2e-4, 3e-4, 4e-4)
    chances: Any = (0.25, 0.25, 0.25, 0.25)
    choice: Any = 0
    seconds: Any = 1e-4
    stated: Any = field(default_factory=dict)
    changed: Any = field(default_factory=dict)
    end: Any = field(default_factory=dict)

    def arrays(self, asks: list[dict[str, Any]]) -> dict[str, np.ndarray]:
        given: dict[str, np.ndarray] = {}
        for number, ask in enumerate(asks):
            n = len(ask["rows"])
            if self.words == "scores":
                given[f"{number}-utility"] = np.tile(np.array(self.utility, dtype=np.float64), (n, 1))
                given[f"{number}-cost"] = np.tile(np.array(self.cost, dtype=np.float64), (n, 1))
            elif self.words == "choice":
                given[f"{number}-choice"] = np.full((len(GRID), n), self.choice)
            else:
                given[f"{number}-probabilities"] = np.tile(np.array(self.chances), (len(GRID), n, 1))
            given[f"{number}-seconds"] = np.full(n if ask["each"] else 1, self.seconds, dtype=np.float64)
        given["stated"] = np.frombuffer(json.dumps(self.stated).encode("utf-8", "surrogatepass"), dtype=np.uint8)
        return {**given, **{name: array for name, array in self.changed.items() if name in given}}


@dataclass(kw_only=True)
class Liar:
    """Answers with the message in place of running anything."""

    message: Message = field(default_factory=Message)
    method: str = "bubblewrap"
    failing: list[Exception] = field(default_factory=list)
    asked: int = 0

    def run(self, command: Any, view: Any, limits: Any, answer: Path) -> ProcessEnd:
        self.asked += 1
        if self.failing:
            raise self.failing.pop(0)
        job = json.loads((Path(command[-1]) / "job.json").read_text())
        answer.write_bytes(archive(self.message.arrays(job["asks"])))
        facts = {"end": "done", "status": 0, "said": "", "seconds": 60.0, **self.message.end}
        return ProcessEnd(**facts)


@pytest.fixture(scope="module")
def stuff(opened: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return material(opened.column, opened.source, workspace=tmp_path_factory.mktemp("material"), seed=0)


@pytest.fixture
def liar(ground: Any, stuff: Any, monkeypatch: pytest.MonkeyPatch) -> Liar:
    """The sandbox of every run on the ground, which has an honest entry and the liar's."""
    made = Liar()
    root = Path(mmr_leaderboard.__file__).parents[1]

    def runtime(*_: Any) -> Runtime:
        return Runtime(python=Path("/nowhere"), path=(root,), readable=(), digest="of the runtime", packages={})

    monkeypatch.setattr(board_run, "way_of_isolation", lambda method: made)
    monkeypatch.setattr(board_run, "material", lambda *_, **__: stuff)
    monkeypatch.setattr(referee, "prepare", runtime)
    ground.decide(HONEST)
    ground.plug(LIAR, "knn")
    return made


def rows_of(result: Any) -> dict[str, Entry | Refused]:
    return {row.slug: row for row in (*result.board.entries, *result.board.refused)}


def lied(ground: Any, liar: Liar, message: Message) -> Entry | Refused:
    """The liar's row of a run that stands, with the honest row on it, and that can be published and read back."""
    liar.message = message
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
    Message,
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
@example(Message(seconds=1e308))
@example(Message(seconds=5e-324))
@example(Message(utility=[1e100, -1e100, 0, 1], cost=[5e-324, 1e100, -1e100, 0]))
@example(Message(utility=[0.0] * MODELS, cost=[0.0] * MODELS))
@example(Message(words="choice", choice=MODELS - 1, seconds=0.0))
def test_whatever_a_child_says_the_honest_rows_are_published(ground, liar, message):
    lied(ground, liar, message)


@pytest.mark.parametrize("seconds", [1e308, 1e15, 3600.0])
def test_a_time_longer_than_the_job_took_is_no_answer(ground, liar, seconds):
    row = lied(ground, liar, Message(seconds=seconds))
    assert isinstance(row, Refused)
    assert [found.code for found in row.findings] == ["not-an-array-file"]
    assert "the job took" in row.findings[0].message


def test_a_time_shorter_than_any_clock_counts_gives_finite_figures(ground, liar):
    row = lied(ground, liar, Message(seconds=5e-324))
    assert isinstance(row, Entry)
    assert 0 < row.latency.queries_per_second.value < 1e12


def test_an_end_with_any_status_and_any_last_words_is_a_finding(ground, liar):
    for end, status in (("raised", 200), ("raised", 95), ("killed", -64), ("memory-limit", 91)):
        row = lied(ground, liar, Message(end={"end": end, "status": status, "said": "\x1b[2J\ud800\u202e\n" * 9}))
        assert isinstance(row, Refused)


STAGES: dict[str, tuple[Any, str]] = {
    "the environment": (referee, "prepare"),
    "the jobs": (referee, "run_entry"),
    "the scores": (board_run.BoardScorer, "entry"),
    "the latency": (referee, "latency"),
    "the audit": (referee, "audit"),
    "the limits": (board_run, "read_against_honest"),
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
