"""Writes a job folder: everything that an isolated process is given, and nothing else. See `docs/job-folder.md`.

This is the only way by which anything reaches submitted code. Queries have no outcomes; those of the training rows
come in through `TrainingRows`, which is made of training rows alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.features import Features
from mmr_core.features.aligned import View
from mmr_core.specs import ModelSpec
from mmr_leaderboard.jobs.anonymity import Gallery, Naming


@dataclass(frozen=True, kw_only=True)
class RouterRequest:
    """Which router the isolated process makes.

    :param name: as the registry of the isolated process finds it; that registry trusts `distribution` and the
        benchmark's own distribution alone.
    :param fusion: instead of the router's own default; None leaves it.
    :param encoder: instead of the board's; it then encodes inside the isolation. None takes the board's embeddings.
    """

    distribution: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    fusion: str | None = None
    fusion_parameters: Mapping[str, Any] = field(default_factory=dict)
    encoder: str | None = None
    encoder_parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What the isolated process runs on.

    :param python: the interpreter.
    :param path: its whole `sys.path`, in order; no `.pth` file is ever acted on.
    :param readable: every file and folder that must be readable for this, including the interpreter's own.
    :param digest: of everything that can change what it computes.
    :param packages: distribution name to version of what the submission brings.
    """

    python: Path
    path: tuple[Path, ...]
    readable: tuple[Path, ...]
    digest: str
    packages: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingRows:
    """Training rows: their features and their outcomes.

    :param utility, cost: float64 [n, K], NaN where missing.
    :param validation: bool [n].
    """

    features: Features
    utility: NDArray[np.float64]
    cost: NDArray[np.float64]
    validation: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class AskPlan:
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

    training: TrainingRows
    queries: Features
    asks: tuple[AskPlan, ...]
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
    """Makes the folder with everything in it, and returns the folder of its images.

    :param gallery: exactly the images of the job's rows.
    :param naming: the ids of this job.
    :param shared: whether the gallery itself may be shown; otherwise the job gets copies.
    """
    images = folder / "images"
    images.mkdir(parents=True)
    if content.modality != "text":
        if shared:
            images = gallery.folder
        else:
            gallery.copy_to(images)
    own_encoder = request.encoder is not None
    training = content.training
    outcomes = {"utility": training.utility, "cost": training.cost, "validation": training.validation}
    _write_part(folder, "training", training.features, naming, gallery, outcomes, bare=own_encoder)
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
    """Writes one file of arrays and one of words.

    :param bare: without embeddings, because the submission makes its own.
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


def _stated(ask: AskPlan, naming: Naming) -> dict[str, object]:
    rows = ask.rows.tolist()
    ids: Sequence[str] | None = [naming.query(("renamed", row)) for row in rows] if ask.renamed else None
    return {"rows": rows, "ids": ids, "each": ask.each}


def _write_json(file: Path, content: object) -> None:
    # ASCII with escapes: a question may hold half a surrogate pair, which no encoding can write.
    file.write_text(json.dumps(content, allow_nan=True), encoding="ascii")
