"""Examples of MixInstruct become cells by a score and a rule that the person names, and by no other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.cli import main
from mmr_core.errors import DataError, UsageError
from mmr_plugins.importers.mixinstruct import RULES, MixInstructImporter, parse_rescaling

OASST, VICUNA = "oasst-sft-4-pythia-12b-epoch-3.5", "vicuna-13b-1.1"


def candidate(model: str, text: str = "An answer.", **scores: Any) -> dict[str, Any]:
    """One answer, with the fields that the data set has."""
    return {"decoding_method": "top_p_sampling", "model": model, "text": text, "scores": scores}


def example(number: int, *candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": f"unified_chip2/{number}",
        "instruction": "Answer the question.",
        "input": f"Why {number}?",
        "output": "Because.",
        "candidates": list(candidates),
        **more,
    }


def write(file: Path, *lines: Any, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + text)
    return file


EXAMPLES = (
    example(1, candidate(OASST, bertscore=0.75, bartscore=-2.0, bleu=50.0), candidate(VICUNA, bertscore=0.5)),
    example(2, candidate(OASST, bertscore=0.25, bartscore=-4.0, bleu=0.0), candidate(VICUNA, bartscore=-3.0)),
)


def test_score_and_rule_are_asked_for_and_never_guessed(peek: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "test_data_prepared.jsonl", *EXAMPLES)
    score, rule = peek(MixInstructImporter(), path).open
    assert score.key == "score"
    assert dict(score.candidates) == {
        "bartscore": "3 candidates, -4 to -2",
        "bertscore": "3 candidates, 0.25 to 0.75",
        "bleu": "2 candidates, 0 to 50",
    }
    assert (rule.key, rule.candidates) == ("rescale", RULES)
    assert [q.key for q in peek(MixInstructImporter(), path, "score=bleu").open] == ["rescale"]
    assert [q.key for q in peek(MixInstructImporter(), path, "rescale=none").open] == ["score"]


@pytest.mark.parametrize(
    ("score", "rule", "utilities", "label"),
    [
        ("bertscore", "none", {(1, OASST): 0.75, (1, VICUNA): 0.5, (2, OASST): 0.25}, "none"),
        ("bleu", "percent", {(1, OASST): 0.5, (2, OASST): 0.0}, "percent"),
        ("bartscore", "-4..0", {(1, OASST): 0.5, (2, OASST): 0.0, (2, VICUNA): 0.25}, "-4..0"),
        ("bartscore", "min-max", {(1, OASST): 1.0, (2, OASST): 0.0, (2, VICUNA): 0.5}, "min-max of -4.0..-2.0"),
        ("bartscore", "exp", {(1, OASST): math.exp(-2), (2, OASST): math.exp(-4), (2, VICUNA): math.exp(-3)}, "exp"),
    ],
)
def test_the_rule_makes_the_utility_and_is_kept_with_its_origin(
    bring: Callable[..., Any], tmp_path: Path, score: str, rule: str, utilities: Any, label: str
) -> None:
    path = write(tmp_path / "train.jsonl", *EXAMPLES)
    brought = bring(MixInstructImporter(), path, f"score={score}", f"rescale={rule}")
    prefix = "mixinstruct_unified_chip2/"
    assert brought.known() == {(f"{prefix}{n}", model): value for (n, model), value in utilities.items()}
    origin = brought.origin("mixinstruct", f"{prefix}2", OASST)
    assert (origin["metric"], origin["scorer"], origin["row"]) == (score, label, 2)
    cell = brought.cell(f"{prefix}1", OASST)
    assert (cell["question"], cell["answer"]) == ("Answer the question.\nWhy 1?", "Because.")
    assert cell["category"] == "unified_chip2"
    assert math.isnan(cell["cost"])


def test_a_score_that_the_rule_does_not_fit_is_unknown_and_told(bring: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", *EXAMPLES)
    brought = bring(MixInstructImporter(), path, "score=bartscore", "rescale=-3..0")
    assert len(brought.known()) == 2
    assert any("row 2: utility -0.3333333333333333 is outside [0, 1]" in line for line in brought.lines)


@pytest.mark.parametrize("rule", ["", "best", "1..0", "1..1", "..1", "0..", "0...1", "nan..1", "0..1e999", "0..1 "])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="is not a rule"):
        parse_rescaling(rule)


def test_a_score_that_no_candidate_has_is_refused(peek: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", *EXAMPLES)
    with pytest.raises(UsageError, match=r"no candidate has a score 'rouge9'.*bartscore, bertscore, bleu"):
        peek(MixInstructImporter(), path, "score=rouge9", "rescale=none")
    with pytest.raises(UsageError, match="'best' is not a rule"):
        peek(MixInstructImporter(), path, "score=bleu", "rescale=best")


def test_equal_scores_have_no_least_and_greatest(peek: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", example(1, candidate(OASST, bleu=3.0), candidate(VICUNA, bleu=3.0)))
    with pytest.raises(DataError, match="every score is 3"):
        peek(MixInstructImporter(), path, "score=bleu", "rescale=min-max")


def test_several_answers_of_one_model_are_told_apart_by_their_decoding(
    bring: Callable[..., Any], peek: Callable[..., Any], tmp_path: Path
) -> None:
    beam = {**candidate(OASST, bleu=80), "decoding_method": "beam_search"}
    path = write(tmp_path / "train.jsonl", example(1, candidate(OASST, bleu=20), beam))
    settled = ("score=bleu", "rescale=percent")
    assert [q.key for q in peek(MixInstructImporter(), path, *settled).open] == ["run"]
    brought = bring(MixInstructImporter(), path, *settled, "run=beam_search")
    assert list(brought.known().values()) == [0.8]


def test_least_and_greatest_are_those_of_all_files(bring: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", example(1, candidate(OASST, bleu=10)))
    write(tmp_path / "val.jsonl", example(2, candidate(OASST, bleu=20)), example(3, candidate(OASST, bleu=15)))
    brought = bring(MixInstructImporter(), tmp_path, "score=bleu", "rescale=min-max")
    assert sorted(brought.known().values()) == [0.0, 0.5, 1.0]


def test_lines_that_say_too_little_are_left_out_one_by_one(bring: Callable[..., Any], tmp_path: Path) -> None:
    path = write(
        tmp_path / "train.jsonl",
        example(1, candidate(OASST, bleu=10), candidate(VICUNA, text=" ", bleu=float("nan"))),
        example(2),
        example(3, {"text": "x", "scores": {"bleu": 1}}),
        {"id": None, "candidates": [candidate(OASST, bleu=1)]},
        example(5, candidate(OASST, text=" ", bleu=30), {"model": VICUNA, "scores": None}, instruction=None, output=3),
        text='{"id": "unified_chip2/6", "candidates": [{"mod',
    )
    brought = bring(MixInstructImporter(), path, "score=bleu", "rescale=percent", responses=True)
    assert sorted(brought.known().values()) == [0.1, 0.3]
    text = "\n".join(brought.lines)
    assert "train.jsonl, row 2: has no candidates" in text
    assert "train.jsonl, row 3: has a candidate without a model" in text
    assert "train.jsonl, row 4: None is not an id" in text
    assert "train.jsonl, row 6: is not JSON" in text
    assert brought.origin("mixinstruct", "mixinstruct_unified_chip2/5", OASST)["status"] == "empty"
    assert brought.origin("mixinstruct", "mixinstruct_unified_chip2/1", VICUNA)["status"] == "unscored"
    assert brought.cell("mixinstruct_unified_chip2/5", OASST)["question"] == "Why 5?"


def test_foreign_and_empty_files_are_told_and_left_out(bring: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", *EXAMPLES)
    write(tmp_path / "val.jsonl")
    write(tmp_path / "other.jsonl", {"id": 1})
    brought = bring(MixInstructImporter(), tmp_path, "score=bleu", "rescale=percent")
    told = {line.partition(":")[0] for line in brought.lines if "does not begin with" in line}
    assert told == {"val.jsonl", "other.jsonl"}


@pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe\x00", b'{"a": 1}\n', b'{"id": 1, "candidates": 3}\n'])
def test_a_file_that_is_nothing_is_an_error(peek: Callable[..., Any], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=r"nothing that can be used: x\.jsonl"):
        peek(MixInstructImporter(), tmp_path / "x.jsonl")


def test_the_command_says_what_to_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))
    path = write(tmp_path / "log" / "train.jsonl", *EXAMPLES)
    words = ["data", "import", str(path), "--out", str(tmp_path / "store")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "--select score=bertscore" in told
    assert "--select rescale=min-max" in told
    assert not (tmp_path / "store").exists()
    assert main([*words, "--select", "score=bertscore", "--select", "rescale=none"]) == 0


SCORES = st.dictionaries(
    st.tuples(st.integers(1, 5), st.sampled_from([OASST, VICUNA])), st.floats(-1e6, 1e6), min_size=2
).filter(lambda scores: len(set(scores.values())) > 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=SCORES)
def test_any_scores_come_back_in_their_order(
    bring: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, scores: dict[tuple[int, str], float]
) -> None:
    lines = [
        example(n, *(candidate(model, bleurt=score) for (m, model), score in scores.items() if m == n))
        for n in sorted({n for n, _ in scores})
    ]
    path = write(tmp_path_factory.mktemp("log") / "x.jsonl", *lines)
    brought = bring(MixInstructImporter(), path, "score=bleurt", "rescale=min-max")
    low, high = min(scores.values()), max(scores.values())
    assert brought.known() == {
        (f"mixinstruct_unified_chip2/{n}", model): (score - low) / (high - low) for (n, model), score in scores.items()
    }
