"""What lm-evaluation-harness and lmms-eval have in common: a folder per model, files of samples and of results.

A run writes one file of samples per task and one file of results, all with the run's date in their names. The
results state the model's name and the means: `results.<task>."<metric>,<filter>"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_core.logs.log_files import found, json_document

if TYPE_CHECKING:
    from mmr_core.logs import LogSource

_UNSAFE = re.compile(r"[\"<>:/\\|?*\[\]]+")


@dataclass(frozen=True, kw_only=True)
class SampleFile:
    """A file of samples: its task and the date of its run, both from its name."""

    path: Path
    task: str
    run: str


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean that a file of results states."""

    task: str
    metric: str
    filter: str
    value: float


class Runs:
    """The runs under a path.

    :param samples: the names of files of samples, with groups `task` and `run`.
    :param results: the names of files of results, with a group `run`.
    """

    def __init__(self, samples: str, results: str) -> None:
        self._samples = re.compile(samples)
        self._results = re.compile(results)
        self._named: dict[tuple[Path, str], str] = {}

    def files(self, path: Path) -> list[Path]:
        """The files of samples."""
        return [file for file in found(path, "*samples_*.jsonl") if self._samples.fullmatch(file.name)]

    def sample_file(self, path: Path) -> SampleFile:
        """What a file's name says of it."""
        named = self._samples.fullmatch(path.name)
        if named is None:
            raise DataError("is not named like a file of samples")
        return SampleFile(path=path, task=named["task"], run=named["run"])

    def model(self, file: SampleFile) -> str:
        """The name of the model of a run: as its results state it, made safe for a folder; else the folder's name."""
        key = file.path.parent, file.run
        if key not in self._named:
            self._named[key] = self._stated(*key) or file.path.resolve().parent.name
        return self._named[key]

    def results(self, source: LogSource) -> Iterator[tuple[Path, str, dict[str, Any]]]:
        """The readable files of results with their runs; others are faults."""
        root = source.path if source.path.is_dir() else source.path.parent
        for file in found(root, "*.json"):
            named = self._results.fullmatch(file.name)
            if named is None:
                continue
            try:
                content = json_document(file)
            except DataError as error:
                source.fault(file, error)
                continue
            if isinstance(content, dict) and isinstance(content.get("results"), dict):
                yield file, named["run"], content
            else:
                source.fault(file, "has no 'results'")

    def _stated(self, folder: Path, run: str) -> str:
        for file in sorted(folder.glob(f"*{run}*.json")):
            named = self._results.fullmatch(file.name)
            if named is not None and named["run"] == run:
                try:
                    content = json_document(file)
                except DataError:
                    return ""
                stated = content.get("model_name") if isinstance(content, dict) else None
                return _UNSAFE.sub("__", stated) if isinstance(stated, str) else ""
        return ""


def means_in(results: Mapping[str, Any]) -> Iterator[Mean]:
    """The means that a file of results states; standard errors and what is not a number are left out."""
    for task, stated in results["results"].items():
        if not isinstance(stated, dict):
            continue
        for key, value in stated.items():
            metric, comma, filter_name = key.partition(",")
            if comma and not metric.endswith("_stderr") and is_number(value):
                yield Mean(task=task, metric=metric, filter=filter_name, value=float(value))


def is_number(value: object) -> bool:
    """Whether a JSON value can be a score: true and false are 1 and 0."""
    return isinstance(value, (bool, int, float)) and value == value


def first_text(value: object) -> str | None:
    """The first text in lists within lists, as answers of models are written; None if it is something else."""
    while isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else None


def sniffs(path: Path, fits: Callable[[Path], object]) -> bool:
    """Whether a path has a file that fits; a path that cannot be looked at has none."""
    try:
        return any(fits(file) for file in found(path, "*.jsonl"))
    except OSError:
        return False
