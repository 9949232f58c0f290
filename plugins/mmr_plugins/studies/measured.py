"""Results by cell: the records of a set of cells if all of them were measured, and what was not, with the reason.

An average over the seeds that did not fail would not be comparable with its neighbours, so a set with a gap has no
records at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from mmr_core.results import Estimate, averaged, cell_key, difference
from mmr_core.studies import Cell, CellRecord, Entry, Gap, Results, Setting, Unavailable
from mmr_plugins.studies.lineup import over_seeds
from mmr_plugins.studies.paper import decimals

DIGITS = 3
"""Decimals of a figure."""


class Measured:
    """The results of a run, looked up by cell.

    :param results: of all studies of the run.
    """

    def __init__(self, setting: Setting, results: Results) -> None:
        self.setting = setting
        self.results = results

    def records(self, cells: Iterable[Cell]) -> list[CellRecord]:
        """The one record of each router's cell, in the order given; none unless all are there."""
        found = [self._by_key.get(cell_key(cell), []) for cell in cells]
        return [records[0] for records in found] if all(found) else []

    def fits(self, cell: Cell) -> list[CellRecord]:
        """The records of a cell for every seed of the run."""
        return self.records(over_seeds(cell, self.setting))

    def reference(self, test: str, name: str) -> list[CellRecord]:
        """The reference row of a test split, as a list of one; empty if it was not measured."""
        key = cell_key(Cell(test=test))
        return [record for record in self._by_key.get(key, []) if record.name == name]

    def gaps(self, cells: Iterable[Cell]) -> tuple[Gap, ...]:
        """What of some cells failed: one gap for each test split and reason."""
        wanted = {cell_key(cell) for cell in cells}
        failed: dict[tuple[str, str], list[str]] = {}
        for failure in self.results.failures:
            if cell_key(failure.cell) in wanted:
                of = failed.setdefault((failure.cell.test, failure.reason), [])
                name = failure.cell.router or "references"
                if name not in of:
                    of.append(name)
        return tuple(
            Gap(what=f"{', '.join(names)} on {test}", reason=reason) for (test, reason), names in failed.items()
        )

    def demand_some(self, cells: Iterable[Cell]) -> None:
        """:raises Unavailable: if none of the cells was measured, with the first reason."""
        wanted = {cell_key(cell) for cell in cells}
        if wanted.isdisjoint(self._by_key):
            reasons = [failure.reason for failure in self.results.failures if cell_key(failure.cell) in wanted]
            raise Unavailable(reasons[0] if reasons else "nothing of it was measured")

    @cached_property
    def _by_key(self) -> dict[str, list[CellRecord]]:
        index: dict[str, list[CellRecord]] = {}
        for record in self.results:
            index.setdefault(cell_key(record.cell), []).append(record)
        return index


def joined(parts: Iterable[list[CellRecord]]) -> list[CellRecord]:
    """The records of all parts; none where a part has none, for a mean over the rest would be another mean."""
    listed = list(parts)
    return [record for part in listed for record in part] if all(listed) else []


def figure(records: Sequence[CellRecord], metric: str) -> Entry:
    """The mean over records as an entry; QNC, which can be very small, keeps two significant digits."""
    estimate = averaged(records, metric)
    return Entry.of(estimate, digits=decimals(estimate.value, least=DIGITS) if metric == "qnc" else DIGITS)


def gain(first: Sequence[CellRecord], second: Sequence[CellRecord], metric: str) -> Entry:
    """The paired difference as an entry; a dash where either side is missing."""
    return Entry.of(difference(first, second, metric), digits=DIGITS, signed=True)


def in_words(estimate: Estimate, *, signed: bool = False) -> str:
    """A finite figure with its interval as part of a sentence."""
    if estimate.value is None:
        return f"no figure ({estimate.reason})"
    sign = "+" if signed else ""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{sign}.3f} (no interval: {estimate.reason})"
    return f"{estimate.value:{sign}.3f} [{estimate.low:{sign}.3f} to {estimate.high:{sign}.3f}]"


def protocol_note(setting: Setting, results: Results) -> str:
    """How the figures of a sheet were made."""
    seeds = len(setting.seeds)
    over = f"means over {seeds} seeds" if seeds > 1 else "of one seed"
    return f"Figures are {over}; in brackets, 95 % intervals from {results.draws:,} bootstrap draws of test instances."
