"""The importer of work directories of VLMEvalKit.

`<work-dir>/<model>/<eval_id>/<model>_<dataset>.xlsx` has the answers; files beside it, named after the judge, say
which are right. The kit counts no tokens, so costs stay unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import ClassVar

from mmr_core.errors import DataError, MissingExtraError, UsageError
from mmr_core.logs import Aggregate, LogImporter, LogSource, Question, Record, Records, canonical_id, gather
from mmr_plugins.importers.vlmevalkit.equality import can_compare
from mmr_plugins.importers.vlmevalkit.layout import MATHVISION, PART_JUDGED, Sheet, looks_right, sheets_under
from mmr_plugins.importers.vlmevalkit.means import stated_means
from mmr_plugins.importers.vlmevalkit.pictures import picture
from mmr_plugins.importers.vlmevalkit.rotations import Rotations
from mmr_plugins.importers.vlmevalkit.scoring import CORRECTNESS, RULE, STORED, UNKNOWN, Scoring, scoring_of
from mmr_plugins.importers.vlmevalkit.statuses import became
from mmr_plugins.importers.vlmevalkit.tables import Row, as_text, columns_of, is_cut, rows_of

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
        self._sheets: dict[Path, Sheet] = {}

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
        :raises UsageError: if the folder of images is none.
        """
        folder = source.settings.get(LMUDATA)
        if folder is not None and not (Path(folder) / "images").is_dir():
            raise UsageError(
                f"{folder!r} has no folder 'images'", where=f"--select {LMUDATA}", fix="give the kit's folder LMUData"
            )
        wanted = source.settings.get(CORRECTNESS)
        if wanted == RULE and not can_compare():
            raise MissingExtraError(
                "the kit's rule for MathVision needs latex2sympy2, which needs a Python before 3.13",
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


def _records(sheet: Sheet, source: LogSource) -> Iterator[Record]:
    rows = rows_of(sheet.path, source)
    first = next(rows, None)
    if first is None:
        raise DataError("has no rows")
    lacking = [name for name in ("index", "prediction") if name not in first[1]]
    if lacking:
        raise DataError(f"has no column {lacking[0]!r}")
    scoring = scoring_of(sheet, list(first[1]), source.settings)
    if not scoring.known:
        source.fault(sheet.path, "does not say which answers are right, so they stay unscored")
    rotations = Rotations()
    for number, row in chain([first], rows):
        try:
            yield _record(sheet, scoring, rotations, number, row, source)
        except DataError as error:
            source.fault(sheet.path, error, row=number)


def _record(sheet: Sheet, scoring: Scoring, rotations: Rotations, number: int, row: Row, source: LogSource) -> Record:
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
