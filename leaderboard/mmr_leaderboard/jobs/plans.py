"""The jobs of one entry: what each is given to learn from, and what it is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Embeddings, LightFeatures
from mmr_core.features import Features
from mmr_core.features.aligned import View
from mmr_leaderboard.jobs.job_writer import AskPlan, JobContent, TrainingRows
from mmr_leaderboard.jobs.material import SEED, Material, Rows

SINGLE, SHUFFLED, CANONICAL, AGAIN, RENAMED, FIRST_VARIANT = range(6)
"""The asks of the recheck, in order. Queries are asked one by one first, while the router can remember none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recheck:
    """The job that asks a second time.

    :param shuffled: [h] the order of the shuffled ask.
    :param variants: by the code of its check: which of the rechecked each variant is of, in the order of the asks.
    """

    content: JobContent
    shuffled: Rows
    variants: dict[str, Rows]


def answer_job(material: Material, modality: View) -> JobContent:
    """Trains on all of train, asks about all of test at once."""
    column = material.column
    utility, cost = column.table.utility[material.train], column.table.cost[material.train]
    return _content(material, modality, material.train, utility, cost, _queries(material, material.test, modality))


def placebo_job(material: Material, modality: View) -> JobContent:
    """The same, with training outcomes that belong to other rows."""
    utility, cost = material.placebo_utility, material.placebo_cost
    return _content(material, modality, material.train, utility, cost, _queries(material, material.test, modality))


def validation_job(material: Material, modality: View) -> JobContent | None:
    """Trains on train without its validation part, asks about that; None if there is nothing to choose on."""
    if material.fit_again is None or material.held_out is None:
        return None
    table = material.column.table
    utility, cost = table.utility[material.fit_again], table.cost[material.fit_again]
    queries = _queries(material, material.held_out, modality)
    return _content(material, modality, material.fit_again, utility, cost, queries)


def recheck_job(material: Material, modality: View) -> Recheck:
    """Trains on all of train, and asks about some of test in several ways."""
    column = material.column
    half = np.arange(len(material.rechecked))
    shuffled = np.random.default_rng(SEED).permutation(len(half))
    parts = [_queries(material, material.test[material.rechecked], modality)]
    asks = [
        AskPlan(rows=material.alone, each=True),
        AskPlan(rows=shuffled),
        AskPlan(rows=half),
        AskPlan(rows=half),
        AskPlan(rows=half, renamed=True),
    ]
    variants: dict[str, Rows] = {}
    start = len(half)
    for code, hidden, found in (
        ("whitespace-flips", "image", material.respaced),
        ("image-flips", "text", material.reencoded),
    ):
        if modality != hidden and len(found.of):
            variants[code] = found.of
            parts.append(found.features.restricted(modality))
            asks.append(AskPlan(rows=np.arange(start, start + len(found.of))))
            start += len(found.of)
    utility, cost = column.table.utility[material.train], column.table.cost[material.train]
    content = _content(material, modality, material.train, utility, cost, _together(parts), tuple(asks))
    return Recheck(content=content, shuffled=shuffled, variants=variants)


def _queries(material: Material, rows: Rows, modality: View) -> Features:
    return material.column.features_test.take(rows).restricted(modality)


def _content(
    material: Material,
    modality: View,
    fit_on: Rows,
    utility: NDArray[np.float64],
    cost: NDArray[np.float64],
    queries: Features,
    asks: tuple[AskPlan, ...] | None = None,
) -> JobContent:
    column = material.column
    shown = column.features_train.restricted(modality)
    return JobContent(
        training=TrainingRows(
            features=shown.take(fit_on), utility=utility, cost=cost, validation=column.validation[fit_on]
        ),
        queries=queries,
        asks=asks or (AskPlan(rows=np.arange(len(queries))),),
        pool=column.table.models,
        cost_scale=column.cost_scale,
        modality=modality,
        encoder_texts=tuple(shown.questions[row] for row in material.train if shown.questions[row]),
    )


def _together(parts: list[Features]) -> Features:
    """Concatenates the rows of several parts."""

    def joined(arrays: list[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
        known = [array for array in arrays if array is not None]
        return np.concatenate(known) if len(known) == len(arrays) else None

    return Features(
        embeddings=Embeddings(
            text=joined([part.embeddings.text for part in parts]),
            image=joined([part.embeddings.image for part in parts]),
            norms=np.concatenate([part.embeddings.norms for part in parts]),
            mask=np.concatenate([part.embeddings.mask for part in parts]),
        ),
        light=LightFeatures(
            text_length=np.concatenate([part.light.text_length for part in parts]),
            image_size=np.concatenate([part.light.image_size for part in parts]),
            scenario=tuple(tag for part in parts for tag in part.light.scenario),
        ),
        questions=tuple(question for part in parts for question in part.questions),
        images=tuple(path for part in parts for path in part.images),
    )
