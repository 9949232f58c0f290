"""How savings look when people read them: USD per thousand queries, shares of a cost, "never" for the unreached."""

from __future__ import annotations

import math

from mmr_core.render.numbers import NOTHING, decimal, finer, significant, with_interval
from mmr_core.results import QUERIES, Estimate

UNIT = f"USD per {QUERIES:,} queries"
SHORT_UNIT = f"USD per {QUERIES:,}"
NEVER = "never"


def usd(cost: float | None) -> str:
    """A cost per query in USD per thousand queries, three significant digits; "never" where it is infinite."""
    if cost is None or math.isnan(cost):
        return NOTHING
    return NEVER if math.isinf(cost) else significant(cost * QUERIES)


def cost_text(cost: Estimate) -> str:
    """Such as "1.83 [1.71, 1.95]"."""
    return NEVER if cost.value is not None and math.isinf(cost.value) else with_interval(cost, usd)


def utility_text(utility: Estimate) -> str:
    """Such as "0.701 [0.690, 0.712]"."""
    return with_interval(utility)


def gain_text(gain: Estimate) -> str:
    """A difference of utilities, signed: "+0.0031 [-0.0020, +0.0084]"."""
    return with_interval(gain, lambda value: decimal(value, 4, signed=True) if value is not None else finer(value))


def share(ratio: float | None) -> str:
    """What a ratio of costs saves: "43.1 %", "-12.0 %" where it costs more, "never" where it is infinite."""
    if ratio is None or math.isnan(ratio):
        return NOTHING
    return NEVER if math.isinf(ratio) else f"{_percent(ratio)} %"


def _percent(ratio: float) -> str:
    """One decimal, and none where a hundred per cent more and over is paid."""
    return NEVER if math.isinf(ratio) else decimal(100 * (1 - ratio), 1 if ratio < 2 else 0)


def saving_text(ratio: Estimate) -> str:
    """Such as "43.1 % [38.0, 46.9]"; the interval of a ratio, turned round."""
    if ratio.value is None or math.isinf(ratio.value) or ratio.low is None or ratio.high is None:
        return share(ratio.value)
    return f"{share(ratio.value)} [{_percent(ratio.high)}, {_percent(ratio.low)}]"
