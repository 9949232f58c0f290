"""The prompts of a RouterEval dictionary: an id and a text for each row of each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs import canonical_id
from mmr_plugins.importers.harness import first_text
from mmr_plugins.importers.routereval.pools import SCORE, Pool

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """The n prompts of a split: ids here, ids in the kit's words, texts ("" where unknown), and rows from 1."""

    ids: tuple[str, ...]
    native: tuple[str, ...]
    texts: tuple[str, ...]
    rows: tuple[int, ...]


def prompts_of(content: Mapping[str, Any], pools: Sequence[Pool]) -> dict[str, Prompts]:
    """The prompts of each split.

    :raises DataError: if the pools do not agree on how many there are, or ids or texts are of another number.
    """
    counts = {split: _count(split, pools) for split in SPLITS}
    indices = {split: _listed(content, "split_index", f"{split}_indices", counts[split]) for split in SPLITS}
    texts = {split: _listed(content, "prompt", f"{split}_prompt", counts[split]) for split in SPLITS}
    numbered = {
        split: None if listed is None else tuple(canonical_id(index) for index in listed)
        for split, listed in indices.items()
    }
    every = [index for listed in numbered.values() for index in listed or ()]
    unique = len(set(every)) == len(every) == sum(counts.values())
    prompts = {}
    for split, count in counts.items():
        native = numbered[split] or tuple(map(str, range(count)))
        if len(set(native)) < len(native):
            native = tuple(map(str, range(count)))
        listed = texts[split]
        prompts[split] = Prompts(
            ids=native if unique else tuple(f"{split}_{index}" for index in native),
            native=tuple(f"{split} {index}" for index in native),
            texts=("",) * count if listed is None else tuple(first_text(text) or "" for text in listed),
            rows=tuple(range(1, count + 1)),
        )
    return prompts


def _count(split: str, pools: Sequence[Pool]) -> int:
    counts = {len(array) for pool in pools for array in pool.scores(split).values()}
    if len(counts) > 1:
        raise DataError(f"has pools with {' and '.join(map(str, sorted(counts)))} rows of {split}_{SCORE}")
    return counts.pop()


def _listed(content: Mapping[str, Any], part: str, name: str, count: int) -> list[Any] | None:
    """A list of one value per prompt; None where the dictionary does not have it."""
    parts = content.get(part)
    value = parts.get(name) if isinstance(parts, Mapping) else None
    if value is None:
        return None
    listed = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(listed, (list, tuple)) or len(listed) != count:
        raise DataError(f"has {part} {name!r} of another length than its {count} rows of scores")
    return list(listed)
