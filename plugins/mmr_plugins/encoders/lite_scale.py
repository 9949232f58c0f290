"""The scale on which the `lite` encoder puts every statistic of a text or an image."""

from __future__ import annotations

from typing import Any

SHARED = 6
"""How many leading coordinates texts and images share: amount, density, variety, structure, strain, grain."""


def squash(value: Any, typical: Any, spread: Any) -> Any:
    """`value` between -1 and 1, 0 where it is `typical`, about 0.7 one `spread` above; number or array alike.

    Algebraic rather than a hyperbolic tangent, so that it is the same number on every machine.
    """
    x = (value - typical) / spread
    return x / (1.0 + x * x) ** 0.5
