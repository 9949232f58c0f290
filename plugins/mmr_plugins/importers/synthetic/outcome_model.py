"""The outcome model of the sample: from what makes an instance difficult to which models answer it, and at what cost.

The difficulty of an instance is a sum of four uncorrelated parts, each of mean 0 and variance 1 within its dataset:
what is hard to read, what is hard to see, the two together (their product), and what cannot be known beforehand. The
parts' shares of its variance are in `SHARES`. Each model feels the first three in its own measure (its `Character`),
is a little better in some categories than in others, and has luck of its own on every instance. It answers correctly
where the sum of all that is high enough; how high is set by the accuracy it has to have on the dataset.

It is calibrated to accuracies, mean output tokens and prices. Published: the accuracies and mean output tokens of nine
models on the seven multimodal datasets (`published/single_models.csv`) and all output-token prices
(`published/table_s2.csv`). Invented: everything about gpt-5-nano but its price, since nobody published its accuracies
and tokens; the accuracies on the text-only datasets, where only the best one per dataset is published
(`published/table5.csv`); how the mean number of tokens varies from dataset to dataset; and the characters, that is,
how much each model suffers from what is hard to read, hard to see, or hard in both ways at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_plugins.importers.synthetic.chance import Chance
from mmr_plugins.published import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Character:
    """How a model differs from the others; 1 is the ordinary amount.

    :param text: how much it suffers from a hard text.
    :param image: how much it suffers from a picture that is hard to see.
    :param both: how much it suffers where a hard text meets a hard picture.
    :param effort: by how much its answers grow with the difficulty of the text, in logarithmic units.
    """

    text: float
    image: float
    both: float
    effort: float


CHARACTERS: dict[str, Character] = {
    "gpt-5": Character(text=0.25, image=1.30, both=0.6, effort=0.45),
    "gemini-2.5-pro": Character(text=0.45, image=0.75, both=0.5, effort=0.40),
    "claude-3.7-sonnet": Character(text=0.80, image=1.50, both=1.1, effort=0.20),
    "gemini-2.5-flash": Character(text=0.75, image=0.95, both=0.8, effort=0.40),
    "gpt-5-nano": Character(text=0.65, image=1.55, both=1.1, effort=0.25),
    "internvl3-78b": Character(text=1.45, image=0.35, both=1.0, effort=0.20),
    "qwen2.5-vl-72b": Character(text=1.25, image=0.45, both=1.0, effort=0.20),
    "qwen2.5-vl-7b": Character(text=1.60, image=0.65, both=1.2, effort=0.25),
    "gemma3-4b": Character(text=1.30, image=1.45, both=1.2, effort=0.25),
    "qwen2.5-vl-3b": Character(text=1.70, image=0.80, both=1.3, effort=0.25),
}
"""The ten models of the sample, in the order of their columns."""

SHARE_OF_TOKENS = {
    "ocrbench": 0.45,
    "seedbench2plus": 0.70,
    "mmstar": 0.85,
    "realworldqa": 0.70,
    "mathvista": 1.10,
    "mathverse": 1.50,
    "mathvision": 1.70,
    "gsm8k": 0.60,
    "mmlu": 0.50,
    "arc": 0.35,
}
"""Mean tokens on a dataset over the model's published mean; the seven multimodal datasets average 1."""

_NANO_ACCURACY = {
    "mmstar": 61.0,
    "realworldqa": 64.0,
    "seedbench2plus": 66.0,
    "ocrbench": 74.0,
    "mathvista": 62.0,
    "mathvision": 37.0,
    "mathverse": 44.0,
}
_NANO_TOKENS = 210.0

_TEXT_ACCURACY: dict[str, dict[str, float]] = {
    "gsm8k": {
        "gpt-5": 94.5,
        "gemini-2.5-pro": 94.0,
        "claude-3.7-sonnet": 93.0,
        "gemini-2.5-flash": 92.0,
        "gpt-5-nano": 89.0,
        "internvl3-78b": 90.5,
        "qwen2.5-vl-72b": 91.0,
        "qwen2.5-vl-7b": 80.0,
        "gemma3-4b": 77.0,
        "qwen2.5-vl-3b": 68.0,
    },
    "mmlu": {
        "gpt-5": 91.2,
        "gemini-2.5-pro": 89.5,
        "claude-3.7-sonnet": 86.5,
        "gemini-2.5-flash": 86.0,
        "gpt-5-nano": 79.0,
        "internvl3-78b": 83.5,
        "qwen2.5-vl-72b": 83.0,
        "qwen2.5-vl-7b": 69.0,
        "gemma3-4b": 58.0,
        "qwen2.5-vl-3b": 62.0,
    },
    "arc": {
        "gpt-5": 65.7,
        "gemini-2.5-pro": 64.5,
        "claude-3.7-sonnet": 63.0,
        "gemini-2.5-flash": 62.0,
        "gpt-5-nano": 57.0,
        "internvl3-78b": 59.5,
        "qwen2.5-vl-72b": 59.0,
        "qwen2.5-vl-7b": 50.0,
        "gemma3-4b": 44.0,
        "qwen2.5-vl-3b": 43.0,
    },
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a model's outcomes on a dataset are to average to.

    :param accuracy: in [0, 1].
    :param output_tokens: mean number of output tokens of an answer.
    :param price: USD per million output tokens.
    """

    accuracy: float
    output_tokens: float
    price: float


def targets() -> dict[tuple[str, str], Target]:
    """The target of every (dataset, model) of the sample."""
    price = {row["model"]: float(row["usd_per_million_output_tokens"]) for row in rows("table_s2")}
    summary = {row["model"]: row for row in rows("single_models")}
    found = {}
    for dataset, share in SHARE_OF_TOKENS.items():
        for model in CHARACTERS:
            published = summary.get(model)
            if dataset in _TEXT_ACCURACY:
                accuracy = _TEXT_ACCURACY[dataset][model]
            elif published is None:
                accuracy = _NANO_ACCURACY[dataset]
            else:
                accuracy = float(published[dataset])
            tokens = _NANO_TOKENS if published is None else float(published["mean_output_tokens"])
            found[dataset, model] = Target(accuracy=accuracy / 100.0, output_tokens=tokens * share, price=price[model])
    return found


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
