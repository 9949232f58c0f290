"""Numbers that logs of routing benchmarks state, and what a zero among them means."""

from __future__ import annotations

import math


def number(value: object) -> float | None:
    """A JSON value as a number; None for anything else, NaN included. True and false are no amounts."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return float(value)


def counted(*tokens: object) -> tuple[float | None, ...]:
    """Counts of tokens; where all are zero nothing was counted, for no model is asked without a word."""
    numbers = tuple(number(value) for value in tokens)
    return numbers if any(numbers) else (None,) * len(numbers)


def paid(cost: object) -> float | None:
    """A cost; zero means that nobody knew the price, for no answer is made for nothing."""
    return number(cost) or None
