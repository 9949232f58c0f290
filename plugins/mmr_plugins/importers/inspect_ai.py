"""The importer of logs of inspect_ai: `.json` by hand, `.eval` through the package itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError, MissingExtraError
from mmr_core.logs import Aggregate, LogImporter, LogSource, Question, Record, Records, canonical_id, gather
from mmr_plugins.importers.inspect_ai_logs import Log, begins_right, logs_under, read_header, read_log
from mmr_plugins.importers.log_fields import counted, number, paid

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens and cost; None where they are not known.

    :param input_tokens: without those read from a cache; those written to one are new and counted in.
    """

    input_tokens: float | None = None
    cached_tokens: float | None = None
    output_tokens: float | None = None
    reasoning_tokens: float | None = None
    cost: float | None = None

    def amounts(self, *, failed: bool) -> dict[str, Any]:
        """The fields of a record; nothing is known of a failed sample, whose answer was not completed."""
        usage = Usage() if failed else self
        counts = {**vars(usage)}
        known = usage.input_tokens is not None or usage.output_tokens is not None
        return {**counts, "token_source": "reported" if known else "unknown"}


def spent_by_candidate(usage: object, model: str) -> Usage:
    """The usage of one model out of `model_usage`, which has graders too."""
    own = usage.get(model) if isinstance(usage, dict) else None
    if not isinstance(own, dict):
        return Usage()
    asked, written = counted(own.get("input_tokens"), own.get("output_tokens"))
    stored = number(own.get("input_tokens_cache_write"))
    return Usage(
        input_tokens=asked if asked is None else asked + (stored or 0.0),
        cached_tokens=number(own.get("input_tokens_cache_read")),
        output_tokens=written,
        reasoning_tokens=number(own.get("reasoning_tokens")),
        cost=paid(own.get("total_cost")),
    )


Sample = Mapping[str, Any]
ERROR, ANSWERED = "infer_failed", frozenset({"ok", "empty"})
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_CUT = frozenset({"max_tokens", "model_length"})
_ATTACHMENT = "attachment://"
_CATEGORIES = ("category", "subject", "topic")


def utilities(scores: object) -> dict[tuple[str, str], float | None]:
    """The values of all scores by scorer and metric; the metric is "" where a scorer gives one value."""
    values: dict[tuple[str, str], float | None] = {}
    for scorer, score in scores.items() if isinstance(scores, dict) else ():
        value = score.get("value") if isinstance(score, dict) else None
        parts = value if isinstance(value, dict) else {"": value}
        values.update({(str(scorer), str(metric)): grade(part) for metric, part in parts.items()})
    return values


def grade(value: object) -> float | None:
    """A score as a number: C, P, I and N are 1, 0.5, 0 and 0; None for NaN and whatever is not a number."""
    if isinstance(value, str):
        text = value.strip()
        known = _GRADES.get(text, _WORDS.get(text.lower()))
        if known is not None:
            return known
        try:
            value = float(text)
        except ValueError:
            return None
    if isinstance(value, (bool, int, float)) and not math.isnan(value):
        return float(value)
    return None


def became(sample: Sample, answer: str) -> str:
    """The word for what became of a sample before it was scored: it failed, was cut short, or was answered."""
    if sample.get("error"):
        return ERROR
    if sample.get("limit") or _first_choice(sample).get("stop_reason") in _CUT:
        return "truncated"
    return "ok" if answer.strip() else "empty"


def asked(sample: Sample) -> str:
    """The last thing that the user said before the model answered."""
    given = sample.get("input")
    if isinstance(given, list):
        said = [turn for turn in given if isinstance(turn, dict) and turn.get("role") == "user"]
        return _text(said[-1].get("content"), sample) if said else ""
    return _text(given, sample)


def wanted_answer(sample: Sample) -> str:
    """The target; several are put side by side."""
    target = sample.get("target")
    if isinstance(target, list):
        return ", ".join(_text(one, sample) for one in target)
    return _text(target, sample)


def completion(sample: Sample) -> str:
    """What the model answered."""
    output = sample.get("output")
    stated = output.get("completion") if isinstance(output, dict) else None
    if isinstance(stated, str) and stated:
        return _text(stated, sample)
    message = _first_choice(sample).get("message")
    return _text(message.get("content"), sample) if isinstance(message, dict) else ""


def category_of(sample: Sample) -> str:
    """The category that the task put into the sample's metadata; "" where there is none."""
    metadata = sample.get("metadata")
    if not isinstance(metadata, dict):
        return ""
    return next((metadata[name] for name in _CATEGORIES if isinstance(metadata.get(name), str)), "")


def _first_choice(sample: Sample) -> Mapping[str, Any]:
    output = sample.get("output")
    choices = output.get("choices") if isinstance(output, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _text(value: object, sample: Sample) -> str:
    """A text, or the texts of a message's parts; long ones are kept apart from where they are said."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text"]
        return "\n".join(_text(part, sample) for part in parts)
    if not isinstance(value, str):
        return ""
    attachments = sample.get("attachments")
    if value.startswith(_ATTACHMENT) and isinstance(attachments, dict):
        kept = attachments.get(value.removeprefix(_ATTACHMENT))
        return kept if isinstance(kept, str) else value
    return value


_MEANS = ("accuracy", "mean")


class InspectAIImporter(LogImporter):
    """Reads a folder of logs, or one log.

    A task is a dataset, without the package that it comes from; a run is the date and id of an evaluation; epochs
    are attempts; where a scorer gives several values, each is a metric. Only logs with status `success` count.
    Tokens and costs are those of the model under evaluation; where a grader of the same name spent some too, the two
    cannot be separated, and they are unknown.
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

        :raises DataError: if the file is not a log, or one of an evaluation that was not finished.
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
        raise DataError(f"the epoch {epoch!r} is not the number of an attempt")
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
