"""The frozen splits keep every instance where it is, for ever."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.splits import (
    SPLIT_NAME,
    h,
    part_of,
    split_digest,
    split_of,
    train_mask,
    validation_mask,
)


def many(n: int, dataset: str = "mathvision") -> tuple[list[str], list[str]]:
    return [dataset] * n, [f"MathVision_{i}" for i in range(n)]


@pytest.mark.parametrize(
    ("dataset", "idx", "value"),
    [
        ("mathvision", "MathVision_1", 0.8828709349505492),
        ("mathvision", "MathVision_5", 0.009180364937999255),
        ("ocrbench", "OCRBench_1", 0.905547620820987),
        ("gsm8k", "gsm8k_é", 0.7221134637084171),
    ],
)
def test_the_hash_has_the_values_it_has_always_had(dataset: str, idx: str, value: float) -> None:
    assert h(SPLIT_NAME, dataset, idx) == value


@pytest.mark.parametrize(
    ("idx", "part"), [("MathVision_1", "test"), ("MathVision_5", "train"), ("MathVision_13", "validation")]
)
def test_known_instances_stay_in_their_part(idx: str, part: str) -> None:
    assert part_of("mathvision", idx) == part


def test_a_validation_instance_is_in_the_training_split() -> None:
    assert split_of("mathvision", "MathVision_13") == "train"


@given(dataset=st.text(max_size=8), idx=st.text(max_size=12))
def test_masks_and_single_answers_agree_with_the_definition(dataset: str, idx: str) -> None:
    def slow(tag: str) -> float:
        text = (tag + ":" + dataset + ":" + idx).encode("utf-8")
        return int(hashlib.blake2b(text, digest_size=8).hexdigest(), 16) / 2**64

    in_train = slow("mmr-v1") < 0.2
    in_validation = in_train and slow("mmr-v1-val") < 0.2
    assert split_of(dataset, idx) == ("train" if in_train else "test")
    assert train_mask([dataset], [idx]).tolist() == [in_train]
    assert validation_mask([dataset], [idx]).tolist() == [in_validation]


def test_a_fifth_is_for_training_and_a_fifth_of_that_for_validation() -> None:
    datasets, ids = many(20_000)
    train, validation = train_mask(datasets, ids), validation_mask(datasets, ids)
    assert abs(train.mean() - 0.2) < 0.01
    assert abs(validation.sum() / train.sum() - 0.2) < 0.03
    assert not (validation & ~train).any()


def test_new_instances_move_no_old_one() -> None:
    datasets, ids = many(500)
    more_datasets, more_ids = many(800)
    assert np.array_equal(train_mask(more_datasets, more_ids)[:500], train_mask(datasets, ids))
    assert np.array_equal(validation_mask(more_datasets, more_ids)[:500], validation_mask(datasets, ids))


def test_the_same_id_in_another_dataset_is_another_draw() -> None:
    _, ids = many(200)
    assert not np.array_equal(train_mask(["alpha"] * 200, ids), train_mask(["beta"] * 200, ids))


def test_the_digest_ignores_the_order_of_rows_and_nothing_else() -> None:
    datasets, ids = many(50)
    digest = split_digest(datasets, ids)
    assert split_digest(datasets[::-1], ids[::-1]) == digest
    assert split_digest(datasets[:-1], ids[:-1]) != digest
    assert split_digest(["other"] * 50, ids) != digest


def test_the_digest_tells_where_one_word_ends_and_the_next_begins() -> None:
    assert split_digest(["a", "b"], ["bc", "d"]) != split_digest(["ab", "b"], ["c", "d"])


def test_masks_of_nothing_are_empty() -> None:
    assert train_mask([], []).shape == (0,)
    assert train_mask([], []).dtype == bool


def test_datasets_and_ids_must_pair_up() -> None:
    with pytest.raises(ValueError, match="shorter"):
        train_mask(["a", "b"], ["a_1"])
