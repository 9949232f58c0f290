"""What the sample is calibrated to: accuracies, mean output tokens and prices, and the models' characters.

Published: the accuracies and mean output tokens of nine models on the seven multimodal datasets
(`published/single_models.csv`) and all output-token prices (`published/table_s2.csv`).

Invented: everything about gpt-5-nano but its price, since nobody published its accuracies and tokens; the accuracies
on the text-only datasets, of which only the best one per dataset is published (`published/table5.csv`); how the mean
number of tokens varies from dataset to dataset; and the characters, that is, how much each model suffers from what
is hard to read, hard to see, or hard in both ways at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmr_plugins.published import rows


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
