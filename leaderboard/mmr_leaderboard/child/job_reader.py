"""Reads a job folder, which is all that the isolated process is given. `docs/job-folder.md` describes the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Embeddings, LightFeatures
from mmr_core.features import Features
from mmr_core.specs import ModelSpec, TokenPrice


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question to the fitted router.

    :param rows: which of the job's queries, in this order.
    :param ids: their ids in this ask, where they are not those of the queries.
    :param each: one by one, and not all in one batch.
    """

    rows: NDArray[np.intp]
    ids: tuple[str, ...] | None
    each: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class JobRows:
    """Training rows or queries.

    :param features: without embeddings (0 wide) where the submission brings its own encoder.
    """

    ids: tuple[str, ...]
    features: Features


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """Everything in a job folder.

    :param router: the request, as plain JSON.
    :param modality: "text", "image" or "multimodal".
    :param encoder_texts: what an own encoder with `fit` learns from.
    """

    router: Mapping[str, Any]
    modality: Any
    pool: tuple[ModelSpec, ...]
    cost_scale: float
    asks: tuple[Ask, ...]
    encoder_texts: tuple[str, ...]
    training: JobRows
    queries: JobRows
    utility: NDArray[np.float64]
    cost: NDArray[np.float64]
    validation: NDArray[np.bool_]


def read_job(folder: Path) -> Job:
    """The job in a folder."""
    job = _json(folder / "job.json")
    arrays = _arrays(folder / "training.npz")
    images = Path(job["images"])
    return Job(
        router=job["router"],
        modality=job["modality"],
        pool=tuple(map(_model, job["pool"])),
        cost_scale=float(job["cost_scale"]),
        asks=tuple(map(_ask, job["asks"])),
        encoder_texts=tuple(job["encoder_texts"]),
        training=_rows(folder, "training", arrays, images),
        queries=_rows(folder, "queries", _arrays(folder / "queries.npz"), images),
        utility=arrays["utility"],
        cost=arrays["cost"],
        validation=arrays["validation"],
    )


def _rows(folder: Path, part: str, arrays: Mapping[str, NDArray[Any]], images: Path) -> JobRows:
    words = _json(folder / f"{part}.json")
    return JobRows(
        ids=tuple(words["ids"]),
        features=Features(
            embeddings=Embeddings(
                text=arrays.get("text"), image=arrays.get("image"), norms=arrays["norms"], mask=arrays["mask"]
            ),
            light=LightFeatures(
                text_length=arrays["text_length"],
                image_size=arrays["image_size"],
                scenario=tuple(words["scenarios"]),
            ),
            questions=tuple(words["questions"]),
            images=tuple(None if name is None else images / name for name in words["images"]),
        ),
    )


def _ask(stated: Mapping[str, Any]) -> Ask:
    ids = stated["ids"]
    return Ask(
        rows=np.array(stated["rows"], dtype=np.intp), ids=None if ids is None else tuple(ids), each=stated["each"]
    )


def _model(stated: Mapping[str, Any]) -> ModelSpec:
    lists = {name: tuple(stated[name]) for name in ("modalities", "csv_columns")}
    return ModelSpec(**{**stated, **lists, "price": TokenPrice(**stated["price"])})


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    with np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
