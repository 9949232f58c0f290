"""Features of the rows of one table, and how the two modalities are brought to one width.

`Features` is what every source gives and what `runner` cuts into training and test rows. A modality that a row
does not have, or that was not embedded, is a zero row, a zero norm and a cleared bit, and its question or image is
not shown either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args, runtime_checkable

import numpy as np

from mmr_core.contracts import IMAGE, TEXT, Embeddings, LightFeatures
from mmr_core.errors import FeatureError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable

T = TypeVar("T")
Align = Literal["pad", "truncate"]
View = Literal["text", "image", "multimodal"]

ROWS_AT_ONCE = 2**15
ALIGNMENTS: tuple[Align, ...] = get_args(Align)
_VIEWS: tuple[View, ...] = get_args(View)


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """Features of n rows, in the order of the table they were made of.

    :param embeddings: raw embeddings, norms and mask.
    :param light: text length, image size, scenario.
    :param questions: n texts; "" where the text bit is cleared.
    :param images: n paths; None where the image bit is cleared.
    """

    embeddings: Embeddings
    light: LightFeatures
    questions: tuple[str, ...]
    images: tuple[Path | None, ...]

    def __len__(self) -> int:
        return len(self.questions)

    def take(self, rows: NDArray[Any]) -> Features:
        """The features of some rows, given as indices or as a mask, in the order given.

        Every array is a copy that owns its memory (`base` is None), also of all rows: nothing that holds the result
        can reach another row, or change this one.
        """
        every = np.arange(len(self))
        index = every[rows]
        whole = np.array_equal(index, every)
        embeddings, light = self.embeddings, self.light

        def some(values: tuple[T, ...]) -> tuple[T, ...]:
            return values if whole else tuple([values[i] for i in index.tolist()])

        return Features(
            embeddings=Embeddings(
                text=None if embeddings.text is None else embeddings.text.take(index, axis=0),
                image=None if embeddings.image is None else embeddings.image.take(index, axis=0),
                norms=embeddings.norms.take(index, axis=0),
                mask=embeddings.mask.take(index, axis=0),
            ),
            light=LightFeatures(
                text_length=light.text_length.take(index),
                image_size=light.image_size.take(index, axis=0),
                scenario=some(light.scenario),
            ),
            questions=some(self.questions),
            images=some(self.images),
        )

    def restricted(self, modality: View) -> Features:
        """The same rows with one modality only; "multimodal" leaves them as they are.

        :raises UsageError: if there is no such view.
        """
        if modality not in _VIEWS:
            raise UsageError(f"unknown modality {modality!r}", fix=f"use one of {', '.join(_VIEWS)}")
        if modality == "multimodal":
            return self
        return self._without_image() if modality == "text" else self._without_text()

    def _without_image(self) -> Features:
        embeddings = self.embeddings
        return replace(
            self,
            embeddings=replace(
                embeddings,
                image=None if embeddings.image is None else np.zeros_like(embeddings.image),
                norms=_zeroed_column(embeddings.norms, IMAGE),
                mask=_zeroed_column(embeddings.mask, IMAGE),
            ),
            light=replace(self.light, image_size=np.zeros_like(self.light.image_size)),
            images=(None,) * len(self),
        )

    def _without_text(self) -> Features:
        embeddings = self.embeddings
        return replace(
            self,
            embeddings=replace(
                embeddings,
                text=None if embeddings.text is None else np.zeros_like(embeddings.text),
                norms=_zeroed_column(embeddings.norms, TEXT),
                mask=_zeroed_column(embeddings.mask, TEXT),
            ),
            light=replace(self.light, text_length=np.zeros_like(self.light.text_length)),
            questions=("",) * len(self),
        )


@runtime_checkable
class FeatureSource(Protocol):
    """Where features come from: encoders, or a file."""

    def features(self, table: OutcomeTable, train: NDArray[np.bool_]) -> Features:
        """The features of a table, row for row.

        :param train: bool [n], the rows of the training split; whatever is fitted is fitted on them alone.
        :raises FeatureError: if texts or images cannot be turned into features.
        :raises UsageError: if text and image have unequal widths and no alignment was chosen.
        """

    def describe(self) -> dict[str, object]:
        """What made the features, for a result file: JSON types only."""


def texts_present(table: OutcomeTable) -> NDArray[np.bool_]:
    """[n] whether an instance has text: a question of white space alone is none."""
    return np.fromiter((bool(question.strip()) for question in table.question), dtype=np.bool_, count=len(table))


def images_present(table: OutcomeTable) -> NDArray[np.bool_]:
    """[n] whether an instance names an image."""
    return np.fromiter((path is not None for path in table.image), dtype=np.bool_, count=len(table))


def demand_alignment(align: Align | None) -> None:
    """:raises UsageError: if there is no such alignment."""
    if align is not None and align not in ALIGNMENTS:
        raise UsageError(f"unknown alignment {align!r}", fix=f"use one of {', '.join(ALIGNMENTS)}, or none")


def assemble(
    table: OutcomeTable,
    *,
    text: NDArray[np.float32] | None,
    image: NDArray[np.float32] | None,
    mask: NDArray[np.bool_],
    image_size: NDArray[np.int64],
    align: Align | None,
) -> Features:
    """Raw rows as `Features`: rows without their bit zeroed, widths made equal, norms taken.

    Arrays that need no change are taken as they are, not copied.

    :param text, image: float32 [n, d_text] and [n, d_image], or None where that modality was not embedded.
    :param mask: bool [n, 2]; the column of a modality that was not embedded must be False.
    :param image_size: int64 [n, 2], used where the image bit is set.
    :raises UsageError: if both are there, of unequal widths, and `align` is None.
    :raises FeatureError: if no row has text or an image.
    """
    if not mask.any():
        raise FeatureError(
            "no instance has text or an image that was embedded",
            where=table.source,
            fix="choose an encoder, or a feature file, for a modality that the table has",
        )
    raw_text, raw_image = (
        None if rows is None else _zero_where_absent(rows, mask[:, column])
        for column, rows in ((TEXT, text), (IMAGE, image))
    )
    text, image = _of_one_width(raw_text, raw_image, align)
    norms = np.zeros((len(table), 2), dtype=np.float32)
    for column, rows in ((TEXT, text), (IMAGE, image)):
        if rows is not None:
            norms[:, column] = _norms(rows)
    has_text, has_image = mask[:, TEXT], mask[:, IMAGE]
    questions = tuple(q if has else "" for q, has in zip(table.question, has_text, strict=True))
    scenario = {spec.name: spec.scenario for spec in table.datasets}
    return Features(
        embeddings=Embeddings(text=text, image=image, norms=norms, mask=mask),
        light=LightFeatures(
            text_length=np.array([len(question) for question in questions], dtype=np.int64),
            image_size=np.where(has_image[:, None], image_size, 0),
            scenario=tuple(scenario[name] for name in table.dataset),
        ),
        questions=questions,
        images=tuple(path if has else None for path, has in zip(table.image, has_image, strict=True)),
    )


def _zero_where_absent(rows: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    if not rows[~present].any():
        return rows
    return np.where(present[:, None], rows, np.float32(0))


def _norms(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """[n] in float64, some rows at a time: squares of all of them would take twice the memory of the rows."""
    blocks = [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]
    return np.concatenate([np.sqrt(np.square(block, dtype=np.float64).sum(axis=1)) for block in blocks])


def demand_one_width(text: int, image: int, align: Align | None) -> None:
    """:raises UsageError: if the widths differ and no alignment was chosen."""
    if text != image and align is None:
        raise UsageError(
            f"text embeddings have {text} dimensions and image embeddings {image}",
            fix="choose encoders of one width, or --align pad|truncate",
        )


def _of_one_width(
    text: NDArray[np.float32] | None, image: NDArray[np.float32] | None, align: Align | None
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    if text is None or image is None or text.shape[1] == image.shape[1]:
        return text, image
    demand_one_width(text.shape[1], image.shape[1], align)
    chosen = max if align == "pad" else min
    width = chosen(text.shape[1], image.shape[1])
    return _to_width(text, width), _to_width(image, width)


def _to_width(rows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    fitted = np.zeros((len(rows), width), dtype=np.float32)
    kept = min(width, rows.shape[1])
    fitted[:, :kept] = rows[:, :kept]
    return fitted


def _zeroed_column(array: NDArray[Any], column: int) -> NDArray[Any]:
    changed = np.array(array)
    changed[:, column] = 0
    return changed
