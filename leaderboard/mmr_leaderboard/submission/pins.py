"""What is expected of every submission: the digests that it pins, the test instances, the pool, the taken names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from mmr_core.errors import DataError
from mmr_core.runner.prepare import Prepared, select
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, MODEL_PREFIX, ORACLE_UNAWARE
from mmr_core.specs import ORACLE, UNIFORM, DatasetSpec
from mmr_core.splits import split_digest, train_mask
from mmr_leaderboard.submission.manifest import Pins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a submission must fit.

    :param pins: digests of the outcome table, of the split of the ranked column, and of the model pool.
    :param test_ids: the column's complete test instances, in canonical order: `instance_id`, or `dataset/instance_id`
        if two datasets have an instance with that id.
    :param pool: names of the candidate models, in the order of the table's columns.
    :param references: names that no router may have.
    :raises DataError: if two test instances cannot be told apart.
    """

    pins: Pins
    test_ids: tuple[str, ...]
    pool: tuple[str, ...]
    references: tuple[str, ...]

    def __post_init__(self) -> None:
        name, count = Counter(self.test_ids).most_common(1)[0] if self.test_ids else ("", 1)
        if count > 1:
            raise DataError(f"{count} test instances are called {name!r}", fix="rename them in the table")


def expected_of(prepared: Prepared, table: OutcomeTable) -> Expected:
    """What submissions to a board must fit.

    :param table: the whole table; `prepared` is its ranked column.
    """
    return _expected(table, prepared.table, prepared.test, prepared.split_digest)


def expected_without_features(table: OutcomeTable, spec: DatasetSpec) -> Expected:
    """The same as `expected_of` for the column of `spec`, without encoding anything: enough to validate.

    :raises UnknownNameError: if the table has no instance of it.
    """
    own = select(table, spec)
    test = ~train_mask(own.dataset, own.instance_id) & own.complete
    return _expected(table, own, test, split_digest(own.dataset, own.instance_id))


def pool_digest(names: Sequence[str]) -> str:
    """blake2b-16 hex over the canonical JSON of the models' names in column order."""
    return blake2b(json.dumps(list(names), separators=(",", ":")).encode(), digest_size=16).hexdigest()


def _expected(table: OutcomeTable, own: OutcomeTable, test: NDArray[np.bool_], split: str) -> Expected:
    pool = tuple(model.name for model in own.models)
    return Expected(
        pins=Pins(table=table.digest(), split=split, pool=pool_digest(pool)),
        test_ids=_test_ids(own.dataset[test].tolist(), own.instance_id[test].tolist()),
        pool=pool,
        references=(
            ORACLE,
            ORACLE_UNAWARE,
            BEST_SINGLE,
            CONSTANT,
            UNIFORM,
            *(f"{MODEL_PREFIX}{name}" for name in pool),
        ),
    )


def _test_ids(datasets: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    times = Counter(ids)
    return tuple(f"{dataset}/{idx}" if times[idx] > 1 else idx for dataset, idx in zip(datasets, ids, strict=True))
