"""What all jobs of one board are made of, made once: the column, its images, and the variants of some queries.

A variant is the same query stored differently: white space that changes no word, a picture encoded anew. An honest
router hardly changes its mind; one that looks queries up in a table of hashes finds none of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DataError
from mmr_core.features import Features, FeatureSource
from mmr_core.outcomes import OutcomeTable, object_array
from mmr_core.runner.fit import validation_rows
from mmr_core.runner.prepare import Prepared
from mmr_leaderboard.audit.placebo import permuted_outcomes
from mmr_leaderboard.jobs.anonymity import Gallery, Naming, collect

if TYPE_CHECKING:
    from PIL import Image


RECHECKED = 1500
"""How many queries are asked a second time at most; never more than half of them."""

ALONE = 200
"""How many of these are also asked by themselves."""

VARIED = 300
"""How many of these are also asked in other white space, and with other images."""

SEED = 20250817
"""Seed of the placebo and of shuffles. Which queries are asked again is drawn anew in every run, as names are, so that
no router can know them."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class Variants:
    """Some queries, stored differently.

    :param of: [v] which of the queries asked again each one is a variant of.
    :param features: of the v variants.
    """

    of: Rows
    features: Features


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What jobs are made of. Row numbers are those of the column.

    :param column: prepared so that both modalities are seen; tracks restrict it.
    :param galleries: by kind of job, "answer" (which serves the placebo too), "recheck" and "validation", its images.
    :param train, test: the training rows, and the complete test rows.
    :param rechecked: some of the test rows, as positions among `test`, ascending.
    :param alone: some of the rechecked, as positions among those.
    :param fit_again, held_out: what the operating point is chosen with: rows to fit on and rows to ask about; None
        where there is nothing to choose on.
    :param placebo_utility, placebo_cost: training outcomes [len(train), K] that were permuted within datasets.
    """

    column: Prepared
    galleries: Mapping[str, Gallery]
    train: Rows
    test: Rows
    rechecked: Rows
    alone: Rows
    respaced: Variants
    reencoded: Variants
    fit_again: Rows | None
    held_out: Rows | None
    placebo_utility: NDArray[np.float64]
    placebo_cost: NDArray[np.float64]


def material(
    column: Prepared,
    source: FeatureSource,
    *,
    workspace: Path,
    seed: int | None = None,
    progress: Progress = no_progress,
) -> Material:
    """Makes the material of a board.

    :param source: what made the features of the column; variants are encoded by it.
    :param workspace: an existing folder of this run; images are copied into it, and stay as long as it does.
    :param seed: of the choice of queries that are asked again; None draws one that nobody knows.
    :raises DataError: if an image cannot be read.
    :raises MMRError: if variants cannot be encoded.
    """
    train, test = np.flatnonzero(column.train), np.flatnonzero(column.test)
    stream = np.random.default_rng(secrets.randbits(64) if seed is None else seed)
    rechecked = _some(stream, len(test), min(RECHECKED, max(1, len(test) // 2)))
    alone = _some(stream, len(rechecked), ALONE)
    varied = _some(stream, len(rechecked), VARIED)
    shown = column.features_test
    rows = test[rechecked]
    with_text = varied[[bool(shown.questions[rows[i]]) for i in varied]]
    with_image = varied[[shown.images[rows[i]] is not None for i in varied]]
    questions = [respaced(shown.questions[rows[i]], kind) for kind, i in enumerate(with_text)]
    images, kept = _reencoded([shown.images[rows[i]] for i in with_image], workspace / "reencoded")
    with_image = with_image[kept]
    chosen = validation_rows(column)
    utility, cost = permuted_outcomes(
        column.table.utility[train], column.table.cost[train], column.table.dataset[train].tolist(), SEED
    )
    learned, asked = column.features_train.images, shown.images
    wanted: dict[str, list[Path | None]] = {
        "answer": [*(learned[row] for row in train), *(asked[row] for row in test)],
        "recheck": [*(learned[row] for row in train), *(asked[row] for row in rows), *images],
    }
    if chosen is not None:
        wanted["validation"] = [*(learned[row] for row in train[~column.validation[train]])]
        wanted["validation"] += [asked[row] for row in np.flatnonzero(chosen[1])]
    return Material(
        column=column,
        galleries={kind: _gallery(paths, workspace, progress) for kind, paths in wanted.items()},
        train=train,
        test=test,
        rechecked=rechecked,
        alone=alone,
        respaced=Variants(of=with_text, features=_variants(column, source, rows[with_text], question=questions)),
        reencoded=Variants(of=with_image, features=_variants(column, source, rows[with_image], image=images)),
        fit_again=None if chosen is None else np.flatnonzero(chosen[0]),
        held_out=None if chosen is None else np.flatnonzero(chosen[1]),
        placebo_utility=utility,
        placebo_cost=cost,
    )


def _gallery(paths: Sequence[Path | None], workspace: Path, progress: Progress) -> Gallery:
    naming = Naming()
    return collect(paths, workspace / naming.folder, naming, progress)


def _some(stream: np.random.Generator, among: int, most: int) -> Rows:
    return np.sort(stream.permutation(among)[:most])


def _reencoded(originals: Sequence[Path | None], folder: Path) -> tuple[list[Path], Rows]:
    """The pictures that could be re-encoded, and their positions."""
    folder.mkdir(parents=True)
    made: list[Path] = []
    kept: list[int] = []
    for number, original in enumerate(originals):
        target = folder / f"{number}.jpg"
        try:
            if original is not None:
                reencode(original, target)
        except DataError:
            # The picture cannot be decoded, and its features were given: there is no other encoding to try.
            continue
        made.append(target)
        kept.append(number)
    return made, np.array(kept, dtype=np.intp)


def _variants(
    column: Prepared,
    source: FeatureSource,
    rows: Rows,
    *,
    question: Sequence[str] | None = None,
    image: Sequence[Path] | None = None,
) -> Features:
    """The features of some rows with other questions or images, from an encoder fitted as before."""
    train = np.flatnonzero(column.train)
    if not len(rows):
        return column.features_test.take(rows)
    both = column.table.take(np.concatenate([train, rows]))
    changed: OutcomeTable = both
    if question is not None:
        changed = replace(changed, question=object_array([*both.question[: len(train)], *question]))
    if image is not None:
        changed = replace(changed, image=object_array([*both.image[: len(train)], *image]))
    features = source.features(changed, np.arange(len(both)) < len(train))
    return features.take(np.arange(len(train), len(both)))


_JPEG_QUALITY = 90
_JPEG_AGAIN = 80
"""For pictures that are JPEG already: the same quality again could give the same bytes."""


def respaced(question: str, kind: int) -> str:
    """The same words with different white space: doubled blanks, tabs, a trailing newline or a leading blank.

    :param kind: any number; selects one of the four. The result always differs from the question.
    """
    changed = (
        question.replace(" ", "  "),
        f"{question}\n",
        f" {question}",
        question.replace(" ", "\t"),
    )[kind % 4]
    return changed if changed != question else f" {question}"


def reencode(source: Path, target: Path) -> None:
    """Writes the picture as JPEG with the same size and orientation and different bytes.

    :raises DataError: if the picture cannot be decoded or written.
    """
    from PIL import Image as Imaging

    # Decoders of damaged files raise nearly anything; the caller only needs to know that there is no picture.
    try:
        with Imaging.open(source) as image:
            image.load()
            orientation = image.getexif()
            quality = _JPEG_AGAIN if image.format == "JPEG" else _JPEG_QUALITY
            _opaque(image).save(target, "JPEG", quality=quality, subsampling=0, exif=orientation)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DataError(f"cannot be re-encoded: {type(error).__name__}: {reason}", where=str(source)) from error


def _opaque(image: Image.Image) -> Image.Image:
    """The picture in three colours, on white where it is transparent."""
    from PIL import Image as Imaging

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Imaging.new("RGBA", layered.size, "white")
        return Imaging.alpha_composite(white, layered).convert("RGB")
    return image.convert("RGB")
