"""What encoders are asked for, what is done with what they return, and what happens to broken images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from mmr_core.contracts import IMAGE, TEXT
from mmr_core.errors import FeatureError, PluginError, UsageError
from mmr_core.features import EncodedFeatures, FeatureSource
from mmr_core.outcomes import OutcomeTable, object_array

Tables = Callable[..., OutcomeTable]


class Letters:
    """Counts letters of a text, or sums colours of an image, by position modulo the width."""

    modalities = ("text", "image")

    def __init__(self, width: int = 4) -> None:
        self.width = width
        self.texts: list[list[str]] = []
        self.images: list[list[Path]] = []

    @property
    def fingerprint(self) -> str:
        return f"letters {self.width}"

    def encode_text(self, texts: Sequence[str]) -> Any:
        self.texts.append(list(texts))
        rows = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for letter in text:
                row[ord(letter) % self.width] += 1
        return rows

    def encode_image(self, paths: Sequence[Path]) -> Any:
        from PIL import Image

        self.images.append(list(paths))
        rows = np.zeros((len(paths), self.width), dtype=np.float32)
        for row, path in zip(rows, paths, strict=True):
            with Image.open(path) as image:
                for place, colour in enumerate(np.asarray(image.convert("RGB")).mean(axis=(0, 1))):
                    row[place % self.width] += colour
        return rows


class Vocabulary:
    """A text encoder that must be fitted: one dimension for each word of the training questions, up to eight."""

    modalities = ("text",)

    def __init__(self) -> None:
        self.words: list[str] = []
        self.fitted_on: list[str] = []

    def fit(self, texts: Sequence[str]) -> Self:
        self.fitted_on = list(texts)
        self.words = sorted({word for text in texts for word in text.split()})[:8]
        return self

    @property
    def fingerprint(self) -> str:
        return f"vocabulary {self.words}"

    def encode_text(self, texts: Sequence[str]) -> Any:
        return np.array([[text.split().count(word) for word in self.words] + [1] for text in texts], dtype=np.float32)


class Returning(Letters):
    """Returns for a batch of texts whatever it is told to make of it."""

    def __init__(self, make: Callable[[Sequence[str]], Any]) -> None:
        super().__init__()
        self._make = make

    def encode_text(self, texts: Sequence[str]) -> Any:
        return self._make(texts)


def everything(table: OutcomeTable) -> np.ndarray:
    return np.ones(len(table), dtype=bool)


def with_questions(table: OutcomeTable, *questions: str) -> OutcomeTable:
    return replace(table, question=object_array(questions))


def encoded(table: OutcomeTable, encoder: Any, **options: Any) -> Any:
    return EncodedFeatures(text_encoder=encoder, image_encoder=encoder, **options).features(table, everything(table))


def test_every_row_gets_the_embedding_of_its_own_text_and_image(table: Tables) -> None:
    rows = table(instances=10, images=True)
    features = encoded(rows, Letters(), batch_size=3)
    alone = Letters()
    np.testing.assert_array_equal(features.embeddings.text, alone.encode_text(list(rows.question)))
    np.testing.assert_array_equal(features.embeddings.image, alone.encode_image(list(rows.image)))
    assert features.embeddings.mask.all()
    assert features.questions == tuple(rows.question)
    assert features.light.image_size.tolist() == [[24, 24]] * 10


def test_it_is_a_feature_source() -> None:
    assert isinstance(EncodedFeatures(text_encoder=Letters(), image_encoder=None), FeatureSource)


def test_empty_questions_and_absent_images_are_never_encoded(table: Tables) -> None:
    rows = table(instances=4, images=True)
    rows = with_questions(rows, "a", "", " \n\t", "b")
    rows = replace(rows, image=object_array([None, *rows.image[1:]]))
    encoder = Letters()
    features = encoded(rows, encoder)
    assert features.embeddings.mask.tolist() == [[True, False], [False, True], [False, True], [True, True]]
    assert list(chain.from_iterable(encoder.texts)) == ["a", "b"]
    assert list(chain.from_iterable(encoder.images)) == list(rows.image[1:])
    assert features.questions == ("a", "", "", "b")
    assert not features.embeddings.text[1:3].any()
    assert not features.embeddings.image[0].any()
    assert not features.embeddings.norms[0, IMAGE]


def test_a_modality_without_an_encoder_is_not_there(table: Tables) -> None:
    rows = table(instances=3, images=True)
    for path in rows.image:
        path.unlink()
    features = EncodedFeatures(text_encoder=Letters(), image_encoder=None).features(rows, everything(rows))
    assert features.embeddings.image is None
    assert not features.embeddings.mask[:, IMAGE].any()
    assert features.images == (None,) * 3


def test_equal_texts_and_equal_images_are_encoded_once(table: Tables, tmp_path: Path) -> None:
    rows = with_questions(table(instances=4, images=True), "same", "same", "other", "same")
    copy = tmp_path / "copy.png"
    copy.write_bytes(rows.image[0].read_bytes())
    rows = replace(rows, image=object_array([rows.image[0], copy, rows.image[2], rows.image[0]]))
    encoder = Letters()
    features = encoded(rows, encoder)
    assert encoder.texts == [["same", "other"]]
    assert [len(batch) for batch in encoder.images] == [2]
    np.testing.assert_array_equal(features.embeddings.image[0], features.embeddings.image[1])


def test_batches_are_as_long_as_asked_for_and_reported(table: Tables) -> None:
    rows = table(instances=7)
    encoder, seen = Letters(), []
    source = EncodedFeatures(
        text_encoder=encoder, image_encoder=None, batch_size=3, progress=lambda *step: seen.append(step)
    )
    source.features(rows, everything(rows))
    assert [len(batch) for batch in encoder.texts] == [3, 3, 1]
    assert seen == [("encoding texts", 3, 7), ("encoding texts", 6, 7), ("encoding texts", 7, 7)]


def test_two_encoders_can_be_mixed_when_widths_are_aligned(table: Tables) -> None:
    rows = table(instances=5, images=True)
    train = everything(rows)
    mixed = EncodedFeatures(text_encoder=Letters(3), image_encoder=Letters(5), align="pad").features(rows, train)
    assert mixed.embeddings.text.shape == mixed.embeddings.image.shape == (5, 5)
    cut = EncodedFeatures(text_encoder=Letters(3), image_encoder=Letters(5), align="truncate").features(rows, train)
    assert cut.embeddings.image.shape == (5, 3)


def test_unequal_widths_are_noticed_after_the_first_batch(table: Tables) -> None:
    rows, images = table(instances=6, images=True), Letters(5)
    source = EncodedFeatures(text_encoder=Letters(3), image_encoder=images, batch_size=2)
    with pytest.raises(UsageError, match=r"3 dimensions and image embeddings 5; .*--align"):
        source.features(rows, everything(rows))
    assert len(images.images) == 1


def test_a_table_without_images_is_as_wide_in_both_modalities(table: Tables) -> None:
    features = encoded(table(instances=3), Letters())
    assert features.embeddings.image.shape == features.embeddings.text.shape
    assert not features.embeddings.image.any()


def test_an_encoder_that_learns_is_fitted_on_training_questions_alone_and_in_a_copy(table: Tables) -> None:
    rows = with_questions(table(instances=4), "red", "", "green", "blue")
    given = Vocabulary()
    source = EncodedFeatures(text_encoder=given, image_encoder=None)
    first = source.features(rows, np.array([True, True, True, False]))
    second = source.features(rows, np.array([True, True, True, True]))
    assert first.embeddings.text.shape == (4, 3)
    assert second.embeddings.text.shape == (4, 4)
    assert given.words == []
    assert source.describe()["text"] == {
        "encoder": "Vocabulary",
        "fingerprints": ["vocabulary ['blue', 'green', 'red']", "vocabulary ['green', 'red']"],
    }


def test_what_is_learned_does_not_depend_on_the_order_of_rows(table: Tables) -> None:
    rows = table(instances=6)
    backwards = rows.take(np.arange(6)[::-1])
    seen: list[list[str]] = []

    class Noting(Vocabulary):
        def fit(self, texts: Sequence[str]) -> Self:
            seen.append(list(texts))
            return super().fit(texts)

    for some in (rows, backwards):
        EncodedFeatures(text_encoder=Noting(), image_encoder=None).features(some, everything(some))
    assert seen[0] == seen[1]


def test_an_encoder_that_learns_needs_training_questions(table: Tables) -> None:
    rows = table(instances=3)
    source = EncodedFeatures(text_encoder=Vocabulary(), image_encoder=None)
    with pytest.raises(FeatureError, match="Vocabulary learns from the questions of the training split"):
        source.features(rows, np.zeros(3, dtype=bool))


def test_a_fit_that_returns_nothing_is_the_plugins_fault(table: Tables) -> None:
    class Forgetful(Vocabulary):
        def fit(self, texts: Sequence[str]) -> Any:
            super().fit(texts)

    rows = table(instances=3)
    with pytest.raises(PluginError, match="fit of encoder Forgetful returned nothing; return self"):
        EncodedFeatures(text_encoder=Forgetful(), image_encoder=None).features(rows, everything(rows))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda texts: np.zeros((len(texts) + 1, 4)), r"expected float32 \[\d+, d\], got shape \(\d+, 4\)"),
        (lambda texts: np.zeros(len(texts)), r"shape \(\d+,\)"),
        (lambda texts: np.zeros((len(texts), 0)), r"shape \(\d+, 0\)"),
        (lambda texts: None, r"shape \(\)"),
        (lambda texts: [["a", "b"]] * len(texts), "got values that are not numbers"),
        (lambda texts: [[1.0], [1.0, 2.0]], "got values that are not numbers"),
        (lambda texts: np.full((len(texts), 4), np.nan), "not finite, the first for 'What does"),
        (lambda texts: np.full((len(texts), 4), 1e300), "not finite"),
        (lambda texts: np.ones((len(texts), len(texts))), r"expected float32 \[1, 2\], got shape \(1, 1\)"),
    ],
)
def test_what_an_encoder_returns_is_checked(table: Tables, make: Callable[..., Any], complaint: str) -> None:
    rows = table(instances=3)
    source = EncodedFeatures(text_encoder=Returning(make), image_encoder=None, batch_size=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PluginError, match=f"text encoder Returning.*({complaint})"):
            source.features(rows, everything(rows))


def test_double_precision_and_lists_are_taken_as_float32(table: Tables) -> None:
    rows = table(instances=3)
    source = EncodedFeatures(text_encoder=Returning(lambda texts: [[0.5, 1]] * len(texts)), image_encoder=None)
    assert source.features(rows, everything(rows)).embeddings.text.dtype == np.float32


def break_images(table: OutcomeTable) -> list[Path]:
    """An absent file, an empty one, one that is no image, a truncated JPEG and a truncated PNG."""
    from PIL import Image

    absent, empty, nonsense, jpeg, png = table.image[:5]
    absent.unlink()
    empty.write_bytes(b"")
    nonsense.write_text("no image at all")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for path, kind in ((jpeg, "JPEG"), (png, "PNG")):
        Image.fromarray(pixels).save(path, format=kind)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with Image.open(path) as image:
            assert image.size == (64, 64), "the header should be whole"
    return [absent, empty, nonsense, jpeg, png]


def test_broken_images_are_one_line_before_anything_is_encoded(table: Tables) -> None:
    rows, encoder = table(instances=8, images=True), Letters()
    bad = break_images(rows)
    with pytest.raises(FeatureError) as caught:
        encoded(rows, encoder)
    line = str(caught.value)
    assert "5 image files" in line
    assert all(str(path) in line for path in bad[:3])
    assert "and 2 more" in line
    assert "--bad-images mask" in line
    assert "\n" not in line
    assert "BytesIO" not in line
    assert encoder.texts == encoder.images == []


def test_masked_broken_images_lose_their_bit_with_a_warning(table: Tables) -> None:
    rows, lines = table(instances=8, images=True), []
    bad = break_images(rows)
    features = encoded(rows, Letters(), bad_images="mask", warn=lines.append)
    assert features.embeddings.mask[:, IMAGE].tolist() == [False] * 5 + [True] * 3
    assert features.embeddings.mask[:, TEXT].all()
    assert not features.embeddings.image[:5].any()
    assert features.images == (None,) * 5 + tuple(rows.image[5:])
    assert not features.light.image_size[:5].any()
    assert len(lines) == 1
    assert "5 image files" in lines[0]
    assert str(bad[0]) in lines[0]


def test_masking_warns_even_if_nobody_listens(table: Tables) -> None:
    rows = table(instances=8, images=True)
    break_images(rows)
    with pytest.warns(UserWarning, match="count as having no image"):
        encoded(rows, Letters(), bad_images="mask")


def test_a_single_broken_image_is_spoken_of_in_the_singular(table: Tables) -> None:
    rows = table(instances=2, images=True)
    rows.image[1].unlink()
    with pytest.raises(FeatureError, match=r"1 image file \(.*1\.png \(No such file or directory\)\) cannot be opened"):
        encoded(rows, Letters())


def test_an_encoder_is_refused_for_what_it_does_not_encode() -> None:
    with pytest.raises(UsageError, match="Vocabulary encodes text, not image; choose another --image-encoder"):
        EncodedFeatures(text_encoder=None, image_encoder=Vocabulary())


def test_no_encoder_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="neither"):
        EncodedFeatures(text_encoder=None, image_encoder=None)


@pytest.mark.parametrize("wrong", [{"align": "stretch"}, {"bad_images": "zero"}, {"batch_size": 0}])
def test_options_without_meaning_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        EncodedFeatures(text_encoder=Letters(), image_encoder=None, **wrong)


def test_the_description_names_encoders_fingerprints_and_alignment(table: Tables) -> None:
    rows = table(instances=2, images=True)
    source = EncodedFeatures(
        text_encoder=Letters(3),
        image_encoder=Letters(5),
        align="pad",
        facts={"text": {"encoder": "mine/letters", "version": "1"}},
    )
    source.features(rows, everything(rows))
    assert source.describe() == {
        "source": "encoders",
        "text": {"encoder": "mine/letters", "version": "1", "fingerprints": ["letters 3"]},
        "image": {"encoder": "Letters", "fingerprints": ["letters 5"]},
        "align": "pad",
    }


def test_texts_that_are_no_valid_unicode_are_encoded_like_others(table: Tables) -> None:
    rows = with_questions(table(instances=2), "a\ud800", "b")
    features = EncodedFeatures(text_encoder=Letters(), image_encoder=None).features(rows, everything(rows))
    assert features.embeddings.mask[:, TEXT].all()


def test_an_image_that_is_a_pipe_is_refused_and_not_waited_for(table: Tables, tmp_path: Path) -> None:
    pipe = tmp_path / "0.png"
    os.mkfifo(pipe)
    rows = table(instances=1, images=True)
    rows = replace(rows, image=np.array([pipe], dtype=object))
    with pytest.raises(FeatureError, match="not a regular file"):
        EncodedFeatures(text_encoder=None, image_encoder=Letters()).features(rows, everything(rows))
