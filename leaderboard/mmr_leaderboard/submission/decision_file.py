"""An opened decisions file: its columns, and its rows in bounded, counted portions.

`parquet` and `zipped_csv` open the two formats; `decisions` says what the rows mean. Nothing is unpacked before the
file has stated, as far as its format does, how much it will be; and what is unpacked is counted, so that a file that
lies is stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmr_leaderboard.findings import Finding, finding
from mmr_leaderboard.submission.folder import looks_pickled

if TYPE_CHECKING:
    import pyarrow as pa


UNPACKED = 2 << 30
"""The most bytes that a decisions file may unpack to."""

PORTION_ROWS = 1 << 20
PORTION_BYTES = 256 << 20


class DecisionsRefused(Exception):
    """A decisions file cannot be read further.

    :param found: why.
    """

    def __init__(self, found: Finding) -> None:
        super().__init__(str(found))
        self.found = found


class NotNumbers(DecisionsRefused):
    """There is text where numbers are expected; reading the columns as text would show where."""


@dataclass(frozen=True, kw_only=True)
class DecisionFile:
    """A decisions file whose columns are known.

    :param columns: names as written, including repeated ones.
    :param numbers: the columns that hold numbers; None if the format does not say.
    :param portions: gives the rows of some columns, in order, as tables; its first argument names columns of text,
        its second columns of numbers. It raises `DecisionsRefused`.
    """

    columns: tuple[str, ...]
    numbers: frozenset[str] | None
    portions: Callable[[Sequence[str], Sequence[str]], Iterator[pa.Table]]


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns what pyarrow raises on a damaged file into `DecisionsRefused`."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, MemoryError) as error:
        raise unreadable(name, f"it cannot be read: {str(error) or type(error).__name__}") from None


def unreadable(name: str, message: str, examples: Sequence[object] = ()) -> DecisionsRefused:
    return DecisionsRefused(finding("unreadable-decisions", name, message, examples))


def bomb(name: str, message: str) -> DecisionsRefused:
    return DecisionsRefused(finding("archive-bomb", name, message))


def in_portions(name: str, batches: Iterable[pa.RecordBatch], most_rows: int) -> Iterator[pa.Table]:
    """Joins batches to tables of about a million rows, and stops when they exceed their bounds.

    :raises DecisionsRefused: if there are more than `most_rows` rows or more than `UNPACKED` bytes.
    """
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = unpacked = held_rows = held_bytes = 0
    for batch in batches:
        held.append(batch)
        held_rows += batch.num_rows
        held_bytes += batch.nbytes
        if rows + held_rows > most_rows:
            raise bomb(name, f"it has more than {most_rows:,} rows; reading stopped there")
        if unpacked + held_bytes > UNPACKED:
            raise bomb(name, f"it unpacks to more than {UNPACKED:,} bytes; reading stopped there")
        if held_rows >= PORTION_ROWS or held_bytes >= PORTION_BYTES:
            yield pa.Table.from_batches(held)
            rows, unpacked = rows + held_rows, unpacked + held_bytes
            held, held_rows, held_bytes = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)


def what_it_is(content: bytes) -> str:
    """What a wrongly named file really is, for a message."""
    if looks_pickled(content):
        return " but a pickle"
    kinds = {
        b"PK": " but a zip archive",
        b"\x1f\x8b": " but gzip",
        b"PAR1": " but Parquet",
        b"ARROW1": " but an Arrow file",
        b"BZh": " but bzip2",
        b"\xfd7zXZ": " but xz",
        b"\x28\xb5\x2f\xfd": " but zstd",
    }
    if not content:
        return " but empty"
    return next((kind for magic, kind in kinds.items() if content.startswith(magic)), "")
