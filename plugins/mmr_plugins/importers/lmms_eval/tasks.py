"""Where the tasks of lmms-eval keep the score and the id of a sample.

A task that is not listed is read plainly: every number at top level, and every object there with a `score`, is a
metric, and the id is `doc_id`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mmr_plugins.importers.harness import is_number

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
