"""The one way from something to be measured to its outcome: known from an earlier run, or measured now and kept.

`mmr run`, `mmr savings`, studies and the leaderboard (for its reference rows; its routers are fitted in isolation) say
what they want as `Task`s; a `Runner` answers them. Here, and nowhere else, stands what happens to a router that raises
(its task fails, the others go on), to threads (one for each task, so that sums have one order whatever the number of
processes), to a process that dies (`runner.executor`), and to what is finished (`runner.cell_cache`). A task that
failed is tried again by the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from mmr_core.contracts import Progress
from mmr_core.errors import UsageError
from mmr_core.registry import Registry
from mmr_core.runner.cell_cache import CellCache
from mmr_core.runner.executor import Call, Executor, Parcel, executor
from mmr_core.runner.fingerprint import Digests, Fingerprints
from mmr_core.runner.fit import answer, pooled
from mmr_core.runner.measure import Yardsticks
from mmr_core.runner.measurement import Failure, Measurement, Reading
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import Parted, Prepared
from mmr_core.runner.references import is_reference

FINISHED = "cells"
"""The folder of the cache in which finished cells are kept, for all commands."""

_CALLS_PER_WORKER = 32
_TRAVELLING = 512 * 2**20
"""A wave of calls ends at so many calls, or bytes of what they share, so that memory does not grow with the grid."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """A column with what is measured with there: packed at most once, and digested once.

    :param column: a `Prepared`, or a `Parted` for references.
    :param yardsticks: the `Yardsticks` of the column that is tested.
    :param digests: what fingerprints are made of; None where nothing is kept.
    """

    column: Parcel[Parted]
    yardsticks: Parcel[Yardsticks]
    digests: Digests | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A measurement with what it is made on.

    :param key: its outcome comes back under it.
    :param fingerprint: names everything that goes into the outcome (`runner.fingerprint`); None: it is not kept.
    """

    key: str
    measurement: Measurement
    bench: Bench
    fingerprint: str | None = None


Pending = Task | tuple[str, Failure]
"""A task, or the key and the failure of what could not even be stated as one."""


class Runner:
    """Answers tasks from the cache or by measuring; made by `runner`.

    Attributes: `kept` counts the tasks that an earlier run had finished.
    """

    def __init__(
        self,
        workers: Executor,
        cache: CellCache | None,
        registry: Registry,
        fusion_parameters: Mapping[str, Mapping[str, Any]],
        *,
        fresh: bool,
    ) -> None:
        self._workers = workers
        self._cache = cache
        self._fresh = fresh
        self._common = Parcel((registry, fusion_parameters))
        self._fingerprints = Fingerprints(registry, fusion_parameters, cache)
        self.kept = 0

    def bench(self, column: Parcel[Parted], yardsticks: Parcel[Yardsticks]) -> Bench:
        """A column and its yardsticks, ready for measurements."""
        if self._cache is None:
            return Bench(column=column, yardsticks=yardsticks, digests=None)
        digests = self._fingerprints.digests(column.content, yardsticks.content)
        return Bench(column=column, yardsticks=yardsticks, digests=digests)

    def task(self, key: str, measurement: Measurement, bench: Bench) -> Pending:
        """The task of a measurement; a failure where its router or fusion cannot be loaded."""
        if bench.digests is None:
            return Task(key=key, measurement=measurement, bench=bench)
        try:
            fingerprint = self._fingerprints.of(measurement, bench.digests)
        except (Exception, SystemExit) as error:
            return key, Failure.of(error)
        return Task(key=key, measurement=measurement, bench=bench, fingerprint=fingerprint)

    def measure(self, bench: Bench, measurements: Sequence[Measurement], progress: Progress, what: str) -> list[Any]:
        """The outcome of each measurement on one column, in their order; errors are those of `outcomes`."""
        tasks = [self.task(str(at), each, bench) for at, each in enumerate(measurements)]
        found: dict[str, Any] = {}
        progress(what, 0, len(tasks))
        for key, outcome in self.outcomes(tasks, what):
            found[key] = outcome
            progress(what, len(found), len(tasks))
        return [found[str(at)] for at in range(len(tasks))]

    def references(self, bench: Bench, readings: Sequence[Reading], progress: Progress, what: str) -> list[Any]:
        """What each reading gives of the reference rows of a column, in their order.

        :raises RuntimeError: if one fails; no plugin has a part in them, so this is a defect of ours.
        """
        asked = [Measurement(router=None, reading=reading) for reading in readings]
        found = self.measure(bench, asked, progress, what)
        for outcome in found:
            if isinstance(outcome, Failure):
                raise RuntimeError(outcome.details)
        return found

    def known(self, fingerprint: str | None) -> Any:
        """What an earlier run kept; None where there is nothing."""
        if self._cache is None or fingerprint is None or self._fresh:
            return None
        outcome = self._cache.load(fingerprint)
        self.kept += outcome is not None
        return outcome

    def outcomes(self, tasks: Iterable[Pending], what: str) -> Iterator[tuple[str, Any]]:
        """Key and outcome of each task as it is done, a `Failure` where something was raised.

        :param what: what is being done, for messages.
        :raises PluginError: if a process dies; what was finished is kept.
        :raises MMRError: if the cache cannot be read or written.
        """
        waiting: list[Task] = []
        travelling: dict[str, int] = {}
        for task in tasks:
            if isinstance(task, tuple):
                yield task
                continue
            known = self.known(task.fingerprint)
            if known is not None:
                yield task.key, known
                continue
            waiting.append(task)
            if self._workers.travels:
                travelling.update(
                    {each.token: each.packed.nbytes for each in (task.bench.column, task.bench.yardsticks)}
                )
            full = len(waiting) >= _CALLS_PER_WORKER * self._workers.size or sum(travelling.values()) >= _TRAVELLING
            if full or not self._workers.travels:
                yield from self._measured(waiting, what)
                waiting, travelling = [], {}
        yield from self._measured(waiting, what)

    def _measured(self, tasks: Sequence[Task], what: str) -> Iterator[tuple[str, Any]]:
        fingerprints = {task.key: task.fingerprint for task in tasks}
        calls = [
            Call(key=task.key, own=task.measurement, shared=(task.bench.column, task.bench.yardsticks, self._common))
            for task in tasks
        ]
        for key, outcome in self._workers.work(attempt, calls, what):
            fingerprint = fingerprints[key]
            if self._cache is not None and fingerprint is not None and not isinstance(outcome, Failure):
                self._cache.store(fingerprint, outcome)
            yield key, outcome


@contextmanager
def runner(
    registry: Registry,
    fusion_parameters: Mapping[str, Mapping[str, Any]],
    *,
    jobs: int = 1,
    cluster: str | None = None,
    cache: Path | None = None,
    fresh: bool = False,
) -> Iterator[Runner]:
    """A runner for the time of the block.

    :param fusion_parameters: by fusion name, what it is made with.
    :param jobs: processes of this machine; no number depends on it.
    :param cluster: the address of a running Dask scheduler to use instead; nor on that.
    :param cache: a folder for finished cells; None measures everything and keeps nothing.
    :param fresh: measure everything, and keep it.
    :raises UsageError: if `jobs` or `cluster` cannot be used.
    """
    with executor(jobs, cluster) as workers:
        finished = None if cache is None else CellCache(cache)
        yield Runner(workers, finished, registry, fusion_parameters, fresh=fresh)


def attempt(
    measurement: Measurement,
    column: Parted,
    yardsticks: Yardsticks,
    common: tuple[Registry, Mapping[str, Mapping[str, Any]]],
) -> Any:
    """The outcome of a measurement; whatever it raises is a failure of this measurement alone."""
    try:
        return measured(measurement, column, yardsticks, *common)
    except (Exception, SystemExit) as error:
        return Failure.of(error)


def measured(
    measurement: Measurement,
    column: Parted,
    yardsticks: Yardsticks,
    registry: Registry,
    fusion_parameters: Mapping[str, Mapping[str, Any]],
) -> Any:
    """Fits a router, asks it, and reads the outcome; test outcomes meet its answers only after it has given them.

    :raises UsageError: if it has the name of a reference row.
    :raises Exception: whatever the router raises.
    """
    reading, name = measurement.reading, measurement.router
    if name is None:
        with threadpool_limits(limits=1):
            return reading.of_references(column, yardsticks)
    demand_no_reference(name)
    assert isinstance(column, Prepared)
    registry.routers.load(name)  # first, since only libraries that are loaded can be limited
    options = Options(fusion=measurement.fusion, fusion_parameters=fusion_parameters)
    entrants = [Entrant(name=name, parameters=parameters) for parameters in measurement.parameters]
    with threadpool_limits(limits=1):
        answers = [
            pooled([answer(column, each, seed, registry, options, validate=reading.validates) for each in entrants])
            for seed in measurement.seeds
        ]
        return reading.of_router(name, answers, column, yardsticks)


def demand_no_reference(name: str) -> None:
    """:raises UsageError: if a router has the name of a reference row."""
    if is_reference(name):
        raise UsageError(f"{name!r} is the name of a reference row", fix="use the router's full name")
