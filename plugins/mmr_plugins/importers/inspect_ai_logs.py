"""Whole logs of inspect_ai: what their headers say, and their samples one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_core.logs.log_files import found, json_document

if TYPE_CHECKING:
    from pathlib import Path

_BEGINNING = re.compile(rb'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:')
_ZIP = b"PK"
_GRADERS = frozenset({"model_graded_qa", "model_graded_fact"})
_HEAD = 256


@dataclass(frozen=True, kw_only=True)
class Log:
    """The header of a log.

    :param grader: the model in the role of a grader; "" where none is named.
    :param grades_itself: whether the model under evaluation may have spent tokens on grading.
    :param scores: the kit's results, one per scorer, value and reducer.
    """

    dataset: str
    model: str
    run: str
    grader: str
    grades_itself: bool
    scores: Sequence[dict[str, Any]]


def logs_under(path: Path) -> list[Path]:
    """The files that may be logs, by their endings."""
    return sorted(file for ending in ("json", "eval") for file in found(path, f"*.{ending}"))


def begins_right(file: Path) -> bool:
    """Whether the first bytes of a file are those of a log."""
    with file.open("rb") as content:
        head = content.read(_HEAD)
    return head.startswith(_ZIP) if file.suffix == ".eval" else _BEGINNING.match(head) is not None


def read_header(file: Path) -> Log:
    """What a log says of itself.

    :raises DataError: if the file is not a log, or one of an evaluation that was not finished.
    """
    return read_log(file)[0] if file.suffix == ".json" else _header_of(_packed_header(file))


def read_log(file: Path) -> tuple[Log, Iterable[object]]:
    """A log's header, and its samples as JSON has them.

    :raises DataError: if the file is not a log, or one of an evaluation that was not finished.
    """
    if file.suffix == ".eval":
        return _header_of(_packed_header(file)), _packed_samples(file)
    content = json_document(file)
    if not isinstance(content, dict):
        raise DataError("is not a log")
    log, samples = _header_of(content), content.get("samples")
    if not isinstance(samples, list):
        raise DataError("has no samples: the evaluation was set to keep none")
    return log, samples


def _packed_header(file: Path) -> dict[str, Any]:
    from inspect_ai.log import read_eval_log

    try:
        header = read_eval_log(str(file), header_only=True)
    except Exception as error:  # The package raises whatever a broken archive leads to.
        raise DataError(f"is not a log, or was cut short ({type(error).__name__}: {error})") from None
    return dict(json.loads(header.model_dump_json()))


def _packed_samples(file: Path) -> Iterator[object]:
    from inspect_ai.log import read_eval_log_samples

    unread = {"events", "store", "timelines", "sandbox", "files"}
    for sample in read_eval_log_samples(str(file), all_samples_required=False):
        yield json.loads(sample.model_dump_json(exclude=unread))


def _header_of(content: dict[str, Any]) -> Log:
    evaluation = content.get("eval")
    if not isinstance(evaluation, dict):
        raise DataError("has no 'eval'")
    if content.get("status") != "success":
        raise DataError(f"was not finished: its status is {content.get('status')!r}")
    task, model = evaluation.get("task"), evaluation.get("model")
    if not (isinstance(task, str) and task and isinstance(model, str) and model):
        raise DataError("does not say its task and model")
    results = content.get("results")
    scores = results.get("scores") if isinstance(results, dict) else None
    scores = [score for score in scores if isinstance(score, dict)] if isinstance(scores, list) else []
    roles = _roles(evaluation)
    ids = [evaluation.get(name) for name in ("created", "eval_id", "run_id", "task_id")]
    return Log(
        dataset=task.rpartition("/")[2] or task,
        model=model,
        run="_".join([text for text in ids if isinstance(text, str) and text][:2]),
        grader=roles.get("grader", ""),
        grades_itself=model in roles.values() or any(_is_graded_by(model, roles, score) for score in scores),
        scores=scores,
    )


def _roles(evaluation: dict[str, Any]) -> dict[str, str]:
    """The models in other roles than that under evaluation, by role."""
    stated = evaluation.get("model_roles")
    roles = {}
    for role, given in stated.items() if isinstance(stated, dict) else ():
        name = given.get("model") if isinstance(given, dict) else given
        if isinstance(name, str):
            roles[str(role)] = name
    return roles


def _is_graded_by(model: str, roles: dict[str, str], score: dict[str, Any]) -> bool:
    """Whether a scorer of the package asked the model itself: as it does where no other grader is named."""
    if str(score.get("scorer", "")).rpartition("/")[2] not in _GRADERS:
        return False
    given = score.get("params")
    named = given.get("model") if isinstance(given, dict) else None
    if isinstance(named, list):
        return model in named
    return named == model if isinstance(named, str) else "grader" not in roles
