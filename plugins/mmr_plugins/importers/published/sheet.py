"""A CSV file as columns of texts, exactly as they stand in it; knows nothing of models and datasets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_FIELD = 2**31 - 1
_HEAD = 1 << 20
_MARKUP = ("<!doctype", "<html", "<?xml")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """The columns of a CSV file by name, each with as many texts as the file has rows below its header."""

    path: Path
    columns: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def place(self, row: int, column: str = "") -> str:
        """Where something is, for a message; rows count from 1 below the header."""
        idx = self.columns.get("dataset_idx", ("",) * len(self))[row]
        within = f", column {column!r}" if column else ""
        return f"{self.path}{within}, row {row + 1}" + (f" ({idx})" if idx else "")


def read_sheet(path: Path) -> Sheet:
    """Reads a comma-separated file in UTF-8, with or without a byte-order mark.

    :raises DataError: if it is absent, empty, no UTF-8, no CSV, or has rows of unequal lengths.
    """
    where = str(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", where=where) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=where) from error
    text = _decoded(content, where)
    with _long_fields():
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            rows = [row for row in reader if row]
        except csv.Error as error:
            raise DataError(
                f"is no CSV: {error} (line {reader.line_num})", where=where, fix="it may be cut off, or badly quoted"
            ) from None
    header = [name.strip() for name in rows[0]]
    _demand_header(header, where)
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(
                f"has {len(row)} cells where the header has {len(header)}",
                where=f"{where}, row {number} ({row[0][:40]})",
                fix="the file may be cut off, or a comma unquoted",
            )
    if len(rows) == 1:
        raise DataError("has a header and no rows", where=where)
    return Sheet(path=path, columns=dict(zip(header, zip(*rows[1:], strict=True), strict=True)))


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


def _decoded(content: bytes, where: str) -> str:
    if not content.strip():
        raise DataError("is empty", where=where)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"is no text in UTF-8: {error.reason} at byte {error.start}", where=where) from None
    if "\0" in text:
        raise DataError("is no text: it has a zero byte", where=where)
    if text[:1000].lstrip().lower().startswith(_MARKUP):
        raise DataError("is a page of markup, not a CSV", where=where, fix="the download may have failed")
    return text


def _demand_header(header: list[str], where: str) -> None:
    for separator in (";", "\t"):
        if len(header) == 1 and separator in header[0]:
            raise DataError(f"is separated by {separator!r}, not by commas", where=where, fix="save it with commas")
    seen: set[str] = set()
    for name in header:
        # Unnamed columns are row numbers that somebody's program wrote.
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
