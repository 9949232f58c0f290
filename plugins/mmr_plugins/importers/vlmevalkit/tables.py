"""Rows of the kit's tables: spreadsheets, TSV, CSV, or JSON with a list of objects; texts stay the texts they are.

A cell "None", "N/A" or "nan" is that text, and so is one that begins with "=", which some programs take for a
formula. Spreadsheets are streamed: a sheet is never in memory as a whole.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from mmr_core.errors import DataError
from mmr_core.logs import LogSource
from mmr_core.logs.log_files import json_document, table_rows

if TYPE_CHECKING:
    from pathlib import Path

Row = dict[str, Any]
SUFFIXES = (".xlsx", ".tsv", ".csv", ".json")
CELL_LIMIT = 32_767
"""How many characters a cell of a spreadsheet can have; longer texts lose their end when they are written."""
_DELIMITERS = {".tsv": "\t", ".csv": ","}


def rows_of(file: Path, source: LogSource) -> Iterator[tuple[int, Row]]:
    """The rows of a table by the names of its columns, each with its number (1 is below the header).

    :raises DataError: if the file is empty or no table.
    """
    if file.suffix == ".xlsx":
        return _spreadsheet_rows(file)
    if file.suffix == ".json":
        return _object_rows(file, source)
    return table_rows(file, source, delimiter=_DELIMITERS[file.suffix])


def columns_of(file: Path) -> list[str]:
    """The names of a table's columns, in order; none if it has no rows.

    :raises DataError: if the file is empty or no table.
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
        raise DataError(f"is no spreadsheet, or was cut short ({type(error).__name__}: {error})") from None


def _object_rows(file: Path, source: LogSource) -> Iterator[tuple[int, Row]]:
    content = json_document(file)
    if not isinstance(content, list):
        raise DataError("is no list of rows")
    for number, row in enumerate(content, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            source.fault(file, f"is a JSON {type(row).__name__}, not an object", row=number)
