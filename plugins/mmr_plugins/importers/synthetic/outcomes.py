"""The outcome model of the sample: from what makes an instance difficult to who answers it and at what cost.

The difficulty of an instance is a sum of four uncorrelated parts, each of mean 0 and variance 1 within its dataset:
what is hard to read, what is hard to see, the two together (their product), and what cannot be known beforehand. The
parts' shares of its variance are in `SHARES`. Each model feels the first three in its own measure (its `Character`),
is a little better in some categories than in others, and has luck of its own on every instance. It answers correctly
where the sum of all that is high enough; how high is set by the accuracy it has to have on the dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_plugins.importers.synthetic.calibration import CHARACTERS, Target
from mmr_plugins.importers.synthetic.chance import Chance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SHARES: dict[str, tuple[float, float, float, float]] = {
    "ocr": (0.40, 0.35, 0.10, 0.15),
    "general-vqa": (0.35, 0.40, 0.10, 0.15),
    "math": (0.45, 0.25, 0.10, 0.20),
    "text": (0.75, 0.00, 0.00, 0.25),
}
"""Shares of (text, image, both, noise) in the variance of difficulty, by scenario; each row sums to 1."""

DIFFICULTY_SPREAD = 1.6
"""Standard deviation of difficulty, in units of the luck that each model has of its own on each instance."""

CATEGORY_SPREAD = {"ocr": 0.6, "general-vqa": 0.4, "math": 0.4, "text": 0.4}
"""Standard deviation, in the same units, of how much better a model is in a category than elsewhere, by scenario."""

TOKEN_SPREAD = 0.35
"""Standard deviation of the logarithm of output tokens that nothing explains."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """What makes the n instances of one dataset difficult; each part has mean 0 and variance 1, or is all zero.

    :param text: [n], what is hard to read.
    :param image: [n], what is hard to see; zero without pictures.
    :param both: [n], a hard text about a hard picture; zero without pictures.
    :param noise: [n], what no feature knows, though it is the same for all models.
    """

    text: NDArray[np.float64]
    image: NDArray[np.float64]
    both: NDArray[np.float64]
    noise: NDArray[np.float64]

    def difficulty(self, scenario: str) -> NDArray[np.float64]:
        """[n], the weighted sum that an ordinary model meets, of variance 1 where the parts are uncorrelated."""
        total: NDArray[np.float64] = np.sqrt(np.array(SHARES[scenario])) @ np.stack(
            [self.text, self.image, self.both, self.noise]
        )
        return total


def parts_of(dataset: str, text_hardness: Sequence[float], image_hardness: Sequence[float]) -> Parts:
    """The parts of difficulty, from the realised hardness of each text and picture.

    :param image_hardness: one number per instance, all equal where there are no pictures.
    """
    text, image = _standard(text_hardness), _standard(image_hardness)
    noise = _normals(len(text), dataset, "noise")
    return Parts(
        text=text,
        image=image,
        both=_standard(text * image),
        noise=_standard(noise),
    )


def draw_utility(
    dataset: str,
    model: str,
    scenario: str,
    parts: Parts,
    target: Target,
    categories: Sequence[str],
) -> NDArray[np.float64]:
    """[n] of 0 and 1, with exactly the target's share of ones (rounded to whole instances)."""
    character = CHARACTERS[model]
    felt = np.array([character.text, character.image, character.both, 1.0]) * np.sqrt(SHARES[scenario])
    burden = felt @ np.stack([parts.text, parts.image, parts.both, parts.noise])
    luck = _normals(len(categories), dataset, model, "luck")
    strength = {category: Chance(dataset, category, model, "strength").normal() for category in set(categories)}
    bent = np.array([strength[category] for category in categories])
    score = luck + CATEGORY_SPREAD[scenario] * bent - DIFFICULTY_SPREAD * burden
    solved = round(target.accuracy * len(score))
    utility = np.zeros(len(score))
    utility[np.argsort(-score, kind="stable")[:solved]] = 1.0
    return utility


def draw_tokens(dataset: str, model: str, parts: Parts, target: Target) -> NDArray[np.float64]:
    """[n], whole numbers of output tokens of at least 1 that average to the target, up to rounding.

    Answers grow with the difficulty of the text, more with models that think before they answer.
    """
    spread = _normals(len(parts.text), dataset, model, "tokens")
    relative = np.exp(CHARACTERS[model].effort * parts.text + TOKEN_SPREAD * spread)
    tokens: NDArray[np.float64] = np.maximum(np.rint(relative * target.output_tokens / relative.mean()), 1.0)
    return tokens


def _normals(count: int, *key: str) -> NDArray[np.float64]:
    chance = Chance(*key)
    return np.array([chance.normal() for _ in range(count)])


def _standard(values: Any) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    deviation = array - array.mean()
    spread = float(np.sqrt(np.square(deviation).mean()))
    return deviation / spread if spread > 1e-12 else np.zeros_like(deviation)
