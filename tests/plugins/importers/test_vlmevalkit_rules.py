"""The kit's rules for what is right where its files do not say so: OCRBench, MathVista, MathVision."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from mmr_core.contracts import ImportContext
from mmr_core.errors import MMRError
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_plugins.datasets import DATASETS
from mmr_plugins.importers.vlmevalkit import VLMEvalKitImporter, kit_importer, scoring_rules
from mmr_plugins.importers.vlmevalkit.scoring_rules import lettered, option_named, same_answer

FORMULA = "Handwritten Mathematical Expression Recognition"
Write = Callable[[str, list[dict[str, Any]]], Path]


@pytest.fixture
def context(tmp_path: Path) -> ImportContext:
    return ImportContext(datasets=DATASETS, models=(), cache=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes `m_<name>.xlsx` into the folder of a run, and gives that folder."""

    def call(name: str, rows: list[dict[str, Any]]) -> Path:
        folder = tmp_path / "m" / "T20250601-101112"
        folder.mkdir(parents=True, exist_ok=True)
        book = Workbook()
        assert book.active is not None
        book.active.append(list(rows[0]))
        for row in rows:
            book.active.append(list(row.values()))
        book.save(folder / f"m_{name}.xlsx")
        return folder

    return call


@pytest.fixture
def with_latex(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for latex2sympy2, which knows `\\frac` and sums; the real one where it is installed."""
    try:
        import latex2sympy2  # noqa: F401
    except ImportError:
        module = ModuleType("latex2sympy2")

        def latex2sympy(text: str) -> Any:
            return sympy.Rational(*map(int, text.removeprefix("\\frac{").removesuffix("}").split("}{")))

        module.latex2sympy = latex2sympy  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "latex2sympy2", module)
    same_answer.cache_clear()


@pytest.fixture
def without_latex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit_importer, "can_compare", lambda: False)


def utilities(path: Path, context: ImportContext, *select: str) -> list[float | None]:
    seen = inspect_log(VLMEvalKitImporter(), path, context, select=select)
    assert seen.open == ()
    found = import_log(seen, context).assembled.table.utility[:, 0].tolist()
    return [None if math.isnan(utility) else utility for utility in found]


def ocr(index: int, answer: object, prediction: str, category: str = "Regular Text Recognition") -> dict[str, Any]:
    return {
        "index": index,
        "question": "?",
        "answer": str(answer),
        "category": category,
        "prediction": prediction,
    }


def test_ocrbench_looks_for_any_answer_in_the_prediction(write: Write, context: ImportContext) -> None:
    rows = [
        ocr(0, ["CENTRE", "center"], "It says Centre."),
        ocr(1, ["two words"], "TWO\nWORDS"),
        ocr(2, ["two words"], "twowords"),
        ocr(3, ["x ^ { 2 }"], "= x^{2}", FORMULA),
        ocr(4, ["X"], "x", FORMULA),
        ocr(5, "plain", "Plain"),
    ]
    path = write("OCRBench", rows)
    (path / "m_OCRBench_score.json").write_text(json.dumps({"Final Score": 4, "Final Score Norm": 0.4}))
    assert utilities(path, context) == [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]
    agreements = import_log(inspect_log(VLMEvalKitImporter(), path, context), context).agreements
    assert [(one.kit, one.agrees) for one in agreements] == [(pytest.approx(4 / 6), True)]


def vista(index: int, res: object, **more: Any) -> dict[str, Any]:
    facts = {"question_type": "free_form", "answer_type": "integer", "answer": "14", "choices": "[]", **more}
    facts = {"answer_option": "", **facts}
    return {
        "index": index,
        "question": "?",
        "prediction": "p",
        "task": "t",
        **dict(sorted(facts.items())),
        "res": res,
        "log": "",
    }


def test_mathvista_compares_numbers_as_numbers_and_options_by_letter(write: Write, context: ImportContext) -> None:
    choice = {"question_type": "multi_choice", "choices": "['3/11', '8/11']", "answer_option": "B", "answer": "8/11"}
    rows = [
        vista(1, "14"),
        vista(2, "14.0"),
        vista(3, 14),
        vista(4, "1.50", answer_type="float", answer="1.5"),
        vista(5, "no idea", answer_type="float", answer="1.5"),
        vista(6, "[1, 2]", answer_type="list", answer="[1, 2]"),
        vista(7, "B", **choice),
        vista(8, "it is 8/11", **choice),
        vista(9, "A", **choice),
    ]
    found = utilities(write("MathVista_MINI_gpt-4", rows), context)
    assert found == [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]


def vision(index: int, res: str, answer: str, choices: str = "[]", **more: Any) -> dict[str, Any]:
    return {
        "index": index,
        "question": "?",
        "answer": answer,
        "choices": choices,
        "prediction": "p",
        "res": res,
        "log": "Succeed",
        **more,
    }


@pytest.mark.usefixtures("with_latex")
def test_mathvision_finds_equal_numbers_written_otherwise(write: Write, context: ImportContext) -> None:
    rows = [
        vision(1, "0.5", "1/2"),
        vision(2, "\\frac{1}{2}", "\\frac{2}{4}"),
        vision(3, "\\boxed{7}", "7"),
        vision(4, "8", "7"),
        vision(5, "(B)", "B", "['1', '2']"),
        vision(6, "A", "B", "['1', '2']"),
        vision(7, "20!", "7"),
    ]
    found = utilities(write("MathVision_gpt-4", rows), context)
    assert found == [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, None]


@pytest.mark.usefixtures("without_latex")
def test_mathvision_without_the_rule_is_asked_about_and_never_compared_as_text(
    write: Write, context: ImportContext
) -> None:
    path = write("MathVision_gpt-4", [vision(1, "7", "7", mine=0), vision(2, "7", "8", mine=1)])
    (question,) = inspect_log(VLMEvalKitImporter(), path, context).open
    assert (question.key, list(question.candidates)) == ("correctness", ["mine", "rule", "unknown"])
    assert utilities(path, context, "correctness=mine") == [0.0, 1.0]
    assert utilities(path, context, "correctness=unknown") == [None, None]
    with pytest.raises(MMRError, match=r"pip install 'mmr-bench\[mathvision\]'"):
        inspect_log(VLMEvalKitImporter(), path, context, select=["correctness=rule"])


@pytest.mark.usefixtures("without_latex")
def test_mathvision_that_stores_scores_leaves_nothing_to_ask(write: Write, context: ImportContext) -> None:
    path = write("MathVision_gpt-4", [vision(1, "7", "7", score=1), vision(2, "7", "8", score=0)])
    assert utilities(path, context) == [1.0, 0.0]


@pytest.mark.usefixtures("without_latex")
def test_a_column_that_is_not_there_costs_the_file(write: Write, context: ImportContext) -> None:
    write("MathVision_gpt-4", [vision(1, "7", "7")])
    path = write("MathVista_MINI_gpt-4", [vista(1, "14")])
    seen = inspect_log(VLMEvalKitImporter(), path, context, select=["correctness=mine"])
    assert any("has no column 'mine'" in line for line in notices_of(seen))
    assert utilities(path, context, "correctness=mine") == [1.0]


def test_the_judgement_of_a_verifier_is_read(write: Write, context: ImportContext) -> None:
    rows = [{**vision(i, "", "7"), "verifier_score": True, "verifier_match": float(i)} for i in (0, 1)]
    path = write("MathVision_detailed_results", rows)
    assert utilities(path, context) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("The answer is (B).", "B"),
        ("B because of this and that and more", None),
        ("A or B", None),
        ("blue", "A"),
        ("blue or red", None),
        ("Z", "Z"),
        ("I can't process this file.", "Z"),
        ("Failed to obtain answer via API B", None),
    ],
)
def test_options_are_named_by_letter_near_the_end_or_by_text(answer: str, letter: str | None) -> None:
    assert option_named(answer, {"A": "Blue", "B": "Red"}) == letter


@pytest.mark.parametrize("choices", ["", "[]", "nothing", "{1: 2}", None, 3.5, "[" * 500])
def test_choices_that_are_no_list_are_none(choices: object) -> None:
    assert lettered(choices) == {}


@pytest.mark.usefixtures("with_latex")
@pytest.mark.parametrize("tower", ["9^{9^{9}}", "9^9^9", "((9^{64})^{64})^{64}", "10!", "1" * 400, "2^{99999}"])
def test_what_could_take_for_ever_is_unknown_at_once(tower: str) -> None:
    assert same_answer(tower, "1") is None


@given(
    st.fractions(min_value=-1000, max_value=1000, max_denominator=60),
    st.fractions(min_value=-1000, max_value=1000, max_denominator=60),
)
def test_arithmetic_agrees_with_fractions(left: Fraction, right: Fraction) -> None:
    value = scoring_rules._arithmetic(f"({left}) * {right} - -{left} / 7")
    assert value == pytest.approx(float(left * right + left / 7))


@given(st.text(max_size=30))
def test_any_text_has_a_value_or_none(text: str) -> None:
    value = scoring_rules._arithmetic(text)
    assert value is None or math.isfinite(value)
