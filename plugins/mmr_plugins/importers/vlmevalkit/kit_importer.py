"""The importer of work directories of VLMEvalKit.

`<work-dir>/<model>/<eval_id>/<model>_<dataset>.xlsx` has the answers; files beside it, named after the judge, say
which are right. The kit counts no tokens, so costs stay unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mmr_core.errors import DataError, MissingExtraError, UsageError
from mmr_core.logs import Aggregate, LogImporter, LogSource, Question, Record, Records, canonical_id, gather
from mmr_core.logs.log_files import json_document, table_rows
from mmr_plugins.importers.vlmevalkit.kit_files import (
    MATHVISION,
    OCRBENCH,
    PART_ANSWERS,
    PART_JUDGED,
    PART_RESULT,
    PART_SCORE,
    KitSheet,
    Row,
    as_text,
    columns_of,
    is_cut,
    looks_right,
    rows_of,
    sheets_under,
)
from mmr_plugins.importers.vlmevalkit.scoring_rules import (
    CORRECTNESS,
    RULE,
    STORED,
    UNKNOWN,
    Scoring,
    can_compare,
    scoring_of,
)

if TYPE_CHECKING:
    from mmr_core.logs import LogSource
    from mmr_plugins.importers.vlmevalkit.kit_files import Row


_ENDINGS = (".jpg", ".png", "_1.jpg", "_1.png")


def picture(folder: str, dataset: str, instance: str) -> str | None:
    """The path of an instance's image; None where the kit has none of its own for it."""
    if Path(instance).name != instance:
        return None
    place = Path(folder) / "images" / dataset
    return next((str(file) for ending in _ENDINGS if (file := place / f"{instance}{ending}").is_file()), None)


_STEP = 1_000_000


class Rotations:
    """The instances of one file, so far.

    Only an index whose g came before it is taken for a rotation: elsewhere large numbers are ids like any other.
    """

    def __init__(self) -> None:
        self._first: set[int] = set()

    def place(self, native: str) -> tuple[str, int]:
        """The instance that an index is about, and the number of the attempt at it, from 1."""
        if not (native.isascii() and native.isdigit()):
            return native, 1
        rotation, first = divmod(int(native), _STEP)
        if rotation and first in self._first:
            return str(first), rotation + 1
        if not rotation:
            self._first.add(first)
        return native, 1


_NO_ANSWER = "Failed to obtain answer"
_RANDOM = "randomly generate one"
_RETRIES = re.compile(r"All \d+ retries failed")
_LOGS = ("log", "log_extract", "log_score")


def became(row: Row, utility: float | None, *, cut: bool) -> str:
    """The word for a row's cell.

    :param cut: whether the answer lost its end in the file, so that a judge reading the file saw no more of it.
    """
    answer = as_text(row.get("prediction"))
    if _NO_ANSWER in answer:
        return "infer_failed"
    log = "\n".join(as_text(row.get(name)) for name in _LOGS)
    if _RANDOM in log:
        return "judge_random"
    if _RETRIES.search(log):
        return "judge_failed"
    if cut:
        return "truncated"
    if utility is None:
        return "unscored"
    return "ok" if answer.strip() else "empty"


_Rows = Sequence[Mapping[str, str]]
_PERCENT = 100.0


def stated_means(sheets: Sequence[KitSheet], source: LogSource) -> Iterator[Aggregate]:
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
    sheet: KitSheet, sheets: Sequence[KitSheet], source: LogSource
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


def _is_of(sheet: KitSheet, sheets: Sequence[KitSheet]) -> bool:
    """Whether `_acc.csv`, which every judge overwrites, is about this one."""
    if sheet.judge_of_means:
        return sheet.judge == sheet.judge_of_means
    return len([other for other in sheets if other.part == PART_RESULT and other.base == sheet.base]) == 1


def _of_accuracies(rows: _Rows) -> float | None:
    """A row per split, each with its overall mean; None for several splits, whose common mean is not stated."""
    return float(rows[0]["Overall"]) if len(rows) == 1 else None


def _of_subjects(rows: _Rows) -> float | None:
    """A row per subject, task or skill, with a mean in per cent; that of all is called Overall."""
    overall = [row for row in rows if "Overall" in (row.get("Subject"), row.get("Task&Skill"))]
    return float(overall[0]["acc"]) / _PERCENT if overall else None


def _of_versions(rows: _Rows) -> float | None:
    """The first row has the mean of all in per cent, the others have means by version and subject."""
    return float(rows[0]["accuracy"]) / _PERCENT if rows else None


def _of_points(scores: Any, sheet: KitSheet, source: LogSource) -> float | None:
    """OCRBench states how many answers are right, of as many as there are."""
    rows = sum(1 for _ in rows_of(sheet.path, source))
    return float(scores["Final Score"]) / rows if rows else None


LMUDATA = "lmudata"
_CATEGORIES = ("category", "task")


class VLMEvalKitImporter(LogImporter):
    """Reads a work directory, one model's folder, one run's folder, or one file.

    Runs are the folders named `T<date>...`; a file that lies in the model's own folder belongs to the run "". Links
    are left out: the kit links every result up into the model's folder. Judges are named as in the names of files,
    but `openai` and `gpt4` by the model that they stand for. In a circular evaluation (index = g + k * 1,000,000)
    the instance is g: where the file scores each rotation, rotation k is attempt k + 1; where it scores groups, the
    scorer says so.
    """

    kit = "VLMEvalKit"
    settings: ClassVar[Mapping[str, str]] = {
        CORRECTNESS: f"for extracted answers: a column of yours with 1 and 0, {RULE!r}, or {UNKNOWN!r}",
        LMUDATA: "the folder LMUData of the kit, where the images are",
    }

    def __init__(self) -> None:
        self._sheets: dict[Path, KitSheet] = {}

    def sniff(self, path: Path) -> bool:
        """Whether there is a spreadsheet or table named `<model>_...` in a folder of the model or of a run of it."""
        return looks_right(path)

    def files(self, source: LogSource) -> Sequence[Path]:
        """The files that say which answers are right; answers alone where there is none for a dataset."""
        self._sheets = {sheet.path: sheet for sheet in sheets_under(source.path)}
        return list(self._sheets)

    def questions(self, source: LogSource) -> Iterable[Question]:
        """How the extracted answers of MathVision are to be scored, where the kit did not store it.

        :raises MissingExtraError: if there are spreadsheets and openpyxl is not installed, or the kit's rule is asked
            for and latex2sympy2 is not.
        :raises UsageError: if the folder of images does not exist.
        """
        folder = source.settings.get(LMUDATA)
        if folder is not None and not (Path(folder) / "images").is_dir():
            raise UsageError(
                f"{folder!r} has no folder 'images'", where=f"--select {LMUDATA}", fix="give the kit's folder LMUData"
            )
        wanted = source.settings.get(CORRECTNESS)
        if wanted == RULE and not can_compare():
            raise MissingExtraError(
                "the kit's rule for MathVision needs latex2sympy2, which needs Python 3.12 or older",
                fix="pip install 'mmr-bench[mathvision]'",
            )
        files = self.files(source)
        if any(file.suffix == ".xlsx" for file in files) and find_spec("openpyxl") is None:
            raise MissingExtraError("spreadsheets need openpyxl", fix="pip install 'mmr-bench[vlmevalkit]'")
        if wanted is None:
            yield from self._open_question(files)

    def records(self, file: Path, source: LogSource) -> Iterator[Records]:
        """One record per row.

        :raises DataError: if the file has no column `index` or `prediction`, or lacks the column that was asked for.
        """
        if file not in self._sheets:
            self.files(source)
        return gather(file, _records(self._sheets[file], source))

    def aggregates(self, source: LogSource) -> Iterable[Aggregate]:
        """The means in `_acc.csv`, `_score.csv` and, for OCRBench, `_score.json`."""
        return stated_means(sheets_under(source.path), source)

    def _open_question(self, files: Iterable[Path]) -> Iterator[Question]:
        own: dict[str, str] = {}
        unsettled = 0
        for file in files:
            sheet = self._sheets[file]
            if sheet.part == PART_JUDGED and sheet.dataset.startswith(MATHVISION):
                try:
                    columns = columns_of(file)
                except DataError:
                    continue  # Reading it will say what is wrong with it.
                if not set(STORED) & set(columns):
                    unsettled += 1
                    behind = columns[columns.index("log") + 1 :] if "log" in columns else ()
                    own.update(dict.fromkeys(behind, "a column of the file"))
        if unsettled and not can_compare():
            yield Question(
                key=CORRECTNESS,
                candidates={
                    **own,
                    RULE: "the kit's own, with latex2sympy2: pip install 'mmr-bench[mathvision]'",
                    UNKNOWN: "leave these answers unscored",
                },
                why=f"{unsettled} files of MathVision have extracted answers, and nothing says which are right",
            )


def _records(sheet: KitSheet, source: LogSource) -> Iterator[Record]:
    rows = rows_of(sheet.path, source)
    first = next(rows, None)
    if first is None:
        raise DataError("has no rows")
    lacking = [name for name in ("index", "prediction") if name not in first[1]]
    if lacking:
        raise DataError(f"has no column {lacking[0]!r}")
    scoring = scoring_of(sheet, list(first[1]), source.settings)
    if not scoring.known:
        source.fault(sheet.path, "does not state which answers are correct, so they stay unscored")
    rotations = Rotations()
    for number, row in chain([first], rows):
        try:
            yield _record(sheet, scoring, rotations, number, row, source)
        except DataError as error:
            source.fault(sheet.path, error, row=number)


def _record(
    sheet: KitSheet, scoring: Scoring, rotations: Rotations, number: int, row: Row, source: LogSource
) -> Record:
    native = canonical_id(row["index"])
    utility = scoring.utility(row)
    instance, repeat = rotations.place(native)
    folder = source.settings.get(LMUDATA)
    return Record(
        dataset=sheet.dataset,
        model=sheet.model,
        instance=instance,
        native_id=native,
        utility=utility,
        metric="accuracy",
        scorer=scoring.name,
        judge=sheet.judge,
        run=sheet.run,
        repeat=repeat,
        status=became(row, utility, cut=is_cut(sheet.path, row["prediction"])),
        question=as_text(row.get("question")),
        answer=as_text(row.get("answer")),
        category=next((as_text(row[name]) for name in _CATEGORIES if row.get(name)), ""),
        image=None if folder is None else picture(folder, sheet.dataset, instance),
        response=as_text(row["prediction"]) if source.responses else None,
        row=number,
    )
