"""Practice data: small random tables, drawn from a seed, to check components on.

They have what real tables have: texts, images that can be opened, missing modalities, missing outcomes, and outcomes
of a test split that no component is ever given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mmr_core.contracts import Embeddings, LightFeatures
from mmr_core.features import Features
from mmr_core.runner.fit import Lesson
from mmr_core.specs import ModelSpec, TokenPrice

if TYPE_CHECKING:
    from numpy.typing import NDArray

Presence = Literal["both", "mixed", "text-only"]

WIDTH = 32
PICTURES = 12
PIXELS = 24
TOPICS = ("a sum of fractions", "a chart with three bars", "a receipt in a shop", "the proof of a lemma")
SCENARIOS = ("math", "ocr")


@dataclass(frozen=True, kw_only=True, eq=False)
class Practice:
    """Training rows, test queries, and the outcomes that a router must not know.

    :param lesson: the training rows.
    :param asked: features of m queries of the test split.
    :param asked_ids: their opaque ids.
    :param hidden: float64 [m, 2 K], their utilities and costs, all distinct; empty unless a `secret` is given.
    """

    lesson: Lesson
    asked: Features
    asked_ids: tuple[str, ...]
    hidden: NDArray[np.float64]


def practice(
    folder: Path,
    *,
    train: int = 60,
    asked: int = 40,
    models: int = 4,
    missing: float = 0.0,
    unobserved: int = 0,
    presence: Presence = "mixed",
    secret: int | None = None,
) -> Practice:
    """Practice data of the given shape; the same arguments give the same data.

    :param folder: where images are drawn.
    :param train, asked: number of instances in each split.
    :param missing: the share of training outcomes that are missing, cell by cell.
    :param unobserved: number of models without any training outcome.
    :param presence: what instances have: text and image; each of the two with probability 3/4; or only text, in a
        table without encoded images.
    :param secret: seed of the test outcomes, which changes nothing else; without it there are none.
    """
    rng = np.random.default_rng((7, train, asked, models))
    features, topic = _features(rng, train + asked, presence, folder)
    utility, cost = _outcomes(rng, topic[:train], models)
    absent = np.random.default_rng(11).random(utility.shape) < missing
    absent[:, :unobserved] = True
    utility[absent] = cost[absent] = np.nan
    everything = np.arange(train + asked)
    return Practice(
        lesson=Lesson(
            features=features.take(everything[:train]),
            ids=_opaque(rng, train),
            pool=pool(models),
            utility=utility,
            cost=cost,
            validation=rng.random(train) < 0.2,
            cost_scale=float(np.nanmax(cost, initial=1e-9)),
        ),
        asked=features.take(everything[train:]),
        asked_ids=_opaque(rng, asked),
        hidden=np.zeros((0, 0)) if secret is None else np.random.default_rng((13, secret)).random((asked, 2 * models)),
    )


def pool(models: int) -> tuple[ModelSpec, ...]:
    """Candidate models of increasing price; some lack metadata."""
    return tuple(
        ModelSpec(
            name=f"practice-{j}",
            title=f"Practice {j}",
            parameters_b=None if j % 3 == 2 else 2.0 * (j + 1),
            context_length=None if j % 3 == 1 else 32768,
            price=TokenPrice() if j % 4 == 3 else TokenPrice(output=0.1 * 1.1**j, input=0.02 * 1.1**j),
        )
        for j in range(models)
    )


def questions(count: int, seed: int = 0) -> list[str]:
    """Distinct questions."""
    rng = np.random.default_rng((17, seed))
    return [_question(int(topic), i) for i, topic in enumerate(rng.integers(0, len(TOPICS), count))]


@cache
def pictures(folder: Path, count: int = PICTURES, pixels: int = PIXELS) -> tuple[Path, ...]:
    """Image files, drawn on first use."""
    from PIL import Image

    rng = np.random.default_rng((19, pixels))
    drawn = []
    home = folder / f"pictures-{pixels}"
    home.mkdir(exist_ok=True)
    for i in range(count):
        path = home / f"{i:04x}.png"
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((pixels, pixels + i % 3)).save(path)
        drawn.append(path)
    return tuple(drawn)


def _opaque(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    return tuple(f"{number:016x}" for number in rng.choice(2**40, count, replace=False))


def _question(topic: int, number: int) -> str:
    return f"What does {TOPICS[topic]} show, and why is number {number} not {number * number % 97}?" + " Say more." * (
        number % 4
    )


def _features(
    rng: np.random.Generator, count: int, presence: Presence, folder: Path
) -> tuple[Features, NDArray[np.intp]]:
    topic = rng.integers(0, len(TOPICS), count)
    mask = np.ones((count, 2), dtype=np.bool_)
    if presence == "mixed":
        mask = rng.random((count, 2)) < 0.75
    if presence == "text-only":
        mask[:, 1] = False
    centres = rng.normal(size=(2, len(TOPICS), WIDTH))
    rows = [
        np.where(mask[:, side, None], centres[side, topic] + rng.normal(size=(count, WIDTH)), 0).astype(np.float32)
        for side in (0, 1)
    ]
    files = pictures(folder)
    texts = tuple(_question(int(topic[i]), i) if mask[i, 0] else "" for i in range(count))
    images = tuple(files[i % len(files)] if mask[i, 1] else None for i in range(count))
    sizes = np.where(mask[:, 1, None], [[PIXELS, PIXELS + (i % len(files)) % 3] for i in range(count)], 0)
    return Features(
        embeddings=Embeddings(
            text=rows[0],
            image=None if presence == "text-only" else rows[1],
            norms=np.stack([np.linalg.norm(side, axis=1) for side in rows], axis=1).astype(np.float32),
            mask=mask,
        ),
        light=LightFeatures(
            text_length=np.array([len(text) for text in texts], dtype=np.int64),
            image_size=sizes.astype(np.int64),
            scenario=tuple(SCENARIOS[t % 2] for t in topic),
        ),
        questions=texts,
        images=images,
    ), topic


def _outcomes(
    rng: np.random.Generator, topic: NDArray[np.intp], models: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dearer models are right more often, and the last topics are the hardest."""
    skill = (np.arange(models) + 1) / (models + 1)
    chance = np.clip(skill[None, :] + 0.3 - 0.2 * topic[:, None], 0.02, 0.98)  # [n, K]
    utility = (rng.random(chance.shape) < chance).astype(np.float64)
    cost = rng.integers(5, 200, chance.shape) * np.geomspace(1, 50, models) / 1e7
    return utility, cost
