"""What the model under evaluation spent on a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmr_plugins.importers.amounts import counted, number, paid


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens and cost; None where they are not known.

    :param input_tokens: without those read from a cache; those written to one are new and counted in.
    """

    input_tokens: float | None = None
    cached_tokens: float | None = None
    output_tokens: float | None = None
    reasoning_tokens: float | None = None
    cost: float | None = None

    def amounts(self, *, failed: bool) -> dict[str, Any]:
        """The fields of a record; of a sample that failed nothing is known, for it was not answered to its end."""
        usage = Usage() if failed else self
        counts = {**vars(usage)}
        known = usage.input_tokens is not None or usage.output_tokens is not None
        return {**counts, "token_source": "reported" if known else "unknown"}


def spent_by_candidate(usage: object, model: str) -> Usage:
    """The usage of one model out of `model_usage`, which has graders too."""
    own = usage.get(model) if isinstance(usage, dict) else None
    if not isinstance(own, dict):
        return Usage()
    asked, written = counted(own.get("input_tokens"), own.get("output_tokens"))
    stored = number(own.get("input_tokens_cache_write"))
    return Usage(
        input_tokens=asked if asked is None else asked + (stored or 0.0),
        cached_tokens=number(own.get("input_tokens_cache_read")),
        output_tokens=written,
        reasoning_tokens=number(own.get("reasoning_tokens")),
        cost=paid(own.get("total_cost")),
    )
