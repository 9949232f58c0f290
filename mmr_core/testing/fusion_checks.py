"""The checks of a fusion: what `mmr_core.contracts.Fusion` promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Embeddings
from mmr_core.errors import FeatureError, UsageError
from mmr_core.testing.contract_check import Broken, Check, NotApplicable
from mmr_core.testing.practice_data import Presence, practice
from mmr_core.testing.shared_checks import (
    LISTING_CHECK,
    check_parameters,
    checked_rows,
    measured_job,
    require_same_rows,
    restored_copy,
)
from mmr_core.testing.subjects import Subject

CONTRACT = "mmr_core.contracts.Fusion"
JOB = 10_000


def _interface(subject: Subject) -> str | None:
    fusion = subject.make()
    absent = [name for name in ("fit", "transform") if not callable(getattr(fusion, name, None))]
    if absent:
        raise Broken(f"it has no {absent[0]}")
    if fusion.fit(_training(subject)) is None:
        raise Broken("fit returned None", expected="fit returns the fitted fusion, self")
    return "transductive: not allowed in rankings" if _transductive(fusion) else None


def _rows(subject: Subject) -> str:
    training, asked = _training(subject), _asked(subject)
    fitted = subject.make().fit(training)
    rows = checked_rows(fitted.transform(asked), len(asked), "transform")
    width = checked_rows(fitted.transform(training), len(training), "transform").shape[1]
    if width != rows.shape[1]:
        raise Broken(f"features of {width} and of {rows.shape[1]} dimensions from the same fit")
    return f"{width} wide"


def _determinism(subject: Subject) -> None:
    training, asked = _training(subject), _asked(subject)
    fitted = subject.make().fit(training)
    first = fitted.transform(asked)
    fitted.transform(training)
    for again in (fitted, subject.make().fit(training)):
        if not np.array_equal(again.transform(asked), first):
            raise Broken("the same rows gave different features the second time")


def _untouched(subject: Subject) -> None:
    training, asked = _training(subject), _asked(subject)
    kept = [_copy(training), _copy(asked)]
    subject.make().fit(training).transform(asked)
    for now, before in zip((training, asked), kept, strict=True):
        for side in ("text", "image", "norms", "mask"):
            if not np.array_equal(getattr(now, side), getattr(before, side)):
                raise Broken(f"it changed {side} of the embeddings that it was given")


def _independence(subject: Subject) -> None:
    fitted = subject.make().fit(_training(subject))
    if _transductive(fitted):
        raise NotApplicable("it declares itself transductive, and is not allowed in rankings")
    asked = _asked(subject)
    together = fitted.transform(asked)
    order = np.random.default_rng(0).permutation(len(asked))
    require_same_rows(together[order], fitted.transform(_take(asked, order)), "when the rows were shuffled")
    alone = np.concatenate([fitted.transform(_take(asked, np.array([i]))) for i in range(len(asked))])
    require_same_rows(together, alone, "when each row came alone")


def _one_modality(subject: Subject) -> str | None:
    refused = []
    training, asked = _training(subject, "both"), _asked(subject, "both")
    for absent in ("image", "text"):
        parts = [_without(each, absent) for each in (training, asked)]
        try:
            checked_rows(subject.make().fit(parts[0]).transform(parts[1]), len(asked), "transform")
        except (UsageError, FeatureError) as refusal:
            refused.append(f"rejects a table without {absent}s: {refusal}")
    if len(refused) == 2:
        raise Broken("it rejects text alone and images alone", expected="features for at least one of them")
    return refused[0] if refused else None


def _masked(subject: Subject) -> None:
    training, asked = _training(subject, "both"), _asked(subject, "both")
    fitted = subject.make().fit(training)
    for side in (0, 1):
        checked_rows(fitted.transform(_masking(asked, side)), len(asked), "transform")
    checked_rows(fitted.transform(_masking(_masking(asked, 0), 1)), len(asked), "transform")
    learned_without = subject.make().fit(_masking(training, 1))
    checked_rows(learned_without.transform(asked), len(asked), "transform")


def _saving(subject: Subject) -> None:
    fitted = subject.make().fit(_training(subject))
    again = restored_copy(fitted, subject.made_from_json, subject.label)
    asked = _asked(subject)
    if not np.array_equal(fitted.transform(asked), again.transform(asked)):
        raise Broken("the restored fusion gives different features")


def _job(subject: Subject) -> str:
    embeddings = practice(subject.workspace, train=JOB, asked=1).lesson.features.embeddings
    return measured_job(lambda: subject.make().fit(embeddings).transform(embeddings)).within_limits(f"{JOB:,} rows")


def _training(subject: Subject, presence: Presence = "mixed") -> Embeddings:
    return practice(subject.workspace, presence=presence).lesson.features.embeddings


def _asked(subject: Subject, presence: Presence = "mixed") -> Embeddings:
    return practice(subject.workspace, presence=presence).asked.embeddings


def _transductive(fusion: Any) -> bool:
    return bool(getattr(fusion, "transductive", False))


def _take(embeddings: Embeddings, rows: NDArray[Any]) -> Embeddings:
    return Embeddings(
        text=None if embeddings.text is None else embeddings.text[rows],
        image=None if embeddings.image is None else embeddings.image[rows],
        norms=embeddings.norms[rows],
        mask=embeddings.mask[rows],
    )


def _copy(embeddings: Embeddings) -> Embeddings:
    return _take(embeddings, np.arange(len(embeddings)))


def _masking(embeddings: Embeddings, side: int) -> Embeddings:
    """The same rows, all without the modality, although it was encoded."""
    copy = _copy(embeddings)
    rows = copy.image if side else copy.text
    if rows is not None:
        rows[:] = 0
    copy.norms[:, side] = 0
    copy.mask[:, side] = False
    return copy


def _without(embeddings: Embeddings, absent: str) -> Embeddings:
    """The same rows of a table in which one modality was not encoded at all."""
    masked = _masking(embeddings, 1 if absent == "image" else 0)
    return replace(masked, image=None) if absent == "image" else replace(masked, text=None)


FUSION_CHECKS: tuple[Check[Subject], ...] = (
    Check(
        name="interface",
        rule="it has fit, which returns self, and transform",
        contract=CONTRACT,
        look=_interface,
    ),
    Check(
        name="finite-rows",
        rule="transform returns finite float32 [n, p], with the same p for the same fit",
        contract=CONTRACT,
        look=_rows,
    ),
    Check(
        name="same-rows-again",
        rule="the same training rows and the same rows give the same features, whatever was transformed in between",
        contract=CONTRACT,
        look=_determinism,
    ),
    Check(
        name="batch-does-not-matter",
        rule="features depend only on their own row and on what fit kept, unless transductive = True",
        contract=CONTRACT,
        look=_independence,
    ),
    Check(
        name="missing-modalities",
        rule="rows without text, image or both give finite features",
        contract=CONTRACT,
        look=_masked,
    ),
    Check(
        name="one-modality-encoded",
        rule="if only texts or only images were encoded, it gives features, or a UsageError or FeatureError",
        contract=CONTRACT,
        look=_one_modality,
    ),
    Check(
        name="inputs-stay-as-they-are",
        rule="it does not write to the arrays that it is given",
        contract=CONTRACT,
        look=_untouched,
    ),
    Check(
        name="parameters",
        rule="every parameter can be set by keyword, has a usable default, and is named in the docstring",
        contract=CONTRACT,
        look=check_parameters,
    ),
    Check(
        name="save-and-load",
        rule="after state() and restore(), features are bit-identical",
        contract="mmr_core.contracts.Saveable",
        look=_saving,
    ),
    LISTING_CHECK,
    Check(
        name="standard-job",
        rule="a standard job takes at most ten minutes and 8 GB",
        contract="mmr_core.testing.shared_checks",
        look=_job,
    ),
)
