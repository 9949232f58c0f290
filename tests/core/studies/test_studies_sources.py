"""The features of a pair of encoders: what the pair leaves open is as the run was told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmr_core.errors import UsageError
from mmr_core.features import FeatureCache, write_features
from mmr_core.features.selection import FeatureChoice
from mmr_core.registry import Registry
from mmr_core.runner.sources import Sources, view_of
from mmr_core.splits import train_mask
from mmr_core.studies import EncoderPair


@pytest.fixture
def sources(tmp_path):
    """A function that makes sources of the built-in encoders from what a run was told."""

    def make(view="multimodal", **told) -> Sources:
        return Sources(FeatureChoice(**told), Registry.discover(), view=view, cache=FeatureCache(tmp_path / "cache"))

    return make


def encoders(source) -> tuple[object, object]:
    told = source.describe()
    return tuple(told[kind]["encoder"] if told.get(kind) else None for kind in ("text", "image"))


def test_an_empty_pair_has_the_encoders_of_the_run(sources):
    own = sources(text_encoder="tfidf")
    assert encoders(own(EncoderPair())) == ("mmr-bench/tfidf", "mmr-bench/lite")


def test_a_pair_replaces_what_it_names_and_leaves_the_rest(sources):
    own = sources(image_encoder="lite")
    assert encoders(own(EncoderPair(text="tfidf"))) == ("mmr-bench/tfidf", "mmr-bench/lite")


def test_a_pair_says_what_becomes_of_unequal_widths_or_leaves_it_to_the_run(sources):
    run = sources(align="truncate")
    assert run(EncoderPair(text="tfidf")).describe()["align"] == "truncate"
    assert run(EncoderPair(text="tfidf", align="pad")).describe()["align"] == "pad"


def test_a_pair_is_made_once_and_described_once_it_was_asked_for(sources):
    own = sources()
    assert own.descriptions == {}
    assert own(EncoderPair(text="tfidf")) is own(EncoderPair(text="tfidf"))
    own(EncoderPair())
    assert list(own.descriptions) == [EncoderPair(text="tfidf"), EncoderPair()]


def test_an_encoder_that_does_not_read_its_modality_is_refused(sources):
    with pytest.raises(UsageError, match="does not read images") as raised:
        sources()(EncoderPair(image="tfidf"))
    assert raised.value.fix == "add --image-encoder NAME"


@pytest.fixture
def features_file(table, tmp_path, sources) -> Path:
    own = table(images=True)
    path = tmp_path / "features.npz"
    write_features(path, own, sources()(EncoderPair()).features(own, train_mask(own.dataset, own.instance_id)))
    return path


def test_one_encoder_cannot_join_features_from_a_file(sources, features_file):
    own = sources(file=features_file)
    assert own(EncoderPair()).describe()
    with pytest.raises(UsageError, match="an encoder of text alone cannot join them; leave --features out"):
        own(EncoderPair(text="lite"))


def test_two_encoders_take_the_place_of_a_file(sources, features_file):
    own = sources(file=features_file)(EncoderPair(text="lite", image="lite"))
    assert encoders(own) == ("mmr-bench/lite", "mmr-bench/lite")


def test_an_encoder_of_text_takes_the_place_of_a_file_where_there_are_no_images(sources, features_file):
    assert encoders(sources(view="text", file=features_file)(EncoderPair(text="tfidf"))) == ("mmr-bench/tfidf", None)


def test_only_modalities_that_the_table_has_are_looked_at(table):
    assert view_of(table()) == "text"
    pictured = table(images=True)
    assert view_of(pictured) == "multimodal"
    silent = replace(pictured, question=np.array([" "] * len(pictured), dtype=object))
    assert view_of(silent) == "image"
