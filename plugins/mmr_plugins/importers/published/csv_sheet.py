"""A CSV file read in blocks of rows, and the numbers in its cells; knows nothing of models and datasets.

`read_sheet` checks the whole file without keeping any of it: its text, its quoting, its header, and the length of
every row. `CsvSheet.blocks` then reads it again, some thousand rows at a time, so that memory does not grow with the
file. Texts are exactly as they stand in the file. `CellNumbers` parses the numbers of one block after the other.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK = 4096
_LONGEST_FIELD = 2**31 - 1
_HEAD = 1 << 20
_MARKUP = ("<!doctype", "<html", "<?xml")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some consecutive rows of a sheet.

    :param start: index of the first row; row 0 is the first below the header.
    :param columns: the cells by the name of their column, `len(block)` texts each.
    """

    start: int
    columns: dict[str, Sequence[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


@dataclass(frozen=True, kw_only=True)
class CsvSheet:
    """A comma-separated file that has been checked.

    :param header: the names of its columns; row numbers that some program wrote have the name "".
    :param rows: how many rows stand below the header, blank lines not counted.
    """

    path: Path
    header: tuple[str, ...]
    rows: int

    def __len__(self) -> int:
        return self.rows

    def place(self, row: int, column: str = "", idx: str = "") -> str:
        """A cell or row as messages name it; rows count from 1 below the header."""
        within = f", column {column!r}" if column else ""
        return f"{self.path}{within}, row {row + 1}" + (f" ({idx})" if idx else "")

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        """The rows in order, `size` at a time.

        :raises DataError: if the file has changed since it was checked.
        """
        start = 0
        with _rows(self.path) as rows:
            next(rows)
            while block := list(islice(rows, size)):
                # A row that has grown or shrunk would shift the cells of its neighbours.
                if start + len(block) > self.rows or any(len(row) != len(self.header) for row in block):
                    break
                yield Block(start=start, columns=dict(zip(self.header, zip(*block, strict=True), strict=True)))
                start += len(block)
        if block or start != self.rows:
            raise DataError("changed while it was being read", where=str(self.path), fix="import it again")


def read_sheet(path: Path) -> CsvSheet:
    """Checks a comma-separated file in UTF-8, with or without a byte-order mark.

    :raises DataError: if it is absent, empty, not UTF-8, not CSV, or has rows of unequal lengths.
    """
    where = str(path)
    _demand_text(path)
    count, uneven = 0, None
    with _rows(path) as rows:
        first = next(rows, None)
        if first is None:
            raise DataError("is empty", where=where)
        header = tuple(name.strip() for name in first)
        for count, row in enumerate(rows, start=1):
            if uneven is None and len(row) != len(header):
                uneven = count, len(row), row[0][:40]
    _demand_header(header, where)
    if uneven is not None:
        number, cells, start = uneven
        raise DataError(
            f"expected {len(header)} cells as in the header, got {cells}",
            where=f"{where}, row {number} ({start})",
            fix="the file may be cut off, or a comma unquoted",
        )
    if not count:
        raise DataError("has a header but no rows", where=where)
    return CsvSheet(path=path, header=header, rows=count)


def header_of(path: Path) -> list[str]:
    """The names in the first line of a file; none if it cannot be read as CSV."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        line = head.decode("utf-8-sig", errors="ignore").lstrip().partition("\n")[0]
        with _long_fields():
            return [name.strip() for row in csv.reader([line]) for name in row]
    except (OSError, csv.Error):
        return []


class CellNumbers:
    """Parses the numeric cells of one sheet, and remembers the first faulty one until `demand_no_faults`.

    Correctness is a number in [0, 1], `True` or `False`; costs and tokens are finite and not negative. An empty cell
    is NaN. Nothing else is guessed at: `nan`, `1,5` and `$2` are faults. Blocks are to be parsed in order of rows.
    """

    def __init__(self, sheet: CsvSheet) -> None:
        self._sheet = sheet
        self._count = 0
        self._first: tuple[int, str, str, str] | None = None

    @property
    def faulty(self) -> bool:
        """Whether any cell so far is faulty."""
        return self._first is not None

    def correctness(self, block: Block, column: str) -> NDArray[np.float64]:
        """float64 [block], utilities; NaN where a cell is empty."""
        return self._numbers(block, column, _correctness)

    def costs(self, block: Block, column: str) -> NDArray[np.float64]:
        """float64 [block], USD; NaN where a cell is empty."""
        return self._numbers(block, column, lambda text: _amount(text, "cost"))

    def tokens(self, block: Block, column: str) -> NDArray[np.float64]:
        """float64 [block], counts; NaN where a cell is empty."""
        return self._numbers(block, column, lambda text: _amount(text, "number of tokens"))

    def demand_no_faults(self) -> None:
        """
        :raises DataError: that names the first faulty cell, by row and then by order of parsing, and counts the others.
        """
        if self._first is not None:
            row, column, reason, idx = self._first
            others = self._count - 1
            more = f" (and {others} more faulty cell{'s' * (others > 1)})" if others else ""
            raise DataError(
                f"{reason}{more}",
                where=self._sheet.place(row, column, idx),
                fix="correct it, or leave the cell empty if the outcome is missing",
            )

    def _numbers(self, block: Block, column: str, parse: Callable[[str], float | str]) -> NDArray[np.float64]:
        texts = block.columns[column]
        # Many cells are alike: correctness always, costs and tokens often.
        parsed = {text: parse(stripped) if (stripped := text.strip()) else math.nan for text in set(texts)}
        wrong = {text: reason for text, reason in parsed.items() if isinstance(reason, str)}
        if not wrong:
            return np.fromiter(map(parsed.__getitem__, texts), dtype=np.float64, count=len(texts))
        faulty = [i for i, text in enumerate(texts) if text in wrong]
        self._count += len(faulty)
        row = block.start + faulty[0]
        if self._first is None or row < self._first[0]:
            idx = block.columns["dataset_idx"][faulty[0]] if "dataset_idx" in block.columns else ""
            self._first = row, column, wrong[texts[faulty[0]]], idx
        return np.full(len(texts), np.nan)


def _correctness(text: str) -> float | str:
    if _NUMBER.fullmatch(text):
        value = float(text)
        return value + 0.0 if 0 <= value <= 1 else f"correctness {_shown(text)} is outside [0, 1]"
    return _TRUTH.get(text.lower(), f"correctness {_shown(text)} is not a number, True or False")


def _amount(text: str, what: str) -> float | str:
    if not _NUMBER.fullmatch(text):
        return f"{what} {_shown(text)} is not a number"
    value = float(text)
    if value < 0:
        return f"{what} {_shown(text)} is negative"
    return value + 0.0 if value < math.inf else f"{what} {_shown(text)} is not finite"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


@contextmanager
def _rows(path: Path) -> Iterator[Iterator[list[str]]]:
    """The rows of a CSV file, the header first, without blank lines."""
    with path.open(encoding="utf-8-sig", newline="") as file, _long_fields():
        reader = csv.reader(file, strict=True)
        try:
            yield filter(None, reader)
        except csv.Error as error:
            raise DataError(
                f"is not CSV: {error} (line {reader.line_num})",
                where=str(path),
                fix="it may be cut off, or badly quoted",
            ) from None


def _demand_text(path: Path) -> None:
    """Reads a file once to see that it is UTF-8 text, and neither empty nor a web page."""
    where = str(path)
    decoder = codecs.getincrementaldecoder("utf-8")()
    read, blank, zero, head = 0, True, False, ""
    try:
        with path.open("rb") as file:
            if file.read(3) != codecs.BOM_UTF8:
                file.seek(0)
            while content := file.read(_HEAD):
                pending = len(decoder.getstate()[0])
                text = decoder.decode(content)
                read += len(content)
                blank, zero, head = blank and not content.strip(), zero or "\0" in text, head or text[:1000]
            pending = len(decoder.getstate()[0])
            decoder.decode(b"", final=True)
    except FileNotFoundError:
        raise DataError("there is no such file", where=where) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=where) from error
    except UnicodeDecodeError as error:
        at = read - pending + error.start
        raise DataError(f"is not UTF-8 text: {error.reason} at byte {at}", where=where) from None
    if blank:
        raise DataError("is empty", where=where)
    if zero:
        raise DataError("is not text: it has a zero byte", where=where)
    if head.lstrip().lower().startswith(_MARKUP):
        raise DataError("is a web page, not a CSV file", where=where, fix="the download may have failed")


def _demand_header(header: tuple[str, ...], where: str) -> None:
    for separator in (";", "\t"):
        if len(header) == 1 and separator in header[0]:
            raise DataError(f"is separated by {separator!r}, not by commas", where=where, fix="save it with commas")
    seen: set[str] = set()
    for name in header:
        if name and name in seen:
            raise DataError(f"has the column {name!r} twice", where=where, fix="rename or remove one")
        seen.add(name)


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lets a cell be longer than the 128 KiB at which the csv module stops by default."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
