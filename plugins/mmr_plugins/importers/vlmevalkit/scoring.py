"""The utility of an answer: as the kit stored it where it did, else by the kit's own rule.

Where neither is at hand the utility stays unknown; answers are never just compared as texts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmr_core.errors import DataError
from mmr_plugins.importers.vlmevalkit.equality import same_answer
from mmr_plugins.importers.vlmevalkit.layout import (
    MATHVISION,
    MATHVISTA,
    OCRBENCH,
    PART_ANSWERS,
    PART_JUDGED,
    PART_SCORE,
    PART_VERIFIED,
    Sheet,
)
from mmr_plugins.importers.vlmevalkit.options import lettered, option_named
from mmr_plugins.importers.vlmevalkit.tables import as_text

if TYPE_CHECKING:
    from mmr_plugins.importers.vlmevalkit.tables import Row

CORRECTNESS = "correctness"
RULE, UNKNOWN = "rule", "unknown"
STORED = ("hit", "score")
CIRCULAR = "hit of all rotations"

_WORDS = {"true": 1.0, "false": 0.0}
_BOXED = re.compile(r"\\boxed\{([^}]*)\}")
_FORMULA = "Handwritten Mathematical Expression Recognition"


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How the rows of a file are scored.

    :param name: the column, or the rule.
    :param utility: of a row; None where it is not known. It raises DataError for what is no number.
    """

    name: str
    utility: Callable[[Row], float | None]

    @property
    def known(self) -> bool:
        """Whether it scores at all."""
        return self.utility is not _unknown


def scoring_of(sheet: Sheet, columns: Sequence[str], settings: Mapping[str, str]) -> Scoring:
    """The scoring of a file with these columns.

    :raises DataError: if the person's column is not there and nothing else says which answers are right.
    """
    wanted = settings.get(CORRECTNESS, RULE)
    if sheet.part == PART_VERIFIED:
        return _stored("verifier_match") if "verifier_match" in columns else Scoring(name="", utility=_unknown)
    if sheet.part == PART_ANSWERS:
        is_ocr = sheet.dataset.startswith(OCRBENCH) and {"answer", "category"} <= set(columns)
        return Scoring(name="substring", utility=_quotes_an_answer) if is_ocr else Scoring(name="", utility=_unknown)
    if sheet.part == PART_JUDGED and wanted in columns:
        return _stored(wanted)
    for name in reversed(STORED) if sheet.part == PART_SCORE else STORED:
        if name in columns:
            circular = name == "hit" and "g_index" in columns
            return Scoring(name=CIRCULAR, utility=_stored(name).utility) if circular else _stored(name)
    if sheet.part == PART_JUDGED and "res" in columns:
        if sheet.dataset.startswith(MATHVISTA) and {"answer", "question_type"} <= set(columns):
            return Scoring(name="MathVista's rule", utility=_right_in_mathvista)
        if sheet.dataset.startswith(MATHVISION) and wanted != UNKNOWN:
            if wanted != RULE:
                raise DataError(f"has no column {wanted!r}")
            return Scoring(name="MathVision's rule", utility=_right_in_mathvision)
    return Scoring(name="", utility=_unknown)


def _stored(name: str) -> Scoring:
    def utility(row: Row) -> float | None:
        text = as_text(row.get(name)).strip().lower()
        if not text or text == "nan":
            return None
        try:
            return _WORDS[text] if text in _WORDS else float(text)
        except ValueError:
            raise DataError(f"{name} {text!r} is no number") from None

    return Scoring(name=name, utility=utility)


def _unknown(row: Row) -> float | None:
    return None


def _quotes_an_answer(row: Row) -> float:
    """OCRBench: whether any of the answers stands in the prediction; of formulas case counts and blanks do not."""
    as_written = row["answer"]
    try:
        answers = ast.literal_eval(as_written) if isinstance(as_written, str) else as_written
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        answers = as_written
    if isinstance(answers, (str, bytes)) or not isinstance(answers, Sequence):
        answers = [answers]

    def plain(value: object) -> str:
        text = as_text(value)
        if as_text(row["category"]) == _FORMULA:
            return text.strip().replace("\n", "").replace(" ", "")
        return text.lower().strip().replace("\n", " ")

    prediction = plain(row["prediction"])
    return float(any(plain(answer) in prediction for answer in answers))


def _right_in_mathvista(row: Row) -> float:
    """MathVista before the kit stored `hit`: letters by name of an option, whole and other numbers as numbers.

    An answer of another sort is never right: so the kit's program counts, and so do the means it states.
    """
    extracted, answer = row.get("res"), row.get("answer")
    if as_text(row.get("question_type")) == "multi_choice":
        named = option_named(as_text(extracted), lettered(row.get("choices")))
        return float(named is not None and named == as_text(row.get("answer_option")))
    sort = {"integer": int, "float": float}.get(as_text(row.get("answer_type")))
    if sort is None:
        return 0.0
    try:
        return float(sort(extracted) == sort(answer))
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _right_in_mathvision(row: Row) -> float | None:
    """MathVision: the letter of the option that is named, or an equal answer."""
    extracted, answer = as_text(row.get("res")), as_text(row.get("answer"))
    boxed = _BOXED.search(extracted)
    extracted = boxed[1] if boxed else extracted
    options = lettered(row.get("choices"))
    if options:
        return float((option_named(extracted, options) or "").lower() == answer.strip().lower())
    same = same_answer(extracted, answer)
    return None if same is None else float(same)
