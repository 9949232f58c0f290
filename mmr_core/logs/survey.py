"""The first look at a log: every record passes once, and only counts and the ids of instances are kept.

`Cells` is what both passes over a log read out of a batch in the same way: groups, places of instances, utilities. A
*group* is what one scorer said in one run: all records that agree in dataset, model and every axis of choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs.log_records import AMOUNTS, STATUS_OF, TOKEN_SOURCES, UNKNOWN_UTILITY
from mmr_core.logs.log_source import Aggregate, Faults, LogReader, LogSource

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.contracts import Progress
    from mmr_core.logs.log_records import Records


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

    :raises DataError: if a column has an invalid value; nothing is then added.
    """
    word = _coded(records, "status", _CODES)
    token_source = _coded(records, "token_source", _SOURCES)
    utility = np.where(_UNKNOWN[word], np.nan, records.numbers("utility"))
    amounts = {name: records.numbers(name) for name in AMOUNTS}
    instances = records.values("instance")
    if not all(isinstance(instance, str) and instance for instance in instances):
        raise DataError("an instance has no id, or one that is not text")
    try:
        row = np.broadcast_to(np.array(records.column("row"), dtype=np.int64), (len(records),))
    except (TypeError, ValueError) as error:
        raise DataError(f"the column 'row' has a value that is not a whole number: {error}") from None
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
            raise DataError(f"dataset, model and the axes of choice must be text, got {key}")
        if not isinstance(repeat, int) or repeat < 1:
            raise DataError(f"{repeat!r} is not the number of a repeat: these begin with 1")
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


_KILOBYTE = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """One group of records, counted.

    :param records: how many there are.
    :param seen: bool [instances of the dataset], which instances they are about.
    :param scored: records whose utility is known.
    :param mean: of the known utilities; None where there are none.
    :param outside: records whose utility is outside [0, 1] and so cannot be used.
    :param tokens, costs: records whose output tokens, and whose cost, are known.
    """

    group: Group
    records: int
    seen: NDArray[np.bool_]
    scored: int
    mean: float | None
    outside: int
    tokens: int
    costs: int

    @property
    def cells(self) -> int:
        """How many instances the records are about."""
        return int(self.seen.sum())

    @property
    def again(self) -> int:
        """Records beyond the first of their cell."""
        return self.records - self.cells


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What a log has.

    :param files: how many files with records there are.
    :param found: the groups, in order of appearance.
    :param codes: the code of each group, for the second pass.
    :param places: per dataset the place of each instance, in order of appearance.
    :param faults: what cannot be used.
    :param aggregates: the kit's own means.
    """

    files: int
    found: tuple[Found, ...]
    codes: dict[Group, int]
    places: dict[str, dict[str, int]]
    faults: Faults
    aggregates: tuple[Aggregate, ...]

    def pairs(self) -> dict[tuple[str, str], list[Found]]:
        """The groups of each (dataset, model)."""
        pairs: dict[tuple[str, str], list[Found]] = {}
        for found in self.found:
            pairs.setdefault((found.group.dataset, found.group.model), []).append(found)
        return pairs


def survey(importer: LogReader, source: LogSource, progress: Progress) -> Survey:
    """Looks at everything once.

    :raises DataError: if there is nothing that can be used.
    """
    faults = Faults()
    source = replace(source, on_fault=faults.add)
    files = list(importer.files(source))
    if not files:
        raise DataError("has no file of this format", where=str(source.path))
    codes: dict[Group, int] = {}
    places: dict[str, dict[str, int]] = {}
    tallies: defaultdict[int, _Tally] = defaultdict(_Tally)
    for cells in _watched(importer, source, files, codes, places, progress):
        for code in np.unique(cells.group):
            tallies[int(code)].add(cells, cells.group == code)
    if not tallies:
        lines = faults.lines()
        why = f": {lines[0]}{f' (and {len(lines) - 1} lines more)' if len(lines) > 1 else ''}" if lines else ""
        raise DataError(f"has nothing that can be used{why}", where=str(source.path))
    found = tuple(
        tallies[code].found(group, len(places[group.dataset])) for group, code in codes.items() if code in tallies
    )
    aggregates = _aggregates(importer, source)
    return Survey(files=len(files), found=found, codes=codes, places=places, faults=faults, aggregates=aggregates)


def each_batch(
    importer: LogReader,
    source: LogSource,
    file: Path,
    codes: dict[Group, int],
    places: dict[str, dict[str, int]],
) -> Iterator[Cells]:
    """The batches of one file, checked and coded; an exception while reading is a fault of the file."""
    try:
        for records in importer.records(file, source):
            if len(records):
                yield cells_of(records, codes, places)
    except Exception as error:  # A file of somebody else's program may be anything.
        source.fault(file, _reason(error))


def _watched(
    importer: LogReader,
    source: LogSource,
    files: Sequence[Path],
    codes: dict[Group, int],
    places: dict[str, dict[str, int]],
    progress: Progress,
) -> Iterator[Cells]:
    sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
    total, before = max(sum(sizes) // _KILOBYTE, 1), 0

    def position(read: int) -> None:
        progress("looking at the log, kB", (before + read) // _KILOBYTE, total)

    for file, size in zip(files, sizes, strict=True):
        yield from each_batch(importer, replace(source, on_position=position), file, codes, places)
        position(size)
        before += size


def _aggregates(importer: LogReader, source: LogSource) -> tuple[Aggregate, ...]:
    try:
        return tuple(importer.aggregates(source))
    except Exception as error:
        source.fault(source.path, f"the kit's own means cannot be read: {_reason(error)}")
        return ()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, DataError) else f"is malformed ({type(error).__name__}: {error})"


class _Tally:
    """Counts of one group as its batches come."""

    def __init__(self) -> None:
        self._seen = np.zeros(1024, dtype=bool)
        self._records = self._scored = self._outside = self._tokens = self._costs = 0
        self._sum = 0.0

    def add(self, cells: Cells, chosen: NDArray[np.bool_]) -> None:
        places, utility, beyond = cells.place[chosen], cells.utility[chosen], cells.outside[chosen]
        self._reach(int(places.max()) + 1)
        self._seen[places] = True
        usable = utility[~np.isnan(utility) & ~beyond]
        self._records += len(places)
        self._scored += len(usable)
        self._sum += float(usable.sum())
        self._outside += int(beyond.sum())
        self._tokens += int((~np.isnan(cells.amounts["output_tokens"][chosen])).sum())
        self._costs += int((~np.isnan(cells.amounts["cost"][chosen])).sum())

    def _reach(self, length: int) -> None:
        if length > len(self._seen):
            longer = np.zeros(max(length, 2 * len(self._seen)), dtype=bool)
            longer[: len(self._seen)] = self._seen
            self._seen = longer

    def found(self, group: Group, instances: int) -> Found:
        seen = np.zeros(instances, dtype=bool)
        seen[: len(self._seen)] = self._seen[:instances]
        return Found(
            group=group,
            records=self._records,
            seen=seen,
            scored=self._scored,
            mean=self._sum / self._scored if self._scored else None,
            outside=self._outside,
            tokens=self._tokens,
            costs=self._costs,
        )
