"""The means that the kit states beside its tables, where it is plain which table they are of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError
from mmr_core.logs import Aggregate
from mmr_core.logs.log_files import json_document, table_rows
from mmr_plugins.importers.vlmevalkit.layout import (
    OCRBENCH,
    PART_ANSWERS,
    PART_JUDGED,
    PART_RESULT,
    PART_SCORE,
    Sheet,
)
from mmr_plugins.importers.vlmevalkit.tables import rows_of

if TYPE_CHECKING:
    from mmr_core.logs import LogSource

_Rows = Sequence[Mapping[str, str]]
_PERCENT = 100.0


def stated_means(sheets: Sequence[Sheet], source: LogSource) -> Iterator[Aggregate]:
    """The means of the tables; a file of means that cannot be read is a fault."""
    for sheet in sheets:
        file, read = _file_of_means(sheet, sheets, source)
        if file is None or not file.is_file() or file.is_symlink():
            continue
        try:
            value = read(file)
        except (DataError, ValueError, KeyError, TypeError) as error:
            source.fault(file, f"has no mean that can be read: {error}")
            continue
        if value is not None and 0 <= value <= 1:
            yield Aggregate(
                dataset=sheet.dataset,
                model=sheet.model,
                value=value,
                source=source.name_of(file),
                run=sheet.run,
                judge=sheet.judge,
            )


def _file_of_means(
    sheet: Sheet, sheets: Sequence[Sheet], source: LogSource
) -> tuple[Path | None, Callable[[Path], float | None]]:
    def rows(file: Path) -> _Rows:
        return [row for _, row in table_rows(file, source)]

    def beside(ending: str) -> Path:
        return sheet.base.with_name(f"{sheet.base.name}{ending}")

    if sheet.part == PART_ANSWERS and sheet.dataset.startswith(OCRBENCH):
        return beside("_score.json"), lambda file: _of_points(json_document(file), sheet, source)
    if sheet.part == PART_RESULT and _is_of(sheet, sheets):
        return beside("_acc.csv"), lambda file: _of_accuracies(rows(file))
    if sheet.part == PART_JUDGED:
        return beside(f"_{sheet.judge_as_named}_score.csv"), lambda file: _of_subjects(rows(file))
    if sheet.part == PART_SCORE:
        return beside(f"_{sheet.judge_as_named}_score.csv"), lambda file: _of_versions(rows(file))
    return None, lambda file: None


def _is_of(sheet: Sheet, sheets: Sequence[Sheet]) -> bool:
    """Whether `_acc.csv`, which every judge overwrites, is about this one."""
    if sheet.judge_of_means:
        return sheet.judge == sheet.judge_of_means
    return len([other for other in sheets if other.part == PART_RESULT and other.base == sheet.base]) == 1


def _of_accuracies(rows: _Rows) -> float | None:
    """A row per split, each with its overall mean; of several splits there is no mean of all."""
    return float(rows[0]["Overall"]) if len(rows) == 1 else None


def _of_subjects(rows: _Rows) -> float | None:
    """A row per subject, task or skill, with a mean in per cent; that of all is called Overall."""
    overall = [row for row in rows if "Overall" in (row.get("Subject"), row.get("Task&Skill"))]
    return float(overall[0]["acc"]) / _PERCENT if overall else None


def _of_versions(rows: _Rows) -> float | None:
    """The first row has the mean of all in per cent, the others have means by version and subject."""
    return float(rows[0]["accuracy"]) / _PERCENT if rows else None


def _of_points(scores: Any, sheet: Sheet, source: LogSource) -> float | None:
    """OCRBench states how many answers are right, of as many as there are."""
    rows = sum(1 for _ in rows_of(sheet.path, source))
    return float(scores["Final Score"]) / rows if rows else None
