"""The utility of an answer in a log of VLMEvalKit: as the kit stored it where it did, else by the kit's own rule.

Where there is neither, the utility stays unknown; answers are never just compared as texts. Two rules are here:

- Multiple choice: which option an answer names, by a letter near its end or by an option's text.
- MathVision: whether two answers to a problem of mathematics are equal. They are if they are the same text but for
  case, or the same number (within 1e-6) as arithmetic or as LaTeX. The kit evaluates answers as Python; here they are
  parsed, and whatever could take for ever to evaluate is not evaluated. LaTeX needs latex2sympy2, and there is no rule
  without it: texts alone would call 1/2 and 0.5 different.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_plugins.importers.vlmevalkit.kit_files import (
    MATHVISION,
    MATHVISTA,
    OCRBENCH,
    PART_ANSWERS,
    PART_JUDGED,
    PART_SCORE,
    PART_VERIFIED,
    KitSheet,
    as_text,
)

if TYPE_CHECKING:
    from mmr_plugins.importers.vlmevalkit.kit_files import Row


NONE_OF_THEM = "Z"
_NO_ANSWER = "Failed to obtain answer via API"
_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_PUNCTUATION = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_NEAR_THE_END = 4


def lettered(choices: object) -> dict[str, str]:
    """Options by their letters, from a list or from a cell that has one written out; none if it has something else."""
    if isinstance(choices, str):
        try:
            choices = ast.literal_eval(choices.strip() or "[]")
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return {}
    if not isinstance(choices, (list, tuple)):
        return {}
    return dict(zip(ascii_uppercase, map(str, choices), strict=False))


def option_named(answer: str, options: Mapping[str, str]) -> str | None:
    """The letter of the option that an answer names, "Z" if it names none of them, None if that cannot be told."""
    letter = None if _NO_ANSWER in answer else _letter_in(answer, options)
    return letter or _option_quoted(answer.lower(), options)


def _letter_in(answer: str, options: Mapping[str, str]) -> str | None:
    if any(refusal in answer for refusal in _REFUSALS):
        return NONE_OF_THEM
    words = answer.translate(_PUNCTUATION).split()
    named = [letter for letter in options if letter in words]
    if len(named) == 1:
        return named[0] if words.index(named[0]) >= len(words) - _NEAR_THE_END else None
    return NONE_OF_THEM if not named and NONE_OF_THEM in words else None


def _option_quoted(answer: str, options: Mapping[str, str]) -> str | None:
    if len(answer) > 2 * sum(map(len, options.values())):
        return None
    quoted = [letter for letter, text in options.items() if text.lower() in answer]
    return quoted[0] if len(quoted) == 1 else None


_TOLERANCE = 1e-6
_LONGEST, _MOST_DIGITS, _LARGEST_POWER = 300, 15, 4096
_OPERATIONS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_POWER = re.compile(r"(?:\^|\*\*)\s*(?P<exponent>\{(?:[^{}]|\{[^{}]*\})*\}|-?\d+|[^\s{}])\s*(?P<again>\^|\*\*)?")
_COMMAND = re.compile(r"\\([a-z]+)")
_HARMLESS = frozenset(
    {
        *("frac", "dfrac", "tfrac", "sqrt", "pi", "cdot", "times", "div", "left", "right", "text", "mathrm"),
        *("circ", "degree", "sin", "cos", "tan", "log", "ln", "quad"),
    }
)


def can_compare() -> bool:
    """Whether latex2sympy2 is installed, and runs under this Python."""
    try:
        import latex2sympy2  # noqa: F401
    except ImportError:
        return False
    return True


@lru_cache(maxsize=100_000)
def same_answer(given: str, correct: str) -> bool | None:
    """Whether an answer is the correct one; None where that could take for ever to find out.

    :raises ModuleNotFoundError: if latex2sympy2 is not installed.
    """
    from latex2sympy2 import latex2sympy

    given, correct = given.lower().strip(), correct.lower().strip()
    if given == correct:
        return True
    numbers = _arithmetic(given), _arithmetic(correct)
    if numbers[0] is not None and numbers[1] is not None and abs(numbers[0] - numbers[1]) < _TOLERANCE:
        return True
    if not (_is_quick(given) and _is_quick(correct)):
        return None
    try:
        difference = abs(latex2sympy(given) - latex2sympy(correct))
        return bool(difference.evalf() < _TOLERANCE)
    except Exception:  # Whatever its parser and symbols make of an answer that is not a number: it is not equal.
        return False


def _arithmetic(text: str) -> float | None:
    """The value of an arithmetic expression in Python's notation; None for anything else."""
    if len(text) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = ast.parse(text, mode="eval")
        value = _value(parsed.body)
        return value if math.isfinite(value) else None
    except (ValueError, SyntaxError, ArithmeticError, MemoryError, RecursionError, TypeError):
        return None


def _value(node: Any) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.operand))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return float(math.pow(_value(node.left), _value(node.right)))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("is not arithmetic")


def _is_quick(text: str) -> bool:
    """Whether LaTeX can be evaluated at once: no sums or factorials, no long numbers, no towers of exponents."""
    if len(text) > _LONGEST or "!" in text or re.search(rf"\d{{{_MOST_DIGITS + 1},}}", text):
        return False
    if not _HARMLESS.issuperset(_COMMAND.findall(text)):
        return False
    powers = list(_POWER.finditer(text))
    exponents = [match["exponent"] for match in powers]
    if len(powers) != text.count("^") + text.count("**") or any(match["again"] for match in powers):
        return False
    return math.prod(max(int(number), 1) for number in re.findall(r"\d+", " ".join(exponents))) <= _LARGEST_POWER


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
    :param utility: of a row; None where it is not known. It raises DataError for what is not a number.
    """

    name: str
    utility: Callable[[Row], float | None]

    @property
    def known(self) -> bool:
        """Whether it scores at all."""
        return self.utility is not _unknown


def scoring_of(sheet: KitSheet, columns: Sequence[str], settings: Mapping[str, str]) -> Scoring:
    """The scoring of a file with these columns.

    :raises DataError: if the chosen column is missing and nothing else states which answers are right.
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
            raise DataError(f"{name} {text!r} is not a number") from None

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
