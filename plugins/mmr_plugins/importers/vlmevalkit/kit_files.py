"""The files of a work directory of VLMEvalKit: what their names say, and the rows of their tables.

A name is `<model>_<dataset>[_<judge>][_<ending>]`, and models, datasets and judges may all have underscores. The
model is known from the folder. Of the datasets that a name could begin with, the longest counts; the candidates come
from `status.json`, from the names that the kit is known to use, and from the files of answers in the folder.

Tables are spreadsheets, TSV, CSV, or JSON with a list of objects. Texts stay the texts they are: a cell "None", "N/A"
or "nan" is that text, and so is one that begins with "=", which some programs take for a formula. Spreadsheets are
streamed: a sheet is never in memory as a whole.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from mmr_core.errors import DataError
from mmr_core.logs import LogSource
from mmr_core.logs.log_files import found, json_document, table_rows

if TYPE_CHECKING:
    from pathlib import Path


Row = dict[str, Any]
SUFFIXES = (".xlsx", ".tsv", ".csv", ".json")
CELL_LIMIT = 32_767
"""How many characters a cell of a spreadsheet can have; longer texts lose their end when they are written."""
_DELIMITERS = {".tsv": "\t", ".csv": ","}


def rows_of(file: Path, source: LogSource) -> Iterator[tuple[int, Row]]:
    """The rows of a table by the names of its columns, each with its number (1 is below the header).

    :raises DataError: if the file is empty or not a table.
    """
    if file.suffix == ".xlsx":
        return _spreadsheet_rows(file)
    if file.suffix == ".json":
        return _object_rows(file, source)
    return table_rows(file, source, delimiter=_DELIMITERS[file.suffix])


def columns_of(file: Path) -> list[str]:
    """The names of a table's columns, in order; none if it has no rows.

    :raises DataError: if the file is empty or not a table.
    """
    rows = rows_of(file, LogSource(path=file))
    first = next(rows, None)
    return [] if first is None else list(first[1])


def as_text(value: object) -> str:
    """A cell as text: an empty one is "", a whole number has no point."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_cut(file: Path, value: object) -> bool:
    """Whether a text of a spreadsheet is as long as a cell can be, and so lost its end."""
    return file.suffix == ".xlsx" and isinstance(value, str) and len(value) >= CELL_LIMIT


def _spreadsheet_rows(file: Path) -> Iterator[tuple[int, Row]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    if not file.stat().st_size:
        raise DataError("is empty")
    try:
        with closing(load_workbook(file, read_only=True)) as book:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # Some programs state them wrongly, which would hide rows.
            cells = sheet.iter_rows(values_only=True)
            header = [as_text(name) for name in next(cells, ())]
            for number, values in enumerate(cells, start=1):
                if any(value is not None for value in values):
                    padded = (*values, *[None] * (len(header) - len(values)))
                    yield number, dict(zip(header, padded, strict=False))
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, IndexError, EOFError, OSError) as error:
        raise DataError(f"is not a spreadsheet, or was cut short ({type(error).__name__}: {error})") from None


def _object_rows(file: Path, source: LogSource) -> Iterator[tuple[int, Row]]:
    content = json_document(file)
    if not isinstance(content, list):
        raise DataError("is not a list of rows")
    for number, row in enumerate(content, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            source.fault(file, f"is a JSON {type(row).__name__}, not an object", row=number)


PART_ANSWERS, PART_JUDGED, PART_RESULT, PART_SCORE, PART_VERIFIED = "answers", "judged", "result", "score", "verified"
OCRBENCH, MATHVISTA, MATHVISION = "OCRBench", "MathVista", "MathVision"
VERIFIER = "verifier"

_RUN = re.compile(r"T\d{8}(-\d{6}|_G[0-9a-fA-F]+)")
_ENDINGS = {"_detailed_results": PART_VERIFIED, "_result": PART_RESULT, "_score": PART_SCORE}
_PASSED_OVER = ("_extract", "_acc", "_prefetch")
_JUDGED = frozenset({"res", "hit", "log", "score"})
_ALIASES = {"openai": "chatgpt-0125", "gpt4": "gpt-4-0125"}
_EXACT = "exact_matching"
_KNOWN = frozenset(
    {
        *("MMStar", "RealWorldQA", "SEEDBench2_Plus", "OCRBench", "OCRBench_MINI", "MathVista_MINI", "MathVision"),
        *("MathVision_MINI", "MathVerse_MINI", "MathVerse_MINI_Vision_Only", "MathVerse_MINI_Vision_Only_cot"),
        *("MathVerse_MINI_Vision_Dominant", "MathVerse_MINI_Vision_Intensive", "MathVerse_MINI_Text_Lite"),
        "MathVerse_MINI_Text_Dominant",
    }
)


@dataclass(frozen=True, kw_only=True)
class KitSheet:
    """One table of the kit.

    :param run: the name of the run's folder; "" in a folder of the model.
    :param judge: the judge of the answers, or `exact_matching`; "" where none is named.
    :param part: one of the PART_ constants.
    :param base: the path without ending and suffix up to the dataset: what the kit's other names begin with.
    :param judge_as_named: the judge as the file's name has it.
    :param judge_of_means: the judge behind the means in `_acc.csv`, where `status.json` names it.
    """

    path: Path
    model: str
    run: str
    dataset: str
    judge: str
    part: str
    base: Path
    judge_as_named: str = ""
    judge_of_means: str = ""


@dataclass(frozen=True, kw_only=True)
class _Folder:
    model: str
    run: str
    datasets: dict[str, Any]


def judge_called(name: str) -> str:
    """A judge by the model it stands for: the kit abbreviates two of them in the names of files."""
    return _ALIASES.get(name, name)


def looks_right(path: Path) -> bool:
    """Whether one file under a path is named as the kit names its tables."""
    try:
        return any(_is_the_kits(file) for file in _tables(path))
    except OSError:
        return False


def sheets_under(path: Path) -> list[KitSheet]:
    """The tables that have the outcomes, by their paths.

    Where a dataset of a run was judged, its bare answers are left out.
    """
    chosen: list[KitSheet] = []
    for folder, files in groupby(_tables(path), key=lambda file: file.parent):
        sheets = list(_sheets_in(folder, list(files)))
        judged = {sheet.dataset for sheet in sheets if sheet.part != PART_ANSWERS}
        chosen.extend(sheet for sheet in sheets if sheet.part != PART_ANSWERS or sheet.dataset not in judged)
    return chosen


def _tables(path: Path) -> list[Path]:
    files = (file for suffix in SUFFIXES for file in found(path, f"*{suffix}"))
    return sorted(files, key=lambda file: (file.parent, file.name))


def _is_the_kits(file: Path) -> bool:
    folder = file.resolve().parent
    model = folder.parent.name if _RUN.fullmatch(folder.name) else folder.name
    named = bool(model) and file.stem.startswith(f"{model}_")
    return named and (file.suffix == ".xlsx" or bool(_RUN.fullmatch(folder.name)) or _begins_known(file, model))


def _begins_known(file: Path, model: str) -> bool:
    return _longest(file.stem.removeprefix(f"{model}_"), _KNOWN) is not None


def _sheets_in(path: Path, files: Sequence[Path]) -> Iterator[KitSheet]:
    folder = _read_folder(path)
    named = {file: parts for file in files if (parts := _model_and_rest(file, folder)) is not None}
    bodies = {file: _body(file, rest) for file, (_, rest) in named.items()}
    bare = {body: file for file, (body, part) in bodies.items() if part == PART_ANSWERS}
    datasets = {*_KNOWN, *folder.datasets}
    for body in sorted(bare, key=len):
        shorter = _longest(body, datasets - {body})
        if body in datasets or shorter is None or not _has(bare[body], _JUDGED):
            datasets.add(body)
    for file, (body, part) in bodies.items():
        if part is not None:
            dataset = _longest(body, datasets) or _without_judge(body)
            judge = body[len(dataset) + 1 :]
            model = named[file][0]
            sheet = partial(
                KitSheet,
                path=file,
                model=model,
                run=folder.run,
                dataset=dataset,
                base=file.with_name(f"{model}_{dataset}"),
            )
            if part == PART_VERIFIED:
                yield sheet(judge=VERIFIER, part=part)
            elif part == PART_ANSWERS and not judge:
                yield sheet(judge="", part=part)
            else:
                yield sheet(
                    judge=judge_called(judge),
                    judge_as_named=judge,
                    part=PART_JUDGED if part == PART_ANSWERS else part,
                    judge_of_means=_stated_judge(folder.datasets.get(dataset)),
                )


def _read_folder(path: Path) -> _Folder:
    whole = path.resolve()
    run = whole.name if _RUN.fullmatch(whole.name) else ""
    model = whole.parent.name if run else whole.name
    try:
        status = json_document(path / "status.json")
    except DataError:
        status = None
    stated = status if isinstance(status, dict) else {}
    datasets = stated.get("datasets")
    name = stated.get("model_name")
    return _Folder(
        model=name if isinstance(name, str) and name else model,
        run=run,
        datasets=datasets if isinstance(datasets, dict) else {},
    )


def _model_and_rest(file: Path, folder: _Folder) -> tuple[str, str] | None:
    """The model, and what a name has behind it. In a folder of another name only known datasets tell the model."""
    if file.stem.startswith(f"{folder.model}_"):
        return folder.model, file.stem[len(folder.model) + 1 :]
    for name in sorted({*_KNOWN, *folder.datasets}, key=len, reverse=True):
        if match := re.search(rf"(?<=[^_])_(?={re.escape(name)}(_|$))", file.stem):
            return file.stem[: match.start()], file.stem[match.end() :]
    return None


def _body(file: Path, rest: str) -> tuple[str, str | None]:
    """A name without its ending, and the part that the ending tells; None for what has no rows of outcomes."""
    if file.suffix == ".json" and file.name == "status.json":
        return rest, None
    for ending, part in _ENDINGS.items():
        if rest.endswith(ending):
            has_rows = part != PART_SCORE or (file.suffix != ".csv" and not _is_object(file))
            return rest.removesuffix(ending), part if has_rows else None
    return rest, None if rest.endswith(_PASSED_OVER) else PART_ANSWERS


def _is_object(file: Path) -> bool:
    if file.suffix != ".json":
        return False
    with file.open("rb") as content:
        return content.read(64).lstrip().startswith(b"{")


def _longest(body: str, datasets: Collection[str]) -> str | None:
    fitting = [name for name in datasets if body == name or body.startswith(f"{name}_")]
    return max(fitting, key=len, default=None)


def _without_judge(body: str) -> str:
    if body.endswith(f"_{_EXACT}"):
        return body.removesuffix(f"_{_EXACT}")
    return body.rpartition("_")[0] or body


def _has(file: Path, columns: Collection[str]) -> bool:
    try:
        return not set(columns).isdisjoint(columns_of(file))
    except DataError:
        return False


def _stated_judge(status: object) -> str:
    judge = status.get("judge_model") if isinstance(status, dict) else None
    return judge_called(judge) if isinstance(judge, str) else ""
