"""Whether two answers to a problem of mathematics are equal, by the kit's rule for MathVision.

They are if they are the same text but for case, or the same number (within 1e-6) as arithmetic or as LaTeX. The kit
evaluates answers as Python; here they are parsed, and what could take for ever to evaluate is not evaluated. LaTeX
needs latex2sympy2, and there is no rule without it: texts alone would call 1/2 and 0.5 different.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

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
    """Whether an answer is the correct one; None where finding out could take for ever.

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
    except Exception:  # Whatever its parser and symbols make of an answer that is no number: it is not equal.
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
    raise ValueError("is no arithmetic")


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
