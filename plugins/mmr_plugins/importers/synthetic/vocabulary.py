"""The words and names that pictures and questions of the sample are filled with."""

from __future__ import annotations


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
