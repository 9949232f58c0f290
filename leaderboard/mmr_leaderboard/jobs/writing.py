"""Writes a job folder: everything that an isolated process is told, and nothing else. See `docs/job-folder.md`.

This is the one door through which anything reaches submitted code. `Part` has no outcomes; those of the training rows
come in by `Lessons`, which is made of training rows alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.features import Features
from mmr_core.features.aligned import View
from mmr_core.specs import ModelSpec
from mmr_leaderboard.jobs.naming import Naming
from mmr_leaderboard.jobs.pictures import Gallery
from mmr_leaderboard.jobs.terms import RouterRequest, Runtime


@dataclass(frozen=True, kw_only=True, eq=False)
class Lessons:
    """Training rows: what is seen of them, and what became of them.

    :param utility, cost: float64 [n, K], NaN where missing.
    :param validation: bool [n].
    """

    features: Features
    utility: NDArray[np.float64]
    cost: NDArray[np.float64]
    validation: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ask:
    """One question to the fitted router.

    :param rows: which of the job's queries, in this order.
    :param renamed: whether the queries have other ids in this ask.
    :param each: one by one, and not all in one batch.
    """

    rows: NDArray[np.intp]
    renamed: bool = False
    each: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class JobContent:
    """What goes into one job folder.

    :param encoder_texts: what an encoder of the submission learns from: the questions of the training split.
    """

    lessons: Lessons
    queries: Features
    asks: tuple[Ask, ...]
    pool: tuple[ModelSpec, ...]
    cost_scale: float
    modality: View
    encoder_texts: tuple[str, ...]


def write_job(
    folder: Path,
    content: JobContent,
    request: RouterRequest,
    runtime: Runtime,
    *,
    gallery: Gallery,
    naming: Naming,
    shared: bool,
) -> Path:
    """Makes the folder and everything in it, and gives the folder of its images.

    :param gallery: exactly the images of the job's rows.
    :param naming: the ids of this job.
    :param shared: whether the gallery itself may be shown; else the job has copies.
    """
    images = folder / "images"
    images.mkdir(parents=True)
    if content.modality != "text":
        if shared:
            images = gallery.folder
        else:
            gallery.copy_to(images)
    own_encoder = request.encoder is not None
    lessons = content.lessons
    outcomes = {"utility": lessons.utility, "cost": lessons.cost, "validation": lessons.validation}
    _write_part(folder, "training", lessons.features, naming, gallery, outcomes, bare=own_encoder)
    _write_part(folder, "queries", content.queries, naming, gallery, {}, bare=own_encoder)
    job = {
        "format": 1,
        "images": str(images),
        "path": [str(place) for place in runtime.path],
        "router": asdict(request),
        "modality": content.modality,
        "pool": [asdict(model) for model in content.pool],
        "cost_scale": content.cost_scale,
        "asks": [_stated(ask, naming) for ask in content.asks],
        "encoder_texts": list(content.encoder_texts) if own_encoder else [],
    }
    _write_json(folder / "job.json", job)
    return images


def _write_part(
    folder: Path,
    part: str,
    features: Features,
    naming: Naming,
    gallery: Gallery,
    outcomes: Mapping[str, NDArray[Any]],
    *,
    bare: bool,
) -> None:
    """One file of arrays and one of words.

    :param bare: without embeddings, which the submission makes itself.
    """
    embeddings, light = features.embeddings, features.light
    arrays: dict[str, Any] = {
        "norms": np.zeros_like(embeddings.norms) if bare else embeddings.norms,
        "mask": embeddings.mask,
        "text_length": light.text_length,
        "image_size": light.image_size,
        **outcomes,
    }
    for name, rows in (("text", embeddings.text), ("image", embeddings.image)):
        if rows is not None and not bare:
            arrays[name] = rows
    np.savez(folder / f"{part}.npz", **arrays)
    words = {
        "ids": [naming.query((part, row)) for row in range(len(features))],
        "questions": list(features.questions),
        "images": [None if path is None else gallery.names[path] for path in features.images],
        "scenarios": list(light.scenario),
    }
    _write_json(folder / f"{part}.json", words)


def _stated(ask: Ask, naming: Naming) -> dict[str, object]:
    rows = ask.rows.tolist()
    ids: Sequence[str] | None = [naming.query(("renamed", row)) for row in rows] if ask.renamed else None
    return {"rows": rows, "ids": ids, "each": ask.each}


def _write_json(file: Path, content: object) -> None:
    # With escapes, since a question may hold half a surrogate pair, which no encoding has.
    file.write_text(json.dumps(content, allow_nan=True), encoding="ascii")
