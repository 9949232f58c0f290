"""What importers of routing benchmarks have in common: telling files apart, numbers in fields, and pickles.

CSV files and JSON lines of these benchmarks have names such as `train.csv`; only their columns tell which benchmark
they belong to.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.logs.log_files import found

if TYPE_CHECKING:
    from mmr_core.logs import LogSource


_LONGEST = 4_000_000
_UNKNOWN = frozenset({"", "nan", "none", "null", "na", "n/a"})
_TRUTHS = {"true": 1.0, "false": 0.0}


def columns_of(file: Path) -> tuple[str, ...]:
    """The header of a CSV file; empty where it has none that can be read."""
    try:
        with file.open("rb") as lines:
            first = lines.readline(_LONGEST).decode("utf-8-sig")
        return tuple(next(csv.reader([first], strict=True), ()))
    except (OSError, UnicodeDecodeError, csv.Error):
        return ()


def fields_of(file: Path) -> frozenset[str]:
    """The fields of the first object of a file of JSON lines; empty where there is none that can be read."""
    try:
        with file.open("rb") as lines:
            first = next((line for line in iter(lambda: lines.readline(_LONGEST), b"") if line.strip()), b"")
        value = json.loads(first)
    except (OSError, ValueError, RecursionError):
        return frozenset()
    return frozenset(value) if isinstance(value, dict) else frozenset()


def sniffs(path: Path, pattern: str, begins: Callable[[Path], Collection[str]], wanted: Collection[str]) -> bool:
    """Whether a path has a file that begins with all that is wanted; a path that cannot be looked at has none."""
    try:
        return any(set(wanted) <= set(begins(file)) for file in found(path, pattern))
    except OSError:
        return False


def matching(
    source: LogSource, pattern: str, begins: Callable[[Path], Collection[str]], wanted: Collection[str]
) -> list[Path]:
    """The files that begin with everything that is wanted; the others are reported and left out.

    A path that is itself a file is taken as it is: reading it says what is wrong with it.
    """
    files = []
    for file in found(source.path, pattern):
        if file == source.path or set(wanted) <= set(begins(file)):
            files.append(file)
        else:
            source.fault(file, f"does not begin with {', '.join(sorted(wanted))}, so left out")
    return files


def number_in(cell: Any) -> float | None:
    """The number in a cell of a table; None where the cell says that it is not known.

    :raises DataError: if the cell has something else.
    """
    value = cell.item() if isinstance(cell, np.generic) else cell
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in _UNKNOWN:
            return None
        try:
            value = _TRUTHS[word] if word in _TRUTHS else float(word)
        except ValueError:
            raise DataError(f"{cell!r} is not a number") from None
    if value is None:
        return None
    if not isinstance(value, (bool, int, float)):
        raise DataError(f"a {type(value).__name__} is not a number")
    return None if value != value else float(value)


def paid_in(cell: Any) -> float | None:
    """The cost in a cell; a cost of zero means that it was unknown, for no answer is free.

    :raises DataError: if the cell has something that is not a number.
    """
    return number_in(cell) or None


def number(value: object) -> float | None:
    """A JSON value as a number; None for anything else, NaN included. True and false are not amounts."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return float(value)


def counted(*tokens: object) -> tuple[float | None, ...]:
    """Counts of tokens; where all are zero nothing was counted, for every query has some."""
    numbers = tuple(number(value) for value in tokens)
    return numbers if any(numbers) else (None,) * len(numbers)


def paid(cost: object) -> float | None:
    """A cost; zero means that the price was unknown, for no answer is free."""
    return number(cost) or None


def pickled(file: Path, source: LogSource) -> Any:
    """What a pickle holds.

    :raises DataError: if pickles are not allowed, or it holds anything but data.
    """
    from mmr_core.logs.pickles import load_pickle

    if not source.allow_pickle:
        raise DataError(
            "is a pickle, which is only read on request",
            fix="add --allow-pickle, and it is read as arrays and plain containers, without running anything in it",
        )
    return load_pickle(file)
