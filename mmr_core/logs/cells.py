"""What both passes over a log read out of a batch in the same way: groups, places of instances, utilities.

A *group* is what one scorer said in one run: all records that agree in dataset, model and every axis of choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs.records import AMOUNTS, STATUS_OF, TOKEN_SOURCES, UNKNOWN_UTILITY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.logs.records import Records

WORDS = tuple(STATUS_OF)
_CODES = {word: code for code, word in enumerate(WORDS)}
_SOURCES = {word: code for code, word in enumerate(TOKEN_SOURCES)}
_UNKNOWN = np.array([word in UNKNOWN_UTILITY for word in WORDS])
OK, EMPTY, UNSCORED = (_CODES[word] for word in ("ok", "empty", "unscored"))


class Group(NamedTuple):
    """What the records of a group have in common; in the kit's own names."""

    dataset: str
    model: str
    run: str
    judge: str
    filter: str
    metric: str
    scorer: str
    repeat: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """One batch of n records, checked and coded.

    :param group: int64 [n], the code of each record's group.
    :param place: int64 [n], the place of each record's instance within its dataset.
    :param row: int64 [n], rows in the file, from 1; 0 where that means nothing.
    :param word: int8 [n], status words, as indices into `WORDS`.
    :param token_source: int8 [n], indices into `TOKEN_SOURCES`.
    :param utility: float64 [n], NaN where there is none or the status says that there cannot be one.
    :param amounts: float64 [n] for each of `AMOUNTS`, NaN where unknown.
    """

    records: Records
    group: NDArray[np.int64]
    place: NDArray[np.int64]
    row: NDArray[np.int64]
    word: NDArray[np.int8]
    token_source: NDArray[np.int8]
    utility: NDArray[np.float64]
    amounts: Mapping[str, NDArray[np.float64]]

    @property
    def outside(self) -> NDArray[np.bool_]:
        """[n] where a utility is known and not in [0, 1]."""
        return np.asarray((self.utility < 0) | (self.utility > 1), dtype=np.bool_)


def cells_of(records: Records, codes: dict[Group, int], places: dict[str, dict[str, int]]) -> Cells:
    """Checks and codes a batch; groups and instances that are new get the next codes and places.

    :raises DataError: if a column has what it cannot have; nothing is then added.
    """
    word = _coded(records, "status", _CODES)
    token_source = _coded(records, "token_source", _SOURCES)
    utility = np.where(_UNKNOWN[word], np.nan, records.numbers("utility"))
    amounts = {name: records.numbers(name) for name in AMOUNTS}
    instances = records.values("instance")
    if not all(isinstance(instance, str) and instance for instance in instances):
        raise DataError("an instance has no id, or one that is no text")
    try:
        row = np.broadcast_to(np.array(records.column("row"), dtype=np.int64), (len(records),))
    except (TypeError, ValueError) as error:
        raise DataError(f"the column 'row' has what is no whole number: {error}") from None
    return Cells(
        records=records,
        row=row,
        group=_groups(records, codes),
        place=_places(records, instances, places),
        word=word,
        token_source=token_source,
        utility=utility,
        amounts=amounts,
    )


def _groups(records: Records, codes: dict[Group, int]) -> NDArray[np.int64]:
    if all(records.constant(name) for name in Group._fields):
        keys = [tuple(records.column(name) for name in Group._fields)]
    else:
        keys = list(zip(*(records.values(name) for name in Group._fields), strict=True))
    for key in dict.fromkeys(keys):
        *texts, repeat = key
        if not all(isinstance(text, str) for text in texts) or not all(texts[:2]):
            raise DataError(f"dataset, model and what tells records apart are not all texts: {key}")
        if not isinstance(repeat, int) or repeat < 1:
            raise DataError(f"{repeat!r} is no number of a repeat: they begin with 1")
    found = {key: codes.setdefault(Group(*key), len(codes)) for key in dict.fromkeys(keys)}
    if len(keys) == 1:
        return np.full(len(records), found[keys[0]], dtype=np.int64)
    return np.fromiter((found[key] for key in keys), dtype=np.int64, count=len(records))


def _places(records: Records, instances: list[str], places: dict[str, dict[str, int]]) -> NDArray[np.int64]:
    if records.constant("dataset"):
        own = places.setdefault(records.column("dataset"), {})
        return np.fromiter((own.setdefault(i, len(own)) for i in instances), dtype=np.int64, count=len(records))
    found = np.empty(len(records), dtype=np.int64)
    for row, (dataset, instance) in enumerate(zip(records.values("dataset"), instances, strict=True)):
        own = places.setdefault(dataset, {})
        found[row] = own.setdefault(instance, len(own))
    return found


def _coded(records: Records, name: str, codes: Mapping[str, int]) -> NDArray[np.int8]:
    try:
        if records.constant(name):
            return np.full(len(records), codes[records.column(name)], dtype=np.int8)
        return np.fromiter((codes[word] for word in records.values(name)), dtype=np.int8, count=len(records))
    except KeyError as error:
        raise DataError(f"the {name} {error.args[0]!r} is not known", fix=f"known are {', '.join(codes)}") from None
