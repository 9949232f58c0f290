"""Features that encoders make of a table's questions and images.

A question of white space and an absent image are not encoded: their rows are zero and their bits cleared. Broken
images are found before the first is encoded. Encoders belong to plugins, so what they return is checked.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mmr_core.contracts import IMAGE, TEXT, Encoder, Progress, no_progress
from mmr_core.errors import FeatureError, PluginError, UsageError
from mmr_core.features.aligned import (
    Align,
    Features,
    assemble,
    demand_alignment,
    demand_one_width,
    images_present,
    texts_present,
)
from mmr_core.features.cache import FeatureCache, digest_of
from mmr_core.features.images import ImageFile, inspect_images

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable
    from mmr_core.specs import Modality

_SHOWN = 3


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=3)


class EncodedFeatures:
    """A `FeatureSource` that encodes, and keeps what it encoded in a cache.

    :param text_encoder: None: text is not encoded, and no row has its text bit.
    :param image_encoder: None: images are neither read nor encoded, and no row has its image bit. It may be the very
        object that encodes text.
    :param align: how unequal widths are brought together: zeros on the right, or a cut to the shorter.
    :param cache: None: everything is encoded anew.
    :param batch_size: how many texts or images an encoder gets at once; each batch is kept before the next.
    :param bad_images: "error", or "mask": images that cannot be opened lose their bit, with a warning.
    :param facts: what `describe` says of the encoders, by modality; the names of their classes by default.
    :param warn: called with one line about what was masked.
    :raises UsageError: if neither encoder is given, or one does not encode what it is given for.

    Each image file is looked at once in the life of the source.

    An encoder with `fit` is fitted in each call of `features`, as a deep copy made for that call, on the questions of
    the training rows that have text, in canonical order; the encoder that was given stays unfitted.
    """

    def __init__(
        self,
        *,
        text_encoder: Encoder | None,
        image_encoder: Encoder | None,
        align: Align | None = None,
        cache: FeatureCache | None = None,
        batch_size: int = 64,
        bad_images: Literal["error", "mask"] = "error",
        facts: Mapping[str, Mapping[str, object]] | None = None,
        warn: Callable[[str], None] = _warn,
        progress: Progress = no_progress,
    ) -> None:
        if text_encoder is None and image_encoder is None:
            raise UsageError("neither a text encoder nor an image encoder", fix="name at least one")
        if bad_images not in ("error", "mask"):
            raise UsageError(f"unknown bad_images {bad_images!r}", fix="use 'error' or 'mask'")
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}", fix="use a batch size of 1 or more")
        demand_alignment(align)
        self._encoders: dict[Modality, Encoder] = {}
        if text_encoder is not None:
            self._encoders["text"] = _able(text_encoder, "text")
        if image_encoder is not None:
            self._encoders["image"] = _able(image_encoder, "image")
        self._align: Align | None = align
        self._cache = cache
        self._batch_size = batch_size
        self._bad_images = bad_images
        self._facts = dict(facts or {})
        self._warn = warn
        self._progress = progress
        self._files: dict[Path, ImageFile] = {}
        self._fingerprints: dict[Modality, set[str]] = {modality: set() for modality in self._encoders}

    def features(self, table: OutcomeTable, train: NDArray[np.bool_]) -> Features:
        """The features of a table, row for row.

        :param train: bool [n], the rows of the training split.
        :raises FeatureError: if images are absent or broken, or there is nothing to encode or to fit on.
        :raises UsageError: if text and image have unequal widths and no `align` was given.
        :raises PluginError: if an encoder returns anything but finite float32 [n, d].
        """
        mask = np.zeros((len(table), 2), dtype=np.bool_)
        sizes = np.zeros((len(table), 2), dtype=np.int64)
        digests: list[bytes] = [b""] * len(table)
        if "text" in self._encoders:
            mask[:, TEXT] = texts_present(table)
        if "image" in self._encoders:
            mask[:, IMAGE] = images_present(table)
            self._look_at_images(table, mask, sizes, digests)
        encoders = self._fitted(table, train & mask[:, TEXT])

        text = image = None
        if "text" in encoders:
            rows = np.flatnonzero(mask[:, TEXT])
            questions: list[str] = [table.question[i] for i in rows]
            keys = [digest_of(question.encode("utf-8", "surrogatepass")) for question in questions]
            text = self._embedded("text", encoders["text"], len(table), rows, questions, keys)
        if "image" in encoders:
            rows = np.flatnonzero(mask[:, IMAGE])
            width = text.shape[1] if text is not None and mask[:, TEXT].any() else None
            paths: list[Path] = [table.image[i] for i in rows]
            keys = [digests[i] for i in rows]
            image = self._embedded("image", encoders["image"], len(table), rows, paths, keys, beside=width)
        # With nothing embedded, the width is unknown: take that of the other modality.
        if text is not None and image is not None:
            if not mask[:, TEXT].any():
                text = np.zeros_like(image)
            elif not mask[:, IMAGE].any():
                image = np.zeros_like(text)
        return assemble(table, text=text, image=image, mask=mask, image_size=sizes, align=self._align)

    def describe(self) -> dict[str, object]:
        """The encoders by name, with the fingerprints that `features` has used so far, and the alignment."""
        described: dict[str, object] = {"source": "encoders", "align": self._align}
        for modality, encoder in self._encoders.items():
            described[modality] = {
                **self._facts.get(modality, {"encoder": type(encoder).__name__}),
                "fingerprints": sorted(self._fingerprints[modality]),
            }
        return described

    def _look_at_images(
        self, table: OutcomeTable, mask: NDArray[np.bool_], sizes: NDArray[np.int64], digests: list[bytes]
    ) -> None:
        """Fills in sizes and digests; clears the bits of images that cannot be opened, if that was asked for."""
        rows = np.flatnonzero(mask[:, IMAGE])
        paths = [table.image[i] for i in rows]
        unseen = [path for path in paths if path not in self._files]
        self._files.update(inspect_images(unseen, cache=self._cache, progress=self._progress))
        files = {path: self._files[path] for path in paths}
        bad = {path: file for path, file in files.items() if file.fault}
        if bad and self._bad_images == "error":
            raise FeatureError(
                f"{_listed(bad)} cannot be opened",
                where=table.source,
                fix="restore them, or leave them out with --bad-images mask",
            )
        if bad:
            self._warn(f"{table.source}: {_listed(bad)} cannot be opened; their instances count as having no image")
        for i in rows:
            file = files[table.image[i]]
            mask[i, IMAGE] = not file.fault
            sizes[i] = file.size
            digests[i] = file.digest

    def _fitted(self, table: OutcomeTable, rows: NDArray[np.bool_]) -> dict[Modality, Encoder]:
        """The encoders, those with `fit` copied and fitted; one object for both modalities stays one object."""
        order = table.canonical_order()
        training: list[str] = [table.question[i] for i in order[rows[order]]]
        ready: dict[int, Encoder] = {}
        for encoder in self._encoders.values():
            if id(encoder) not in ready:
                ready[id(encoder)] = fitted_encoder(encoder, training, table.source)
        return {modality: ready[id(encoder)] for modality, encoder in self._encoders.items()}

    def _embedded(
        self,
        modality: Modality,
        encoder: Encoder,
        n: int,
        rows: NDArray[np.intp],
        inputs: Sequence[Any],
        keys: Sequence[bytes],
        *,
        beside: int | None = None,
    ) -> NDArray[np.float32]:
        """float32 [n, d] with the embeddings of `inputs` in `rows` and zeros elsewhere; each input is encoded once."""
        if not inputs:
            return np.zeros((n, 0), dtype=np.float32)
        fingerprint = encoder.fingerprint
        self._fingerprints[modality].add(fingerprint)
        known = {} if self._cache is None else self._cache.load(fingerprint, modality, list(dict.fromkeys(keys)))
        width = len(next(iter(known.values()))) if known else None
        fresh = {key: item for key, item in zip(keys, inputs, strict=True) if key not in known}
        waiting = list(fresh.items())
        for start in range(0, len(waiting), self._batch_size):
            if width is not None and beside is not None:
                demand_one_width(beside, width, self._align)
            batch = waiting[start : start + self._batch_size]
            encoded = _encode(encoder, modality, [item for _, item in batch], width)
            width = encoded.shape[1]
            new = {key: row for (key, _), row in zip(batch, encoded, strict=True)}
            if self._cache is not None:
                self._cache.store(fingerprint, modality, new)
            known.update(new)
            self._progress(f"encoding {modality}s", start + len(batch), len(waiting))
        embedded = np.zeros((n, width or 0), dtype=np.float32)
        embedded[rows] = np.stack([known[key] for key in keys])
        return embedded


def _able(encoder: Encoder, modality: Modality) -> Encoder:
    if modality not in encoder.modalities:
        raise UsageError(
            f"encoder {type(encoder).__name__} encodes {' and '.join(encoder.modalities)}, not {modality}",
            fix=f"choose another --{modality}-encoder",
        )
    return encoder


def fitted_encoder(encoder: Encoder, training: Sequence[str], source: str) -> Encoder:
    """A copy of the encoder that has learned from the questions of the training split; itself if it has no `fit`.

    :raises FeatureError: if there is nothing to learn from.
    :raises PluginError: if `fit` returns nothing.
    """
    fit = getattr(encoder, "fit", None)
    if fit is None:
        return encoder
    name = type(encoder).__name__
    if not training:
        raise FeatureError(
            f"encoder {name} learns from the questions of the training split, and there are none",
            where=source,
            fix="choose an encoder that needs no fitting",
        )
    fitted: Encoder | None = copy.deepcopy(encoder).fit(list(training))  # type: ignore[attr-defined]
    if fitted is None:
        raise PluginError(f"fit of encoder {name} returned nothing", fix="return self from fit")
    return fitted


def _encode(encoder: Encoder, modality: Modality, batch: list[Any], width: int | None) -> NDArray[np.float32]:
    """One batch through an encoder; float32 [len(batch), width], finite, or a `PluginError`."""
    name = f"{modality} encoder {type(encoder).__name__}"
    expected = f"float32 [{len(batch)}, {'d' if width is None else width}]"
    returned = getattr(encoder, f"encode_{modality}")(batch)
    try:
        with np.errstate(over="ignore"):
            rows = np.asarray(returned, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{name}: expected {expected}, got values that are not numbers ({error})") from error
    wrong = rows.ndim != 2 or len(rows) != len(batch) or (width is not None and rows.shape[1] != width)
    if wrong or not rows.shape[1]:
        raise PluginError(f"{name}: expected {expected}, got shape {rows.shape}")
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        first = batch[int(np.flatnonzero(~finite)[0])]
        raise PluginError(f"{name} returned {(~finite).sum()} rows that are not finite, the first for {first!r:.80}")
    return rows


def _listed(bad: Mapping[Path, ImageFile]) -> str:
    shown = [f"{path} ({file.fault})" for path, file in list(bad.items())[:_SHOWN]]
    more = f" and {len(bad) - len(shown)} more" if len(bad) > len(shown) else ""
    return f"{len(bad)} image file{'s' if len(bad) > 1 else ''} ({', '.join(shown)}{more})"
