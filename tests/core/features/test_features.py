"""What every source of features promises about the rows it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmr_core.contracts import IMAGE, TEXT
from mmr_core.errors import FeatureError, UsageError
from mmr_core.features import Features
from mmr_core.features.aligned import assemble
from mmr_core.outcomes import OutcomeTable, object_array

Tables = Callable[..., OutcomeTable]


def arrays_of(features: Features) -> list[np.ndarray]:
    found = []
    for part in (features.embeddings, features.light):
        found += [value for f in fields(part) if isinstance(value := getattr(part, f.name), np.ndarray)]
    return found


def built(
    table: OutcomeTable, mask: Any = None, *, text: int | None = 4, image: int | None = 4, align: Any = None
) -> Features:
    rng = np.random.default_rng(0)
    n = len(table)
    bits = np.ones((n, 2), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    return assemble(
        table,
        text=None if text is None else rng.normal(size=(n, text)).astype(np.float32),
        image=None if image is None else rng.normal(size=(n, image)).astype(np.float32),
        mask=bits,
        image_size=np.full((n, 2), 24),
        align=align,
    )


@pytest.fixture
def rows(table: Tables) -> OutcomeTable:
    plain = table(instances=4)
    return replace(
        plain,
        question=object_array(["one", "three", "", "seven"]),
        image=object_array(Path(f"{i}.png") for i in range(4)),
    )


def test_a_row_without_a_bit_is_zero_has_no_norm_and_shows_nothing(rows: OutcomeTable) -> None:
    features = built(rows, [[True, True], [True, False], [False, True], [False, False]])
    embeddings = features.embeddings
    assert embeddings.text is not None
    assert embeddings.image is not None
    assert (embeddings.text.any(axis=1) == [True, True, False, False]).all()
    assert (embeddings.image.any(axis=1) == [True, False, True, False]).all()
    assert ((embeddings.norms > 0) == embeddings.mask).all()
    assert features.questions == ("one", "three", "", "")
    assert features.images == (Path("0.png"), None, Path("2.png"), None)
    assert features.light.text_length.tolist() == [3, 5, 0, 0]
    assert features.light.image_size.tolist() == [[24, 24], [0, 0], [24, 24], [0, 0]]


def test_norms_are_lengths_of_the_raw_rows(rows: OutcomeTable) -> None:
    features = built(rows)
    np.testing.assert_allclose(
        features.embeddings.norms[:, TEXT], np.linalg.norm(features.embeddings.text, axis=1), rtol=1e-6
    )
    assert features.embeddings.norms[:, TEXT].std() > 0.1


def test_every_row_carries_the_scenario_of_its_own_dataset(table: Tables) -> None:
    features = built(table(instances=4, datasets=("alpha", "beta")))
    assert features.light.scenario == ("math", "ocr", "math", "ocr")


def test_taken_rows_own_their_memory(rows: OutcomeTable) -> None:
    features = built(rows)
    for some in (np.array([2, 0]), np.array([True, False, True, False]), np.arange(4)):
        taken = features.take(some)
        assert all(array.base is None for array in arrays_of(taken))
    taken = features.take(np.array([2, 0]))
    np.testing.assert_array_equal(taken.embeddings.text, features.embeddings.text[[2, 0]])
    np.testing.assert_array_equal(taken.embeddings.norms, features.embeddings.norms[[2, 0]])
    assert taken.questions == (features.questions[2], features.questions[0])
    assert taken.images == (features.images[2], features.images[0])
    assert taken.light.text_length.tolist() == features.light.text_length[[2, 0]].tolist()
    assert len(taken) == 2


def test_a_mask_takes_the_same_rows_as_its_indices(rows: OutcomeTable) -> None:
    features = built(rows)
    by_mask = features.take(np.array([False, True, False, True]))
    by_index = features.take(np.array([1, 3]))
    assert by_mask.questions == by_index.questions
    np.testing.assert_array_equal(by_mask.embeddings.image, by_index.embeddings.image)


def test_restricted_to_text_nothing_of_the_images_is_left(rows: OutcomeTable) -> None:
    whole = built(rows)
    features = whole.restricted("text")
    assert not features.embeddings.mask[:, IMAGE].any()
    assert not features.embeddings.norms[:, IMAGE].any()
    assert not features.embeddings.image.any()
    assert features.images == (None,) * 4
    assert not features.light.image_size.any()
    assert features.questions == whole.questions
    np.testing.assert_array_equal(features.embeddings.text, whole.embeddings.text)
    assert whole.embeddings.mask.all(), "the whole was changed"


def test_restricted_to_images_nothing_of_the_text_is_left(rows: OutcomeTable) -> None:
    whole = built(rows)
    features = whole.restricted("image")
    assert not features.embeddings.mask[:, TEXT].any()
    assert not features.embeddings.norms[:, TEXT].any()
    assert not features.embeddings.text.any()
    assert features.questions == ("",) * 4
    assert not features.light.text_length.any()
    assert features.images == whole.images


def test_restricted_to_both_everything_stays(rows: OutcomeTable) -> None:
    whole = built(rows)
    assert whole.restricted("multimodal") is whole


def test_restricting_survives_a_modality_that_was_not_embedded(rows: OutcomeTable) -> None:
    mask = [[True, False]] * 4
    assert built(rows, mask, image=None).restricted("text").embeddings.image is None


def test_an_unknown_view_is_refused(rows: OutcomeTable) -> None:
    with pytest.raises(UsageError, match="use one of text, image, multimodal"):
        built(rows).restricted("audio")  # type: ignore[arg-type]


def test_unequal_widths_are_refused_naming_both_and_the_way_out(rows: OutcomeTable) -> None:
    with pytest.raises(UsageError, match=r"3 dimensions and image embeddings 5; .*--align pad\|truncate"):
        built(rows, text=3, image=5)


def test_padding_puts_zeros_on_the_right_and_truncating_cuts(rows: OutcomeTable) -> None:
    padded = built(rows, text=3, image=5, align="pad").embeddings
    cut = built(rows, text=3, image=5, align="truncate").embeddings
    assert padded.text.shape == padded.image.shape == (4, 5)
    assert not padded.text[:, 3:].any()
    assert cut.text.shape == cut.image.shape == (4, 3)
    np.testing.assert_array_equal(cut.text, padded.text[:, :3])
    np.testing.assert_array_equal(cut.image, padded.image[:, :3])
    np.testing.assert_allclose(cut.norms[:, IMAGE], np.linalg.norm(cut.image, axis=1), rtol=1e-6)


def test_a_single_modality_needs_no_alignment(rows: OutcomeTable) -> None:
    assert built(rows, [[True, False]] * 4, text=3, image=None).embeddings.image is None


def test_a_table_without_anything_to_embed_is_refused(rows: OutcomeTable) -> None:
    with pytest.raises(FeatureError, match="no instance has text or an image"):
        built(rows, [[False, False]] * 4)
