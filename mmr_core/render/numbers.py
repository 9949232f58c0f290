"""How figures look when people read them: decimals, intervals, infinity, readable costs, harmless names.

Every table and plot takes its text from here, so that one figure looks the same wherever it stands. Files for
programs (JSON, CSV, Parquet) hold the full numbers instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mmr_core.numerics.metrics import METRICS
from mmr_core.results import QUERIES, Estimate

INFINITY = "∞"
NOTHING = "–"
NEVER = "never"
"""What an infinite cost means: the utility is never reached."""

UNIT = f"USD per {QUERIES:,} queries"
SHORT_UNIT = f"USD per {QUERIES:,}"
"""The unit of costs in everything about savings."""

Show = Callable[[float | None], str]


def number(value: float | None) -> str:
    """A figure with three decimals; "∞", or "–" where there is none."""
    return decimal(value, 3)


def finer(value: float | None) -> str:
    """A figure with four decimals: differences and their ends are small, and may all but touch 0."""
    return decimal(value, 4)


def signed(value: float | None) -> str:
    """As `finer`, with a plus sign for what is above zero."""
    return decimal(value, 4, signed=True)


def ratio(value: float | None) -> str:
    """A figure that may be tiny or large, with three significant digits; "∞" or "–" as in `number`."""
    return _finite_or_sign(value, significant)


def metric_format(metric: str) -> Show:
    """How the figures of a metric of `METRICS` look."""
    return ratio if METRICS[metric].shown == "significant" else number


def decimal(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A figure with so many decimals; "∞" or "–" as in `number`.

    :param signed: whether what is above zero, as printed, has a plus sign.
    """
    text = _finite_or_sign(value, lambda finite: _without_negative_zero(f"{finite:,.{digits}f}"))
    plus = signed and value is not None and value > 0 and text.strip("0.") != ""
    return f"+{text}" if plus else text


def significant(value: float, digits: int = 3) -> str:
    """So many significant digits, never in scientific notation."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def interval(estimate: Estimate, show: Show = number) -> str:
    """The 95 % interval, such as "[0.690, 0.712]"; empty where there is none, or all of it is infinite."""
    return "" if estimate.value is None else ends(estimate.low, estimate.high, show)


def ends(low: float | None, high: float | None, show: Show = number) -> str:
    """Both ends of an interval, as in `interval`."""
    return "" if low is None or high is None or math.isinf(low) else f"[{show(low)}, {show(high)}]"


def with_interval(estimate: Estimate, show: Show = number) -> str:
    """A figure and its interval, such as "0.701 [0.690, 0.712]"."""
    return f"{show(estimate.value)} {interval(estimate, show)}".rstrip()


@dataclass(frozen=True)
class CostUnit:
    """A number of queries that makes costs readable.

    :param queries: costs are multiplied by it.
    """

    queries: int

    @classmethod
    def for_costs(cls, costs: Iterable[float]) -> CostUnit:
        """The unit in which the median of some costs (USD per query) is at least 0.01, where there is one."""
        positive = sorted(cost for cost in costs if cost > 0)
        middle = positive[len(positive) // 2] if positive else 1.0
        return cls(next((queries for queries in (1, 1_000) if middle * queries >= 0.01), 1_000_000))

    @property
    def title(self) -> str:
        """Such as "USD per 1,000 queries"."""
        return "USD per query" if self.queries == 1 else f"USD per {self.queries:,} queries"

    def show(self, cost: float | None) -> str:
        """A cost per query in this unit, with three significant digits."""
        return _finite_or_sign(cost, lambda finite: significant(finite * self.queries))


def usd(cost: float | None) -> str:
    """A cost per query in USD per thousand queries, three significant digits; "never" where it is infinite."""
    return NEVER if _infinite(cost) else CostUnit(QUERIES).show(cost)


def usd_interval(cost: Estimate) -> str:
    """The interval of a cost in `usd`; empty where the cost is infinite."""
    return "" if _infinite(cost.value) else interval(cost, usd)


def cost_text(cost: Estimate) -> str:
    """Such as "1.83 [1.71, 1.95]"."""
    return f"{usd(cost.value)} {usd_interval(cost)}".rstrip()


def share(ratio: float | None) -> str:
    """What a ratio of costs saves: "43.1 %", "-12.0 %" where it costs more, "never" where it is infinite."""
    if ratio is None or math.isnan(ratio):
        return NOTHING
    return NEVER if math.isinf(ratio) else f"{_percent(ratio)} %"


def share_interval(ratio: Estimate) -> str:
    """The interval of what a ratio of costs saves, such as "[38.0, 46.9]": that of the ratio, turned round."""
    if ratio.value is None or math.isinf(ratio.value) or ratio.low is None or ratio.high is None:
        return ""
    return f"[{_percent(ratio.high)}, {_percent(ratio.low)}]"


def saving_text(ratio: Estimate) -> str:
    """Such as "43.1 % [38.0, 46.9]"."""
    return f"{share(ratio.value)} {share_interval(ratio)}".rstrip()


def name(text: str) -> str:
    """A name as it may be shown: what is not printable (escape codes, line breaks) becomes a replacement mark."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def one_line(text: str) -> str:
    """A text that may be long, such as a caption: as `name`, but any white space becomes one space."""
    return name(" ".join(text.split()))


def exact(value: float | None) -> str:
    """All digits of a number, for programs; "inf" or "-inf"; empty where there is none."""
    return "" if value is None or math.isnan(value) else repr(float(value))


def _percent(ratio: float) -> str:
    """One decimal, and none where a hundred per cent more and over is paid."""
    return NEVER if math.isinf(ratio) else decimal(100 * (1 - ratio), 1 if ratio < 2 else 0)


def _infinite(value: float | None) -> bool:
    return value is not None and math.isinf(value)


def _finite_or_sign(value: float | None, show: Callable[[float], str]) -> str:
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return INFINITY if value > 0 else f"-{INFINITY}"
    return show(value)


def _without_negative_zero(text: str) -> str:
    return text.removeprefix("-") if text.strip("-0.") == "" else text
