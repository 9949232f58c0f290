"""Reproducible chance: every draw of the sample comes from a stream that a key names.

Only `random.Random.random` is used, because that is the one sequence that Python promises never to change; streams
are keyed by words, so adding an instance or a dataset moves no other.

The words and names that pictures and questions are filled with stand here too.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A stream of draws that depends only on its key."""

    def __init__(self, *key: str | int) -> None:
        digest = blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
        self._random = random.Random(int.from_bytes(digest, "big")).random

    def share(self) -> float:
        """A number in [0, 1)."""
        return self._random()

    def happens(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random() < probability

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self._random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int((high - low + 1) * self._random())

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely as the others."""
        return options[int(len(options) * self._random())]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """`count` different options in random order; all of them where there are fewer."""
        pool = list(options)
        for i in range(min(count, len(pool))):
            j = i + int((len(pool) - i) * self._random())
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:count]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All options in random order."""
        return self.some(options, len(options))

    def normal(self) -> float:
        """A draw from the standard normal distribution."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self._random()))
        return radius * math.cos(2.0 * math.pi * self._random())


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


WORDS = _listed(
    "harbour market window silver garden winter candle bridge orange planet rocket mirror basket violin "
    "summit canyon thunder lantern pepper marble meadow falcon copper velvet anchor island cotton ginger "
    "museum ticket engine ladder saddle walnut quartz breeze cradle hollow jigsaw kettle magnet nectar"
)
SURNAMES = _listed("Abel Brandt Castro Duval Ekman Farrow Gupta Hansen Ito Keller Lopez Moreau Novak Okafor Petrov")
GOODS = _listed("bread milk tea rice soap apples coffee paper batteries honey pasta cheese lamps socks flour")
TOWNS = _listed("Lisbon Oslo Turin Kyoto Quito Perth Cairo Dublin Hanoi Malmo Tampa Delft")
