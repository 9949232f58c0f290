"""Where embeddings come from inside the isolation: the job folder, or an encoder that the submission brings.

The submission's own encoder encodes anew for every ask and keeps nothing in between, so that one that looks at its
whole batch is noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Embeddings, Encoder
from mmr_core.features import EncodedFeatures, Features
from mmr_core.features.encoded import fitted_encoder
from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.specs import DatasetSpec, ModelSpec
from mmr_leaderboard.child.job_reader import Job

_DATASET = DatasetSpec(
    name="queries", title="Queries", scenario="any", modalities=("text", "image"), id_prefix="queries"
)


class EmbeddingSource(Protocol):
    """Gives the features of training rows and of queries."""

    @property
    def training(self) -> Features: ...

    def features(self, queries: Features) -> Features: ...


@dataclass(frozen=True)
class GivenEmbeddings:
    """The embeddings of the job folder."""

    training: Features

    def features(self, queries: Features) -> Features:
        """Returns the queries unchanged."""
        return queries


class FittedEncoder:
    """A fitted encoder without its `fit`."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder: Any = encoder
        self.modalities = tuple(encoder.modalities)

    @property
    def fingerprint(self) -> str:
        return "own"

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        encoded: NDArray[np.float32] = self._encoder.encode_text(texts)
        return encoded

    def encode_image(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        encoded: NDArray[np.float32] = self._encoder.encode_image(paths)
        return encoded


@dataclass(frozen=True)
class OwnEmbeddings:
    """Embeddings by an encoder of the submission's choice, in each modality that it and the track have."""

    source: EncodedFeatures
    pool: tuple[ModelSpec, ...]
    training: Features

    @classmethod
    def fitted(cls, encoder: Encoder, job: Job) -> Self:
        """Fits the encoder, where it can be, on the questions of the training split, and encodes the training rows.

        :raises UsageError: if it reads no modality that the track shows.
        """
        learned: Any = FittedEncoder(fitted_encoder(encoder, list(job.encoder_texts), "the job"))
        reads = [kind for kind in learned.modalities if job.modality in (kind, "multimodal")]
        source = EncodedFeatures(
            text_encoder=learned if "text" in reads else None,
            image_encoder=learned if "image" in reads else None,
        )
        return cls(source, job.pool, _encoded(source, job.training.features, job.pool))

    def features(self, queries: Features) -> Features:
        """The queries with embeddings, norms and mask of their own."""
        known = self.training.embeddings
        has_text = known.text is not None and any(question.strip() for question in queries.questions)
        has_image = known.image is not None and any(image is not None for image in queries.images)
        if not has_text and not has_image:
            return self._unreadable(queries)
        return _encoded(self.source, queries, self.pool)

    def _unreadable(self, queries: Features) -> Features:
        """Queries without anything that the encoder reads: zero rows as wide as in training."""
        n, known = len(queries), self.training.embeddings
        rows = [None if one is None else np.zeros((n, one.shape[1]), np.float32) for one in (known.text, known.image)]
        return replace(
            queries,
            embeddings=Embeddings(
                text=rows[0], image=rows[1], norms=np.zeros((n, 2), np.float32), mask=np.zeros((n, 2), np.bool_)
            ),
            light=replace(queries.light, text_length=np.zeros(n, np.int64), image_size=np.zeros((n, 2), np.int64)),
            questions=("",) * n,
            images=(None,) * n,
        )


def _encoded(source: EncodedFeatures, rows: Features, pool: tuple[ModelSpec, ...]) -> Features:
    encoded = source.features(_table(rows, pool), np.zeros(len(rows), dtype=np.bool_))
    return replace(encoded, light=replace(encoded.light, scenario=rows.light.scenario))


def _table(rows: Features, pool: tuple[ModelSpec, ...]) -> OutcomeTable:
    """The rows as a table without outcomes, which encoders are called with."""
    n = len(rows)
    unknown = np.full((n, len(pool)), np.nan)
    return OutcomeTable(
        dataset=object_array([_DATASET.name] * n),
        instance_id=object_array(f"{i:09d}" for i in range(n)),
        question=object_array(rows.questions),
        answer=object_array([""] * n),
        category=object_array([""] * n),
        image=object_array(rows.images),
        models=pool,
        columns=tuple(model.name for model in pool),
        utility=unknown,
        cost=unknown,
        status=np.full(unknown.shape, Status.MISSING, dtype=np.int8),
        input_tokens=unknown,
        image_tokens=unknown,
        output_tokens=unknown,
        response=None,
        datasets=(_DATASET,),
        source="the job",
    )
