"""The first look at a log: every record passes once, and nothing is kept but counts and the ids of instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs.cells import Cells, Group, cells_of
from mmr_core.logs.faults import Faults

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.contracts import Progress
    from mmr_core.logs.contract import Aggregate, LogImporter, LogSource

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


def survey(importer: LogImporter, source: LogSource, progress: Progress) -> Survey:
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
    importer: LogImporter,
    source: LogSource,
    file: Path,
    codes: dict[Group, int],
    places: dict[str, dict[str, int]],
) -> Iterator[Cells]:
    """The batches of one file, checked and coded; what ends the reading is a fault of this file."""
    try:
        for records in importer.records(file, source):
            if len(records):
                yield cells_of(records, codes, places)
    except Exception as error:  # A file of somebody else's program may be anything.
        source.fault(file, _reason(error))


def _watched(
    importer: LogImporter,
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


def _aggregates(importer: LogImporter, source: LogSource) -> tuple[Aggregate, ...]:
    try:
        return tuple(importer.aggregates(source))
    except Exception as error:
        source.fault(source.path, f"the kit's own means cannot be read: {_reason(error)}")
        return ()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, DataError) else f"is not what it should be ({type(error).__name__}: {error})"


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
