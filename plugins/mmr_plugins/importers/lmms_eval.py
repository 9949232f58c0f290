"""The importer of sample logs of lmms-eval (`--log_samples`).

`<out>/<model>/<date>_samples_<task>.jsonl` has a line per sample: `doc_id`, `input`, `target`, `filtered_resps`,
`resps` where they differ from those, `token_counts`, and the metrics at top level. `<date>_results.json` has the means.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_core.logs import Aggregate, LogImporter, LogSource, Record, Records, canonical_id, gather
from mmr_core.logs.log_files import json_lines
from mmr_plugins.importers.harness import Runs, first_text, is_number, means_in, sniffs

if TYPE_CHECKING:
    from pathlib import Path

    from mmr_plugins.importers.harness import SampleFile


_NO_METRICS = frozenset(
    {"doc_id", "input", "target", "filtered_resps", "resps", "token_counts", "doc_hash", "submission", "doc"}
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """How the samples of a task are to be read.

    :param metric: the field at top level that has the score.
    :param score: from that field's value to a number, or to None where there is none.
    :param native: from a sample to its id; None where it is `doc_id`.
    :param prompt: the task's own name, where several tasks ask the same questions in other ways.
    """

    dataset: str
    metric: str
    score: Callable[[Any], object]
    native: Callable[[Mapping[str, Any]], object] | None = None
    prompt: str = ""


def _within(name: str) -> Callable[[Any], object]:
    return lambda value: value.get(name) if isinstance(value, dict) else None


def _id_in(outer: str, inner: str) -> Callable[[Mapping[str, Any]], object]:
    return lambda sample: _within(inner)(sample.get(outer))


def _same_choice(value: Any) -> object:
    """Whether prediction and answer are one letter, as the kit compares them."""
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in ("pred", "answer")):
        return None
    return bool(value["pred"].lower().strip() == value["answer"].lower().strip())


def _first_score(value: Any) -> object:
    scores = _within("scores")(value)
    return scores[0] if isinstance(scores, list) and scores else None


def _plain(value: Any) -> object:
    return value


_TASKS = {
    "mmstar": Task(dataset="mmstar", metric="average", score=_within("score"), native=_id_in("average", "question_id")),
    "realworldqa": Task(dataset="realworldqa", metric="exact_match", score=_plain),
    "ocrbench": Task(dataset="ocrbench", metric="ocrbench_accuracy", score=_within("score")),
    "seedbench_2_plus": Task(
        dataset="seedbench_2_plus",
        metric="seedbench_2_plus_all",
        score=_same_choice,
        native=_id_in("seedbench_2_plus_all", "question_id"),
    ),
    "mathverse_testmini_vision_only": Task(
        dataset="mathverse_testmini_vision_only",
        metric="gpt_eval_score",
        score=_plain,
        native=_id_in("submission", "sample_index"),
    ),
    "mathvision_test": Task(dataset="mathvision_test", metric="mathvision_standard_eval", score=_first_score),
    "mathvision_testmini": Task(dataset="mathvision_testmini", metric="mathvision_standard_eval", score=_first_score),
    **{
        f"mathvista_testmini_{prompt}": Task(
            dataset="mathvista_testmini",
            metric="llm_as_judge_eval",
            score=_within("true_false"),
            native=_id_in("llm_as_judge_eval", "question_id"),
            prompt=f"mathvista_testmini_{prompt}",
        )
        for prompt in ("cot", "solution", "format")
    },
}


def known(task: str) -> Task | None:
    """How a task is read, or None where it is read plainly."""
    return _TASKS.get(task)


def plain_metrics(sample: Mapping[str, Any]) -> dict[str, object]:
    """The scores of a sample of a task that is not known."""
    metrics: dict[str, object] = {}
    for name, value in sample.items():
        score = value.get("score") if isinstance(value, dict) else value
        if name not in _NO_METRICS and is_number(score):
            metrics[name] = score
    return metrics


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens of all requests of a sample; None where a request does not say."""

    input: float | None
    output: float | None
    reasoning: float | None
    source: str


def tokens_of(counts: object) -> Tokens:
    """The counts of a sample, summed over its requests."""
    requests = counts if isinstance(counts, list) else [counts]
    totals = {name: _total(requests, name) for name in ("input_tokens", "output_tokens", "reasoning_tokens")}
    both = totals["input_tokens"] is not None and totals["output_tokens"] is not None
    return Tokens(
        input=totals["input_tokens"],
        output=totals["output_tokens"],
        reasoning=totals["reasoning_tokens"],
        source="reported" if both else "unknown",
    )


def _total(requests: list[Any], name: str) -> float | None:
    values: list[Any] = [request.get(name) if isinstance(request, dict) else None for request in requests]
    if not values or not all(type(value) in (int, float) for value in values):
        return None
    return float(sum(values))


_DATE = r"(?P<run>\d{8}_\d{6})"
_SAMPLES = rf"{_DATE}_samples_(?P<task>.+)\.jsonl"
_RESULTS = rf"{_DATE}_results\.json"
_NO_ANSWER = "[LMMS_EVAL_BUDGET_EXCEEDED]"
_ID_FIRST = re.compile(rb'\s*\{"doc_id": ?("?[^",}]+"?)[,}]')
_CATEGORIES = ("l2_category", "category", "subject", "question_type")
_PERCENT_STEP = 1e-4


class LMMSEvalImporter(LogImporter):
    """Reads an output folder of the kit, one model's folder in it, or one file of samples.

    Ids are the datasets' own where a task logs them (MMStar, SEED-Bench-2-Plus, MathVista, MathVerse), and else
    `doc_id`. Where a file has several lines for one id, which the kit writes for several filters without naming
    them, they are told apart as filters `line-1`, `line-2` in the order of the file. A judge that fails is logged as
    a wrong answer, and cannot be told from one.
    """

    kit = "lmms-eval"

    def __init__(self) -> None:
        self._runs = Runs(_SAMPLES, _RESULTS)

    def sniff(self, path: Path) -> bool:
        """Whether there is a file named `<date>_samples_<task>.jsonl`."""
        return sniffs(path, self._runs.files)

    def files(self, source: LogSource) -> Sequence[Path]:
        """The files of samples."""
        return self._runs.files(source.path)

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per sample, of the metric that counts; of every metric where the task is not known."""
        samples = self._runs.sample_file(file)
        return gather(file, _records(samples, self._runs.model(samples), source))

    def aggregates(self, source: LogSource) -> Iterable[Aggregate]:
        """The means in the files of results; those above 1 are in percent, with two decimals."""
        runs = self._runs
        models = {(file.parent, runs.sample_file(file).run): file for file in runs.files(source.path)}
        for file, run, content in runs.results(source):
            if (file.parent, run) not in models:
                continue
            model = runs.model(runs.sample_file(models[file.parent, run]))
            means = list(means_in(content))
            filters = Counter((mean.task, mean.metric) for mean in means)
            for mean in means:
                task = known(mean.task)
                if task is not None and mean.metric != task.metric:
                    continue
                percent = mean.value > 1
                yield Aggregate(
                    dataset=mean.task if task is None else task.dataset,
                    model=model,
                    value=mean.value / 100 if percent else mean.value,
                    tolerance=_PERCENT_STEP if percent else 1e-3,
                    source=source.name_of(file),
                    run=run,
                    # Samples do not name their filters, so a mean of one of several is of none of them.
                    filter=mean.filter if filters[mean.task, mean.metric] > 1 else None,
                    metric=mean.metric,
                    scorer="" if task is None else task.prompt,
                )


def _records(file: SampleFile, model: str, source: LogSource) -> Iterator[Record]:
    task = known(file.task)
    times: Counter[str] = Counter()
    several = _has_several_lines_per_id(file.path)
    for row, sample in json_lines(file.path, source):
        try:
            number = canonical_id(sample.get("doc_id"))
            native = number if task is None or task.native is None else _own_id(sample, task)
            scores = plain_metrics(sample) if task is None else {task.metric: task.score(sample.get(task.metric))}
            if not scores:
                raise DataError("has no metric")
        except DataError as error:
            source.fault(file.path, error, row=row)
            continue
        times[number] += several
        answer = first_text(sample.get("resps", sample.get("filtered_resps")))
        tokens = tokens_of(sample.get("token_counts"))
        for metric, score in scores.items():
            utility = float(score) if is_number(score) else None  # type: ignore[arg-type]
            yield Record(
                dataset=file.task if task is None else task.dataset,
                model=model,
                instance=native,
                utility=utility,
                metric=metric,
                scorer="" if task is None else task.prompt,
                filter=f"line-{times[number]}" if several else "",
                run=file.run,
                status=_status(answer, utility),
                input_tokens=tokens.input,
                output_tokens=tokens.output,
                reasoning_tokens=tokens.reasoning,
                token_source=tokens.source,
                question=str(sample.get("input") or ""),
                answer=str(sample.get("target", "")),
                category=_category(sample.get(metric)),
                response=answer if source.responses else None,
                row=row,
            )


def _own_id(sample: Mapping[str, Any], task: Task) -> str:
    assert task.native is not None
    native = task.native(sample)
    if native is None:
        raise DataError(f"has no id of the dataset beside {task.metric!r}")
    return canonical_id(native)


def _status(answer: str | None, utility: float | None) -> str:
    if answer is not None and _NO_ANSWER in answer:
        return "infer_failed"
    if utility is None:
        return "unscored"
    return "empty" if answer is not None and not answer.strip() else "ok"


def _category(value: object) -> str:
    if isinstance(value, dict):
        return next((value[name] for name in _CATEGORIES if isinstance(value.get(name), str)), "")
    return ""


def _has_several_lines_per_id(file: Path) -> bool:
    seen: set[bytes] = set()
    with file.open("rb") as lines:
        for line in lines:
            found = _ID_FIRST.match(line)
            if found is not None:
                if found[1] in seen:
                    return True
                seen.add(found[1])
    return False
