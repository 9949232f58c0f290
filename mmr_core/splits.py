"""The frozen splits: which instances are for training, for validation within training, and for testing.

Membership is a hash of the dataset's canonical name and the whole instance id, so it needs no file, is the same on
every machine, and never moves when instances are added. Evaluation asks for masks; every result carries `split_digest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """A number in [0, 1] that depends only on its arguments.

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
    return _hashes(SPLIT_NAME, datasets, ids) < TRAIN_SHARE


def validation_mask(datasets: Iterable[str], ids: Iterable[str]) -> NDArray[np.bool_]:
    """bool [n]: whether each instance is in the validation part of train.

    :raises ValueError: if there are not as many datasets as ids.
    """
    return split_masks(datasets, ids)[1]


def split_masks(datasets: Iterable[str], ids: Iterable[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """`train_mask` and `validation_mask`, each instance hashed once for both.

    :raises ValueError: if there are not as many datasets as ids.
    """
    pairs = list(zip(datasets, ids, strict=True))
    train = train_mask(*_unzipped(pairs))
    validation = train.copy()
    trained = [pairs[i] for i in np.flatnonzero(train)]
    validation[train] = _hashes(VALIDATION_TAG, *_unzipped(trained)) < VALIDATION_SHARE
    return train, validation


def split_digest(
    datasets: Iterable[str],
    ids: Iterable[str],
    masks: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
) -> str:
    """A digest of the instances and the part that each is in, whatever the order of the rows.

    :param masks: their `split_masks`, where they are known.
    :raises ValueError: if there are not as many datasets as ids.
    """
    pairs = list(zip(datasets, ids, strict=True))
    train, validation = split_masks(*_unzipped(pairs)) if masks is None else masks
    parts = np.where(validation, "validation", np.where(train, "train", "test")).tolist()
    words = {word: _prefixed(word) for word in {*parts, *(dataset for dataset, _ in pairs)}}
    state = blake2b(SPLIT_NAME.encode(), digest_size=16)
    for (dataset, idx), part in sorted(zip(pairs, parts, strict=True)):
        state.update(words[dataset] + _prefixed(idx) + words[part])
    return state.hexdigest()


def _prefixed(word: str) -> bytes:
    """A word behind its length."""
    content = word.encode()
    return len(content).to_bytes(8, "big") + content


def _hashes(tag: str, datasets: Iterable[str], ids: Iterable[str]) -> NDArray[np.float64]:
    """float64 [n]: `h` of each instance; what all ids of a dataset have in common is hashed once."""
    heads: dict[str, blake2b] = {}
    digests = bytearray()
    for dataset, idx in zip(datasets, ids, strict=True):
        head = heads.get(dataset)
        if head is None:
            head = heads[dataset] = blake2b(f"{tag}:{dataset}:".encode(), digest_size=8)
        state = head.copy()
        state.update(idx.encode())
        digests += state.digest()
    return np.frombuffer(digests, dtype=">u8").astype(np.float64) / 2.0**64


def _unzipped(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [dataset for dataset, _ in pairs], [idx for _, idx in pairs]
