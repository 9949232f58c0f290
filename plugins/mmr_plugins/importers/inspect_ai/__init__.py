"""The importer of logs of inspect_ai: `.json` by hand, `.eval` through the package itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError, MissingExtraError
from mmr_core.logs import Aggregate, LogImporter, LogSource, Question, Record, Records, canonical_id, gather
from mmr_plugins.importers.amounts import number
from mmr_plugins.importers.inspect_ai.logs import Log, begins_right, logs_under, read_header, read_log
from mmr_plugins.importers.inspect_ai.samples import (
    ANSWERED,
    ERROR,
    asked,
    became,
    category_of,
    completion,
    utilities,
    wanted_answer,
)
from mmr_plugins.importers.inspect_ai.usage import Usage, spent_by_candidate

if TYPE_CHECKING:
    from pathlib import Path

_MEANS = ("accuracy", "mean")


class InspectAIImporter(LogImporter):
    """Reads a folder of logs, or one log.

    A task is a dataset, without the package that it comes from; a run is the date and id of an evaluation; epochs
    are attempts; where a scorer gives several values, each is a metric. Only logs with status `success` count.
    Tokens and costs are those of the model under evaluation; where a grader of the same name spent some too, nobody
    can part them, and they are unknown.
    """

    kit = "inspect_ai"

    def sniff(self, path: Path) -> bool:
        """Whether a file begins as a log does."""
        try:
            return any(begins_right(file) for file in logs_under(path))
        except OSError:
            return False

    def files(self, source: LogSource) -> Sequence[Path]:
        """The logs."""
        return [file for file in logs_under(source.path) if file == source.path or begins_right(file)]

    def questions(self, source: LogSource) -> Iterable[Question]:
        """Nothing is open.

        :raises MissingExtraError: if there are `.eval` logs and inspect_ai is not installed.
        """
        if any(file.suffix == ".eval" for file in self.files(source)) and find_spec("inspect_ai") is None:
            raise MissingExtraError(
                "logs with the ending .eval need inspect_ai", fix="pip install 'mmr-bench[inspect]'"
            )
        return ()

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per sample, epoch, scorer and metric.

        :raises DataError: if the file is no log, or one of an evaluation that was not finished.
        """
        return gather(file, _records(file, source))

    def aggregates(self, source: LogSource) -> Iterable[Aggregate]:
        """The accuracies and means over single epochs, and over all where attempts are averaged."""
        for file in self.files(source):
            try:
                log = read_header(file)
            except DataError:
                continue  # Reading its records said what is wrong with it.
            for score in log.scores:
                yield from _means(log, score, source.name_of(file))


def _means(log: Log, score: dict[str, Any], name: str) -> Iterator[Aggregate]:
    metrics = score.get("metrics")
    if score.get("reducer") not in (None, "mean") or not isinstance(metrics, dict):
        return
    for metric in _MEANS:
        stated = metrics.get(metric)
        value = number(stated.get("value")) if isinstance(stated, dict) else None
        if value is not None and 0 <= value <= 1:
            own, scorer = str(score.get("name", "")), str(score.get("scorer") or score.get("name", ""))
            yield Aggregate(
                dataset=log.dataset,
                model=log.model,
                value=value,
                source=name,
                run=log.run,
                scorer=scorer,
                metric="" if own == scorer else own,
            )
            return


def _records(file: Path, source: LogSource) -> Iterator[Record]:
    """The records of the samples with scores; then those of the others, as of every scorer that scored some."""
    log, samples = read_log(file)
    scorers: dict[tuple[str, str], None] = {}
    unscored: list[Record] = []
    for row, sample in enumerate(samples, start=1):
        try:
            record, values = _read_sample(log, sample, row, source)
        except DataError as error:
            source.fault(file, error, row=row)
            continue
        if not values:
            unscored.append(record)
        for (scorer, metric), utility in values.items():
            scorers[scorer, metric] = None
            status = "unscored" if utility is None and record.status in ANSWERED else record.status
            yield record._replace(scorer=scorer, metric=metric, utility=utility, status=status)
    for record in unscored:
        status = "unscored" if record.status in ANSWERED else record.status
        for scorer, metric in scorers or {("", ""): None}:
            yield record._replace(scorer=scorer, metric=metric, status=status)


def _read_sample(
    log: Log, sample: object, row: int, source: LogSource
) -> tuple[Record, dict[tuple[str, str], float | None]]:
    """What all scores of a sample have in common, and its scores by scorer and metric."""
    if not isinstance(sample, dict):
        raise DataError(f"is a JSON {type(sample).__name__}, not a sample")
    epoch = sample.get("epoch", 1)
    if not isinstance(epoch, int) or epoch < 1:
        raise DataError(f"the epoch {epoch!r} is no number of an attempt")
    answer = completion(sample)
    status = became(sample, answer)
    usage = Usage() if log.grades_itself else spent_by_candidate(sample.get("model_usage"), log.model)
    record = Record(
        dataset=log.dataset,
        model=log.model,
        instance=canonical_id(sample.get("id")),
        judge=log.grader,
        run=log.run,
        repeat=epoch,
        status=status,
        **usage.amounts(failed=status == ERROR),
        question=asked(sample),
        answer=wanted_answer(sample),
        category=category_of(sample),
        response=answer if source.responses else None,
        row=row,
    )
    return record, utilities(sample.get("scores"))
