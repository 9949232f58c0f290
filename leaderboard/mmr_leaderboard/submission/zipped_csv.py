"""Opens decisions.csv.gz: unpacks it as a stream with a bound, and finds its header."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mmr_leaderboard.findings import finding
from mmr_leaderboard.submission.decision_file import (
    UNPACKED,
    DecisionFile,
    DecisionsRefused,
    NotNumbers,
    bomb,
    in_portions,
    reading,
    unreadable,
    what_it_is,
)
from mmr_leaderboard.submission.folder import looks_pickled

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"\x1f\x8b"
PORTION = 1 << 20
BLOCK = 4 << 20
FED = 128 << 10
HEADER = 64 << 10
MEMBERS = 10_000
"""How many gzip members may follow each other; block-wise writers make one for every 64 KiB."""


def open_csv_gz(name: str, content: bytes, most_rows: int) -> DecisionFile:
    """Opens gzipped CSV in UTF-8, with or without a byte order mark, lines ended in any of the three ways.

    :param most_rows: reading stops there.
    :raises DecisionsRefused: if it is not gzip, or has no header.
    """
    if content[: len(MAGIC)] != MAGIC:
        raise unreadable(name, f"it is not a gzip file{what_it_is(content)}")
    columns, length = _header(name, Unzipped(name, content))

    def portions(text: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.Table]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        source = Unzipped(name, content)
        source.skip(length)
        if source.at_end():
            return
        with reading(name):
            try:
                reader = arrow_csv.open_csv(
                    pa.PythonFile(source, mode="r"),
                    read_options=arrow_csv.ReadOptions(column_names=columns, block_size=BLOCK),
                    convert_options=arrow_csv.ConvertOptions(
                        column_types={each: pa.string() for each in text} | {each: pa.float64() for each in numbers},
                        include_columns=[*text, *numbers],
                        null_values=[""],
                        strings_can_be_null=True,
                    ),
                )
                yield from in_portions(name, reader, most_rows)
            except pa.ArrowException as error:
                if source.refused is not None:
                    raise source.refused from None
                if "conversion error to double" in str(error):
                    raise NotNumbers(finding("bad-probability", name, str(error))) from None
                raise

    return DecisionFile(columns=tuple(columns), numbers=None, portions=portions)


def _header(name: str, source: Unzipped) -> tuple[list[str], int]:
    """The names of the columns, and the length of the first line in bytes, with its line end."""
    start = b""
    while len(start) < HEADER and not source.at_end():
        start += source.read(HEADER - len(start))
    if looks_pickled(start):
        raise DecisionsRefused(finding("pickle", name, "the unpacked content starts like a pickle"))
    found = re.match(rb"([^\r\n]*)(\r\n|\n|\r|\Z)", start)
    line = b"" if found is None else found.group(1)
    if found is None or len(found.group()) == HEADER:
        raise unreadable(name, f"its first line has more than {HEADER:,} bytes")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable(name, "its first line is not UTF-8") from None
    if not text.strip():
        raise unreadable(name, "it has no header")
    if "\0" in text:
        raise unreadable(name, "its header has NUL characters")
    return next(csv.reader([text])), len(found.group())


class Unzipped(io.RawIOBase):
    """The unpacked content of one gzip file or several in a row, as a stream, up to a bound.

    :param most: the most bytes that it may unpack to.
    :raises DecisionsRefused: on reading, if it is damaged, truncated, continues behind its end, or unpacks to too much.
    """

    def __init__(self, name: str, content: bytes, most: int = UNPACKED) -> None:
        super().__init__()
        self.refused: DecisionsRefused | None = None
        self._name, self._most, self._unpacked, self._members = name, most, 0, 1
        self._left = memoryview(content)
        self._member = zlib.decompressobj(wbits=31)
        self._waiting = b""
        self._ready = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes, and at most a megabyte; none at the end."""
        self._prepare()
        wanted = PORTION if size is None or size < 0 else size
        given, self._ready = self._ready[:wanted], self._ready[wanted:]
        return given

    def at_end(self) -> bool:
        """Whether everything has been read."""
        self._prepare()
        return not self._ready

    def skip(self, size: int) -> None:
        """Skips bytes that were read before."""
        while size > 0:
            size -= len(self.read(size))

    def _prepare(self) -> None:
        if self._ready:
            return
        try:
            self._ready = self._unpack()
        except DecisionsRefused as refused:
            self.refused = refused
            raise

    def _unpack(self) -> bytes:
        while True:
            if self._member.eof and not self._next_member():
                return b""
            packed = self._member.unconsumed_tail or self._waiting or self._feed()
            self._waiting = b""
            try:
                unpacked = self._member.decompress(packed, PORTION)
            except zlib.error as error:
                raise unreadable(self._name, f"the gzip data are damaged ({error})") from None
            self._unpacked += len(unpacked)
            if self._unpacked > self._most:
                raise bomb(self._name, f"it unpacks to more than {self._most:,} bytes; reading stopped there")
            if unpacked:
                return unpacked
            if not packed and not self._member.eof:
                raise unreadable(self._name, "the gzip data are truncated")

    def _next_member(self) -> bool:
        """Goes to the next gzip member; false if there is none."""
        rest = self._member.unused_data
        if len(rest) < len(MAGIC):
            rest += self._feed()
        if not rest:
            return False
        self._members += 1
        if not rest.startswith(MAGIC):
            raise unreadable(self._name, "something follows the end of the gzip data")
        if self._members > MEMBERS:
            raise unreadable(self._name, f"it is more than {MEMBERS:,} gzip files in a row")
        self._member = zlib.decompressobj(wbits=31)
        self._waiting = rest
        return True

    def _feed(self) -> bytes:
        part = bytes(self._left[:FED])
        self._left = self._left[FED:]
        return part
