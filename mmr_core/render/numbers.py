"""How figures look when people read them: decimals, intervals, infinity, readable units of cost, harmless names.

Every table and plot takes its text from here, so that one figure looks the same wherever it stands. Files for
programs (JSON, CSV, Parquet) hold the full numbers instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mmr_core.results import Estimate

INFINITY = "∞"
NOTHING = "–"


def number(value: float | None) -> str:
    """A metric with three decimals; "∞", or "–" where there is none."""
    return decimal(value, 3)


def ratio(value: float | None) -> str:
    """A ratio that may be tiny or large, such as QNC, with three significant digits; "∞" or "–" as in `number`."""
    return _shown(value, significant)


def finer(value: float | None) -> str:
    """As `number`, with four decimals: differences and their ends are small, and may all but touch 0."""
    return decimal(value, 4)


def decimal(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A figure with so many decimals; "∞" or "–" as in `number`.

    :param signed: whether what is above zero, as printed, has a plus sign.
    """
    text = _shown(value, lambda finite: _without_negative_zero(f"{finite:,.{digits}f}"))
    plus = signed and value is not None and value > 0 and text.strip("0.") != ""
    return f"+{text}" if plus else text


def _without_negative_zero(text: str) -> str:
    return text.removeprefix("-") if text.strip("-0.") == "" else text


def signed(value: float) -> str:
    """As `finer`, with a plus sign for what is above zero."""
    return decimal(value, 4, signed=True)


def interval(estimate: Estimate, show: Callable[[float | None], str] = number) -> str:
    """The 95 % interval, such as "[0.690, 0.712]"; empty where there is none, or all of it is infinite."""
    if estimate.value is None or estimate.low is None or estimate.high is None or math.isinf(estimate.low):
        return ""
    return f"[{show(estimate.low)}, {show(estimate.high)}]"


def with_interval(estimate: Estimate, show: Callable[[float | None], str] = number) -> str:
    """A figure and its interval, such as "0.701 [0.690, 0.712]"."""
    return f"{show(estimate.value)} {interval(estimate, show)}".rstrip()


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return INFINITY if value > 0 else f"-{INFINITY}"
    return show(value)


def significant(value: float, digits: int = 3) -> str:
    """So many significant digits, never in scientific notation."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


@dataclass(frozen=True)
class CostUnit:
    """A number of queries that makes costs readable.

    :param queries: costs are multiplied by it.
    """

    queries: int

    @classmethod
    def for_costs(cls, costs: Iterable[float]) -> CostUnit:
        """The unit in which the middle one of some costs (USD per query) is no tiny fraction."""
        positive = sorted(cost for cost in costs if cost > 0)
        middle = positive[len(positive) // 2] if positive else 1.0
        return cls(next((queries for queries in (1, 1_000) if middle * queries >= 0.01), 1_000_000))

    @property
    def title(self) -> str:
        """Such as "USD per 1,000 queries"."""
        return "USD per query" if self.queries == 1 else f"USD per {self.queries:,} queries"

    def show(self, cost: float | None) -> str:
        """A cost per query in this unit, with three significant digits."""
        return _shown(cost, lambda finite: significant(finite * self.queries))


def name(text: str) -> str:
    """A name as it may be shown: what is not printable (escape codes, line breaks) becomes a replacement mark."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def one_line(text: str) -> str:
    """A text that may be long, such as a caption: as `name`, but any white space becomes one space."""
    return name(" ".join(text.split()))
