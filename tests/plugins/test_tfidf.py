"""The TF-IDF encoder: what it learns, and what it does with texts it knows nothing of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import pytest

from mmr_core.contracts import TEXT, Encoder
from mmr_core.errors import FeatureError, PluginError, UsageError
from mmr_core.features import EncodedFeatures, FeatureCache
from mmr_core.outcomes import OutcomeTable, object_array
from mmr_plugins.encoders.tfidf import TfidfEncoder
from mmr_plugins.fusions.adaptive import AdaptiveFusion
from mmr_plugins.fusions.plain import AverageFusion

TEXTS = ["What is x + 2?", "What is the area of the square?", "the the the square", "x x 7"]


def test_it_is_an_encoder_of_text() -> None:
    assert isinstance(TfidfEncoder(), Encoder)
    assert TfidfEncoder.modalities == ("text",)


def test_a_weight_is_sublinear_count_times_smoothed_rarity() -> None:
    encoder = TfidfEncoder(dimensions=100).fit(TEXTS)
    words = [text.lower().translate(str.maketrans("", "", "+?")).split() for text in TEXTS]
    terms = [Counter(w + [" ".join(pair) for pair in pairwise(w)]) for w in words]
    rarity = {
        term: log((1 + len(TEXTS)) / (1 + sum(term in counts for counts in terms))) + 1
        for counts in terms
        for term in counts
    }
    rows = encoder.encode_text(TEXTS)
    for row, counts in zip(rows, terms, strict=True):
        expected = sorted(((1 + log(count)) * rarity[term] for term, count in counts.items()), reverse=True)
        np.testing.assert_allclose(np.sort(row)[::-1][: len(expected)], expected, rtol=1e-6)
        assert np.count_nonzero(row) == len(expected)


def test_embeddings_have_the_width_asked_for_whatever_the_vocabulary() -> None:
    wide = TfidfEncoder(dimensions=1000).fit(TEXTS).encode_text(TEXTS)
    narrow = TfidfEncoder(dimensions=3).fit(TEXTS).encode_text(TEXTS)
    assert wide.shape == (4, 1000)
    assert narrow.shape == (4, 3)
    assert wide.dtype == np.float32
    assert wide.flags.c_contiguous
    assert not wide[:, 100:].any()


def test_norms_differ_because_rows_are_not_normalised() -> None:
    norms = np.linalg.norm(TfidfEncoder().fit(TEXTS).encode_text(TEXTS), axis=1)
    assert norms.std() > 0.1


def test_a_row_depends_on_its_own_text_alone() -> None:
    encoder = TfidfEncoder().fit(TEXTS)
    together = encoder.encode_text(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_array_equal(encoder.encode_text([text])[0], row)


def test_the_fingerprint_knows_the_training_texts_and_the_width_but_no_order() -> None:
    fitted = TfidfEncoder().fit(TEXTS).fingerprint
    assert TfidfEncoder().fit(TEXTS[::-1]).fingerprint == fitted
    assert TfidfEncoder().fit(TEXTS[:3]).fingerprint != fitted
    assert TfidfEncoder(dimensions=4).fit(TEXTS).fingerprint != fitted
    assert TfidfEncoder().fit(["a b", "c"]).fingerprint != TfidfEncoder().fit(["a", "b c"]).fingerprint
    assert "unfitted" in TfidfEncoder().fingerprint


def test_encoding_before_fitting_is_refused() -> None:
    with pytest.raises(PluginError, match="tfidf was asked to encode before it was fitted"):
        TfidfEncoder().encode_text(TEXTS)


def test_training_questions_without_a_word_are_refused() -> None:
    with pytest.raises(FeatureError, match="no word in the training questions"):
        TfidfEncoder().fit(["?", "+ -"])


def test_no_dimensions_are_refused() -> None:
    with pytest.raises(UsageError, match="dimensions is 0; use 1 or more"):
        TfidfEncoder(dimensions=0)


def test_an_unknown_text_has_a_zero_row_that_never_becomes_nan(
    table: Callable[..., OutcomeTable], tmp_path: Path
) -> None:
    rows = replace(table(instances=4), question=object_array(["red box", "blue box", "quite unknown", ""]))
    train = np.array([True, True, False, False])
    for _ in range(2):
        source = EncodedFeatures(
            text_encoder=TfidfEncoder(dimensions=8), image_encoder=None, cache=FeatureCache(tmp_path)
        )
        embeddings = source.features(rows, train).embeddings
        assert embeddings.mask[:, TEXT].tolist() == [True, True, True, False]
        assert embeddings.text is not None
        assert not embeddings.text[2].any()
        assert embeddings.norms[2, TEXT] == 0
        for fusion in (AdaptiveFusion(), AverageFusion()):
            z = fusion.fit(embeddings).transform(embeddings)
            assert np.isfinite(z).all()
            assert not z[2].any()


def test_two_training_splits_never_share_cached_embeddings(table: Callable[..., OutcomeTable], tmp_path: Path) -> None:
    rows = replace(table(instances=3), question=object_array(["red box", "blue box", "green box"]))
    cache = FeatureCache(tmp_path)
    source = EncodedFeatures(text_encoder=TfidfEncoder(dimensions=8), image_encoder=None, cache=cache)
    for train in ([True, True, False], [False, True, True], [True, True, False]):
        embeddings = source.features(rows, np.array(train)).embeddings
        fresh = TfidfEncoder(dimensions=8).fit([q for q, t in zip(rows.question, train, strict=True) if t])
        np.testing.assert_array_equal(embeddings.text, fresh.encode_text(list(rows.question)))
    assert (cache.encoded, cache.reused) == (6, 3)
