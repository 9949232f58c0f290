"""Reads the files of evaluation kits row by row: JSON lines, JSON, CSV; a faulty row costs only that row.

For importers. A row that cannot be read is reported through the source and left out; a file that cannot be read at
all raises `DataError`, which the import reports.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from mmr_core.logs.log_source import LogSource

_STRIDE = 1000


def json_lines(file: Path, source: LogSource) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with one JSON object per line, each with its line, from 1; empty lines are left out.

    :raises DataError: if the file is empty or cannot be read.
    """
    position, filled = 0, False
    with _opened(file) as lines:
        for row, line in enumerate(lines, start=1):
            position += len(line)
            if row % _STRIDE == 0:
                source.on_position(position)
            if not line.strip():
                continue
            filled = True
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                cut = "" if line.endswith(b"\n") else ", and the file ends here: it was cut short"
                source.fault(file, f"is not JSON ({_first_line(error)}){cut}", row=row)
                continue
            if isinstance(value, dict):
                yield row, value
            else:
                source.fault(file, f"is a JSON {type(value).__name__}, not an object", row=row)
    if not filled:
        raise DataError("is empty")


def json_document(file: Path) -> Any:
    """The content of a JSON file.

    :raises DataError: if it cannot be read, is empty, or is not JSON.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from None
    if not content.strip():
        raise DataError("is empty")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON, or was cut short ({_first_line(error)})") from None


def table_rows(file: Path, source: LogSource, *, delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV or TSV file by the names of its columns, each with its number (1 is below the header).

    Cells are the texts they are. A row with more or fewer cells than the header is a fault.

    :raises DataError: if the file is empty or cannot be read.
    """
    csv.field_size_limit(sys.maxsize)
    position = 0

    def decoded() -> Iterator[str]:
        nonlocal position
        for line in lines:
            position += len(line)
            yield line.decode("utf-8-sig" if position == len(line) else "utf-8")

    with _opened(file) as lines:
        try:
            reader = csv.reader(decoded(), delimiter=delimiter, strict=True)
            header = next(reader, None)
            if not header:
                raise DataError("is empty")
            for row, cells in enumerate(reader, start=1):
                if row % _STRIDE == 0:
                    source.on_position(position)
                if len(cells) == len(header):
                    yield row, dict(zip(header, cells, strict=True))
                elif cells:
                    source.fault(file, f"expected {len(header)} cells as in the header, got {len(cells)}", row=row)
        except UnicodeDecodeError as error:
            raise DataError(f"is not UTF-8 text ({_first_line(error)})") from None
        except csv.Error as error:
            raise DataError(f"is not a table, or was cut short ({error})") from None


def found(path: Path, pattern: str) -> list[Path]:
    """The files under a path whose names fit a pattern, sorted; the path itself if it is a file that fits.

    Links are not followed: their targets are found where they are.
    """
    if path.is_file():
        return [path] if path.match(pattern) else []
    return sorted(file for file in path.rglob(pattern) if file.is_file() and not file.is_symlink())


def _opened(file: Path) -> Any:
    try:
        return file.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
