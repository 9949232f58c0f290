"""The frozen splits: which instances are for training, for validation within training, and for testing.

Membership is a hash of the dataset's canonical name and the whole instance id, so it needs no file, is the same on
every machine, and never moves when instances are added. Who evaluates asks for masks; every result carries
`split_digest`.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLIT_NAME = "mmr-v1"
VALIDATION_TAG = "mmr-v1-val"
TRAIN_SHARE = 0.2
VALIDATION_SHARE = 0.2

Part = Literal["train", "validation", "test"]


def h(tag: str, dataset: str, dataset_idx: str) -> float:
    """A number in [0, 1] that depends on nothing but its arguments.

    :param dataset: the canonical name of the instance's own dataset, within mixtures too.
    :param dataset_idx: the whole id, such as "MathVision_12".
    """
    digest = blake2b(f"{tag}:{dataset}:{dataset_idx}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def split_of(dataset: str, dataset_idx: str) -> Literal["train", "test"]:
    """The split that an instance belongs to: 20 % train, 80 % test (the paper's 2:8)."""
    return "train" if h(SPLIT_NAME, dataset, dataset_idx) < TRAIN_SHARE else "test"


def part_of(dataset: str, dataset_idx: str) -> Part:
    """As `split_of`, but "validation" for the fifth of train that is kept for choosing operating points."""
    if split_of(dataset, dataset_idx) == "test":
        return "test"
    return "validation" if h(VALIDATION_TAG, dataset, dataset_idx) < VALIDATION_SHARE else "train"


def train_mask(datasets: Iterable[str], ids: Iterable[str]) -> NDArray[np.bool_]:
    """bool [n]: whether each instance is in train, its validation part included.

    :raises ValueError: if there are not as many datasets as ids.
    """
    return np.array([part != "test" for part in _parts(datasets, ids)], dtype=bool)


def validation_mask(datasets: Iterable[str], ids: Iterable[str]) -> NDArray[np.bool_]:
    """bool [n]: whether each instance is in the validation part of train.

    :raises ValueError: if there are not as many datasets as ids.
    """
    return np.array([part == "validation" for part in _parts(datasets, ids)], dtype=bool)


def split_digest(datasets: Iterable[str], ids: Iterable[str]) -> str:
    """A digest of which instances there are and the part each is in, whatever the order of the rows.

    :raises ValueError: if there are not as many datasets as ids.
    """
    rows = sorted((dataset, idx, part_of(dataset, idx)) for dataset, idx in zip(datasets, ids, strict=True))
    state = blake2b(SPLIT_NAME.encode(), digest_size=16)
    for row in rows:
        state.update(b"".join(len(word.encode()).to_bytes(8, "big") + word.encode() for word in row))
    return state.hexdigest()


def _parts(datasets: Iterable[str], ids: Iterable[str]) -> list[Part]:
    return [part_of(dataset, idx) for dataset, idx in zip(datasets, ids, strict=True)]
