"""Runs the cells of studies: each once, those of one situation together, what is finished kept at once.

Called by the command line, with the cells of all studies of a run. Cells that fail are named with their reasons, and
the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import UsageError
from mmr_core.registry import Registry
from mmr_core.results import Cell, CellFailure, Record, Results, cell_key
from mmr_core.runner.cache import CellCache
from mmr_core.runner.executor import Call, Crew, Parcel, crew
from mmr_core.runner.fingerprint import Fingerprints, yardstick_digest
from mmr_core.runner.measure import Yardstick
from mmr_core.runner.measure_cell import attempt, failure
from mmr_core.runner.options import Options
from mmr_core.runner.prepare import Parted
from mmr_core.runner.setting import Setting
from mmr_core.runner.situations import Situation, Situations, SourceFor

MEASURING = "measuring cells"

_CALLS_PER_WORKER = 32
_TRAVELLING = 512 * 2**20
"""A wave of calls ends at so many calls, or bytes of what they share, so that memory does not grow with the grid."""

Outcome = tuple[Record, ...] | CellFailure
Finish = Callable[[str, Outcome], None]


def run_cells(
    cells: Iterable[Cell],
    setting: Setting,
    *,
    source_for: SourceFor,
    options: Options | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    cache: Path | None = None,
    progress: Progress = no_progress,
) -> Results:
    """Measures cells; those that say the same are measured once.

    :param source_for: makes the source of features of a pair of encoders; called once for each pair.
    :param options: of which `draws`, `draw_seed`, `allow_incomplete` and `fusion_parameters` count.
    :param jobs: processes of this machine; the numbers do not depend on it.
    :param cluster: the address of a running Dask scheduler to use instead; nor on that.
    :param cache: a folder for finished cells; None measures everything anew.
    :param progress: told of every finished cell, those that were kept included.
    :returns: records and failures in the order of the cells.
    :raises UsageError: if `jobs` or `cluster` cannot be used.
    :raises PluginError: if a process dies; what was finished is kept.
    """
    if jobs < 1:
        raise UsageError(f"{jobs} processes can do nothing", where="jobs", fix="use at least 1")
    chosen = options or Options()
    unique: dict[str, Cell] = {}
    for cell in cells:
        unique.setdefault(cell_key(cell), cell)
    done: dict[str, Outcome] = {}

    def finish(key: str, outcome: Outcome) -> None:
        done[key] = outcome
        progress(MEASURING, len(done), len(unique))

    progress(MEASURING, 0, len(unique))
    with crew(jobs, cluster) as workers:
        grid = _Grid(setting, source_for, chosen, CellCache(cache) if cache is not None else None)
        for wave in _waves(grid.calls(unique, finish), workers):
            for key, outcome in workers.work(attempt_in, wave):
                grid.keep(key, outcome)
                finish(key, outcome)
    outcomes = [done[key] for key in unique]
    return Results(
        records=tuple(record for outcome in outcomes if isinstance(outcome, tuple) for record in outcome),
        failures=tuple(outcome for outcome in outcomes if isinstance(outcome, CellFailure)),
        synthetic=setting.table.synthetic,
        draws=chosen.draws,
        kept=grid.kept,
    )


def attempt_in(cell: Cell, column: Parted, yardstick: Yardstick, common: tuple[Registry, Options]) -> Outcome:
    """`attempt`, as a crew calls it."""
    return attempt(cell, column, yardstick, *common)


class _Grid:
    """Turns cells into calls, situation by situation, and keeps what comes back."""

    def __init__(self, setting: Setting, source_for: SourceFor, options: Options, cache: CellCache | None) -> None:
        self._situations = Situations(setting, source_for, options)
        self._fingerprints = Fingerprints(setting.registry, options)
        self._cache = cache
        self._common = Parcel((setting.registry, options))
        self._yardsticks: dict[str, tuple[Parcel, str]] = {}
        self._fingerprint_of: dict[str, str] = {}
        self.kept = 0
        """Cells that an earlier run had finished."""

    def calls(self, cells: dict[str, Cell], finish: Finish) -> Iterator[Call]:
        """The calls that are to be made; what is known without one is finished here."""
        for situation, keys in _grouped(cells).items():
            try:
                column = self._situations.column(situation)
                yardstick, measured_with = self._yardstick(situation.test)
                seen = "" if self._cache is None else self._fingerprints.column(column)
            except (Exception, SystemExit) as error:
                for key in keys:
                    finish(key, failure(cells[key], error))
                continue
            shared = (Parcel(column), yardstick, self._common)
            for key in keys:
                known = self._known(key, cells[key], seen, measured_with)
                if known is None:
                    yield Call(key=key, own=cells[key], shared=shared)
                else:
                    finish(key, known)

    def keep(self, key: str, outcome: Outcome) -> None:
        """Keeps a measured cell; a failure is tried again the next time."""
        if self._cache is not None and isinstance(outcome, tuple):
            self._cache.store(self._fingerprint_of.pop(key), outcome)

    def _known(self, key: str, cell: Cell, column: str, yardstick: str) -> Outcome | None:
        """What was kept of a cell, or that it cannot even be named, because its router cannot be loaded."""
        if self._cache is None:
            return None
        try:
            fingerprint = self._fingerprints.cell(cell, column, yardstick)
        except (Exception, SystemExit) as error:
            return failure(cell, error)
        kept = self._cache.load(fingerprint)
        if kept is not None:
            self.kept += 1
            return tuple(replace(record, cell=cell) for record in kept)
        self._fingerprint_of[key] = fingerprint
        return None

    def _yardstick(self, test: str) -> tuple[Parcel, str]:
        if test not in self._yardsticks:
            made = self._situations.yardstick(test)
            self._yardsticks[test] = Parcel(made), yardstick_digest(made)
        return self._yardsticks[test]


def _grouped(cells: dict[str, Cell]) -> dict[Situation, list[str]]:
    """The keys of cells by situation; situations of the same rows stand together."""
    by_rows: dict[tuple[object, ...], dict[Situation, list[str]]] = {}
    for key, cell in cells.items():
        situation = Situation.of(cell)
        by_rows.setdefault(situation.rows, {}).setdefault(situation, []).append(key)
    return {situation: keys for together in by_rows.values() for situation, keys in together.items()}


def _waves(calls: Iterator[Call], workers: Crew) -> Iterator[list[Call]]:
    """Calls that are made together; one by one where nobody is waiting for the next."""
    wave: list[Call] = []
    travelling: dict[str, int] = {}
    for call in calls:
        wave.append(call)
        if workers.parallel is not None:
            travelling.update({parcel.token: parcel.packed.nbytes for parcel in call.shared})
        full = len(wave) >= _CALLS_PER_WORKER * workers.size or sum(travelling.values()) >= _TRAVELLING
        if full or workers.parallel is None:
            yield wave
            wave, travelling = [], {}
    if wave:
        yield wave
