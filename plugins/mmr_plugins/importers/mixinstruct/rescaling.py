"""The rules by which a score becomes a utility in [0, 1]; the person names one, none is the default.

A rule never bends a score that it does not bring to [0, 1]: such a cell is unknown, and told.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from mmr_core.errors import DataError, UsageError
from mmr_plugins.importers.mixinstruct.spans import Span

RULES = {
    "none": "as it stands, for scores in [0, 1]",
    "percent": "divided by 100",
    "exp": "e to its power, for log-likelihoods",
    "min-max": "the least of this log is 0, the greatest 1",
    "LOW..HIGH": "with two numbers of yours: LOW is 0, HIGH is 1",
}
_NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")
_BOUNDS = {"none": (0.0, 1.0), "percent": (0.0, 100.0)}


@dataclass(frozen=True, kw_only=True)
class Rescaling:
    """u = (s - low) / (high - low), or u = e^s.

    :param label: the rule in words, kept with the origin of each cell.
    :param low, high: None where they are those of the log, until `over` settles them.
    """

    label: str
    low: float | None = None
    high: float | None = None
    exponential: bool = False

    def over(self, span: Span) -> Rescaling:
        """The rule for a log whose scores have this span.

        :raises DataError: if all of them are equal, and the rule is that the least is 0 and the greatest 1.
        """
        if self.exponential or self.low is not None:
            return self
        if span.low == span.high:
            raise DataError(f"every score is {span.low:g}, so none is the least or the greatest")
        return replace(self, low=span.low, high=span.high, label=f"{self.label} of {span.low!r}..{span.high!r}")

    def __call__(self, score: float) -> float:
        """The utility, which is outside [0, 1] where the rule does not fit the score."""
        if self.exponential:
            return math.exp(score) if score <= 0 else math.inf
        assert self.low is not None
        assert self.high is not None
        return (score - self.low) / (self.high - self.low)


def parse_rescaling(rule: str) -> Rescaling:
    """The rule of a name, or of two numbers `LOW..HIGH`.

    :raises UsageError: if it is no rule.
    """
    if rule == "exp":
        return Rescaling(label=rule, exponential=True)
    if rule == "min-max":
        return Rescaling(label=rule)
    if rule in _BOUNDS:
        return Rescaling(label=rule, low=_BOUNDS[rule][0], high=_BOUNDS[rule][1])
    numbers = _RANGE.fullmatch(rule)
    if numbers and float(numbers[1]) < float(numbers[2]) < math.inf:
        return Rescaling(label=rule, low=float(numbers[1]), high=float(numbers[2]))
    raise UsageError(
        f"{rule!r} is no rule",
        where="--select rescale",
        fix=f"rules are {', '.join(RULES)}, with numbers such as -5..0 for the last",
    )
