"""Which scores the candidates of MixInstruct have, how many of each, and between what."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmr_core.errors import DataError
from mmr_core.logs.log_files import json_lines

if TYPE_CHECKING:
    from pathlib import Path

    from mmr_core.logs import LogSource


@dataclass(kw_only=True)
class Span:
    """How often a score is stated, and its least and greatest value."""

    count: int = 0
    low: float = math.inf
    high: float = -math.inf

    def add(self, value: float) -> None:
        """Takes one more value in."""
        self.count += 1
        self.low, self.high = min(self.low, value), max(self.high, value)

    def __str__(self) -> str:
        return f"{self.count} candidate{'s' * (self.count != 1)}, {self.low:.4g} to {self.high:.4g}"


def finite(value: object) -> float | None:
    """A score as a number; None where it is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def spans_of(files: Iterable[Path], source: LogSource) -> dict[str, Span]:
    """Every score of every candidate, by name in alphabetical order; what cannot be read is passed over."""
    spans: dict[str, Span] = {}
    for file in files:
        try:
            for _, example in json_lines(file, source):
                candidates = example.get("candidates")
                for candidate in candidates if isinstance(candidates, list) else ():
                    scores = candidate.get("scores") if isinstance(candidate, dict) else None
                    for name, stated in scores.items() if isinstance(scores, dict) else ():
                        value = finite(stated)
                        if value is not None:
                            spans.setdefault(name, Span()).add(value)
        except DataError:
            continue  # Reading the records of this file says what is wrong with it.
    return dict(sorted(spans.items()))
