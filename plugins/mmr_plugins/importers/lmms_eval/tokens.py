"""The token counts of a sample of lmms-eval: a list with an object per request, or with nulls, or nothing.

Some back ends write only the output's count, and some of these count words, so such counts have an unknown source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens of all requests of a sample; None where a request does not say."""

    input: float | None
    output: float | None
    reasoning: float | None
    source: str


def tokens_of(counts: object) -> Tokens:
    """The counts of a sample, summed over its requests."""
    requests = counts if isinstance(counts, list) else [counts]
    totals = {name: _total(requests, name) for name in ("input_tokens", "output_tokens", "reasoning_tokens")}
    both = totals["input_tokens"] is not None and totals["output_tokens"] is not None
    return Tokens(
        input=totals["input_tokens"],
        output=totals["output_tokens"],
        reasoning=totals["reasoning_tokens"],
        source="reported" if both else "unknown",
    )


def _total(requests: list[Any], name: str) -> float | None:
    values: list[Any] = [request.get(name) if isinstance(request, dict) else None for request in requests]
    if not values or not all(type(value) in (int, float) for value in values):
        return None
    return float(sum(values))
