"""Numbers out of the texts of cells, and one line about those that are none.

Correctness is a number in [0, 1], `True` or `False`; costs and tokens are finite and not negative. An empty cell is
NaN. Nothing else is guessed at: `nan`, `1,5` and `$2` are faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_plugins.importers.published.sheet import Sheet

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TRUTH = {"true": 1.0, "false": 0.0}


class Cells:
    """Reads the cells of one sheet, remembering what is wrong until `demand_no_faults`."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._faults: list[tuple[int, str, str]] = []

    def correctness(self, column: str) -> NDArray[np.float64]:
        """float64 [n], utilities; NaN where a cell is empty."""
        return self._numbers(column, _correctness)

    def costs(self, column: str) -> NDArray[np.float64]:
        """float64 [n], USD; NaN where a cell is empty."""
        return self._numbers(column, lambda text: _amount(text, "cost"))

    def tokens(self, column: str) -> NDArray[np.float64]:
        """float64 [n], counts; NaN where a cell is empty."""
        return self._numbers(column, lambda text: _amount(text, "number of tokens"))

    def demand_no_faults(self) -> None:
        """
        :raises DataError: that names the first faulty cell, by row and then by column, and counts the others.
        """
        if self._faults:
            row, column, reason = min(self._faults, key=lambda fault: fault[0])
            others = len(self._faults) - 1
            more = f" (and {others} more faulty cell{'s' * (others > 1)})" if others else ""
            raise DataError(
                f"{reason}{more}",
                where=self._sheet.place(row, column),
                fix="correct it, or leave the cell empty if the outcome is missing",
            )

    def _numbers(self, column: str, parse: Callable[[str], float | str]) -> NDArray[np.float64]:
        texts = self._sheet.columns[column]
        parsed = {text: parse(text.strip()) if text.strip() else np.nan for text in set(texts)}
        wrong = {text: reason for text, reason in parsed.items() if isinstance(reason, str)}
        if wrong:
            self._faults += [(row, column, wrong[text]) for row, text in enumerate(texts) if text in wrong]
            return np.full(len(texts), np.nan)
        return np.array([parsed[text] for text in texts], dtype=np.float64)


def _correctness(text: str) -> float | str:
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if not _NUMBER.fullmatch(text):
        return f"correctness {_shown(text)} is no number, nor True or False"
    value = float(text)
    return value + 0.0 if 0 <= value <= 1 else f"correctness {_shown(text)} is outside [0, 1]"


def _amount(text: str, what: str) -> float | str:
    if not _NUMBER.fullmatch(text):
        return f"{what} {_shown(text)} is no number"
    value = float(text)
    if value < 0:
        return f"{what} {_shown(text)} is negative"
    return value + 0.0 if np.isfinite(value) else f"{what} {_shown(text)} is not finite"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
