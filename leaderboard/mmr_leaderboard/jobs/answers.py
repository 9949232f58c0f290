"""Reads what an isolated process wrote. The file is untrusted: nothing is believed, and nothing raises.

The result is either the checked answers or the one finding that says what is wrong with them.
"""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mmr_core.contracts import Decisions, Prediction
from mmr_core.errors import PluginError
from mmr_core.runner.policies import GRID, Policy, decided, scored
from mmr_leaderboard.findings import Finding, finding, printable
from mmr_leaderboard.sandbox.contract import is_runner_trouble

SCORES = ("utility", "cost", "seconds")
CHOICES = ("choice", "seconds")
CHANCES = ("probabilities", "seconds")
STATED = "stated"

LARGEST = 1e100
"""Larger predictions count as infinite, because differences and products of them would be."""

SHORTEST = 1e-9
"""Seconds. The clock of the isolated process counts nothing shorter, so shorter times count as this."""

LONGEST = 30 * 86400.0
"""Seconds. No time is longer, whatever the job's limit."""

_SLACK = 1.0
"""Seconds by which times may exceed what the runner's own clock measured around the job."""

_STATED_BYTES = 1 << 16
_STATED_ITEMS = 64
_HEADER_BYTES = 4096
_MEMBER_ENTRY_BYTES = 256
_END = b"PK\x05\x06"
_END_BYTES = 22
_END_64 = b"PK\x06\x07"
_END_64_BYTES = 20


@dataclass(frozen=True, kw_only=True)
class ExpectedReply:
    """The shape of the reply to one ask."""

    queries: int
    each: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Reply:
    """The answer to one ask.

    :param seconds: [n] where the queries were asked one by one, else [1]; from `SHORTEST` to what the job took.
    """

    policy: Policy
    seconds: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Everything that one process answered.

    :param stated: what the router says it ran with: printable text, numbers, and tables of these.
    """

    replies: tuple[Reply, ...]
    stated: Mapping[str, Any]


def largest_answer(due: Sequence[ExpectedReply], models: int) -> int:
    """Bytes of the largest honest answer, generously: probabilities on the whole grid, and what stands around them."""
    queries = sum(one.queries for one in due)
    return 2 * (8 * queries * (len(GRID) * models + 1) + _STATED_BYTES) + len(due) * len(SCORES) * _HEADER_BYTES


class _Fault(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_answers(
    file: Path,
    due: Sequence[ExpectedReply],
    *,
    models: int,
    cost_scale: float,
    largest: int,
    where: str,
    elapsed: float = LONGEST,
) -> Answers | Finding:
    """The answers in a file, or what is wrong with it.

    :param due: the asks of the job, in order.
    :param models: K.
    :param largest: bytes above which it is not opened.
    :param where: the place that a finding names.
    :param elapsed: seconds that the job took by the runner's clock; the times in the answer cannot add up to more.
    :raises OSError, MemoryError: if this machine fails; never for what the file holds.
    """
    try:
        given = _read(file, due, models, cost_scale, largest)
        _demand_times_within(given.replies, min(elapsed, LONGEST) + _SLACK)
        return given
    except _Fault as fault:
        return finding(fault.code, where, str(fault))
    except PluginError as error:
        return finding("bad-decision", where, str(error))
    except Exception as error:
        if is_runner_trouble(error):
            raise
        # Parsers of hostile files raise nearly anything; whatever it is, this is not an answer.
        return finding("not-an-array-file", where, f"{type(error).__name__}: {error}")


def _read(file: Path, due: Sequence[ExpectedReply], models: int, cost_scale: float, largest: int) -> Answers:
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, "rb") as stream:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise _Fault("not-an-array-file", "it is not a plain file")
        if facts.st_size == 0:
            raise _Fault("no-answer", "nothing was written")
        if facts.st_size > largest:
            raise _Fault("output-too-large", f"{facts.st_size} bytes, and {largest} are allowed")
        _demand_small_directory(stream, facts.st_size, members=len(due) * len(SCORES) + 1)
        with zipfile.ZipFile(stream) as archive:
            words = _words(archive.infolist(), due)
            if sum(member.file_size for member in archive.infolist()) > facts.st_size:
                raise _Fault("not-an-array-file", "its members overlap")
            replies = tuple(_reply(archive, number, one, words, models, cost_scale) for number, one in enumerate(due))
            return Answers(replies=replies, stated=_stated(archive))


def _demand_times_within(replies: Sequence[Reply], most: float) -> None:
    with np.errstate(over="ignore"):
        total = sum(float(reply.seconds.sum()) for reply in replies)
    if not total <= most:
        raise _Fault("not-an-array-file", f"its times add up to {total:.3g} s, and the job took {most - _SLACK:.3g} s")


def _demand_small_directory(stream: IO[bytes], size: int, members: int) -> None:
    """Looks at the archive's end before anything builds a list of as many members as it claims to have."""
    tail = _END_BYTES + _END_64_BYTES
    stream.seek(max(0, size - tail))
    end = stream.read(tail)
    last = end[-_END_BYTES:]
    directory = int.from_bytes(last[12:16], "little")
    begin = int.from_bytes(last[16:20], "little")
    if (
        last[:4] != _END
        or begin + directory + _END_BYTES != size
        or end[:-_END_BYTES][-_END_64_BYTES:].startswith(_END_64)
    ):
        raise _Fault("not-an-array-file", "it does not end as a plain archive does")
    if int.from_bytes(last[10:12], "little") > members or directory > members * _MEMBER_ENTRY_BYTES:
        raise _Fault("not-an-array-file", "it has more members than expected")


def _words(members: Sequence[zipfile.ZipInfo], due: Sequence[ExpectedReply]) -> tuple[str, ...]:
    """The kind of arrays in the answers; members must be exactly the expected ones, uncompressed."""
    if any(one.compress_type != zipfile.ZIP_STORED or one.flag_bits or one.is_dir() for one in members):
        raise _Fault("not-an-array-file", "a member is compressed, encrypted or a folder")
    names = [one.filename for one in members]
    for words in (SCORES, CHOICES, CHANCES):
        if names == [f"{number}-{word}.npy" for number in range(len(due)) for word in words] + [f"{STATED}.npy"]:
            return words
    raise _Fault("not-an-array-file", f"its {len(names)} members are not the expected ones")


def _reply(
    archive: zipfile.ZipFile, number: int, due: ExpectedReply, words: tuple[str, ...], models: int, cost_scale: float
) -> Reply:
    def floats(word: str, shape: tuple[int, ...], code: str) -> NDArray[np.float64]:
        return np.asarray(_array(archive, f"{number}-{word}", shape, "f", code), dtype=np.float64)

    n = due.queries
    seconds = floats("seconds", (n if due.each else 1,), "not-an-array-file")
    if not np.isfinite(seconds).all() or (seconds < 0).any():
        raise _Fault("not-an-array-file", "its times are negative or not finite")
    seconds = np.maximum(seconds, SHORTEST)
    if words == SCORES:
        utility, cost = (floats(word, (n, models), "wrong-shape") for word in ("utility", "cost"))
        for word, array in (("utility", utility), ("cost", cost)):
            wrong = int((~(np.abs(array) <= LARGEST)).sum())  # NaN is not, either
            if wrong:
                raise _Fault(
                    "not-finite", f"{wrong} of {array.size} predictions of {word} are NaN or above {LARGEST:g}"
                )
        prediction = Prediction(utility=utility, cost=cost)
        return Reply(policy=scored(prediction, (n, models), cost_scale, "submitted"), seconds=seconds)
    if words == CHOICES:
        choice = _array(archive, f"{number}-choice", (len(GRID), n), "iu", "bad-decision")
        given = [Decisions(choice=row) for row in choice]
    else:
        given = [
            Decisions(probabilities=rows) for rows in floats("probabilities", (len(GRID), n, models), "bad-decision")
        ]
    return Reply(policy=decided(given, (n, models), "submitted"), seconds=seconds)


def _array(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], kinds: str, code: str) -> NDArray[Any]:
    """One member, read only if it has the expected shape."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        found, dtype = _header(stream)
        if found != shape or dtype.kind not in kinds:
            raise _Fault(code, f"{name}: expected shape {shape}, got {found} of {dtype}")
        size = prod(shape) * dtype.itemsize
        if member.file_size - stream.tell() != size:
            raise _Fault("not-an-array-file", f"{name} is not as long as it says")
        return np.frombuffer(stream.read(size), dtype=dtype).reshape(shape)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if npy.read_magic(stream) != (1, 0):
        raise _Fault("not-an-array-file", "a member is not an array of format 1.0")
    try:
        shape, fortran, dtype = npy.read_array_header_1_0(stream, max_header_size=_HEADER_BYTES)
    except MemoryError as error:  # what Python's parser says of deep nesting; this machine has memory for 4 KiB
        raise _Fault("not-an-array-file", f"a member's header cannot be parsed: {error}") from None
    if fortran or dtype.kind not in "fiu" or dtype.itemsize > 8 or dtype.fields or dtype.subdtype:
        raise _Fault("not-an-array-file", f"a member holds {dtype}, which is not a plain number")
    return shape, dtype


def _stated(archive: zipfile.ZipFile) -> dict[str, Any]:
    member = archive.getinfo(f"{STATED}.npy")
    if member.file_size > _STATED_BYTES:
        raise _Fault("not-an-array-file", "what the router says of itself is too long")
    with archive.open(member) as stream:
        (length,), dtype = _header(stream)
        if dtype != np.uint8 or member.file_size - stream.tell() != length:
            raise _Fault("not-an-array-file", "what the router says of itself cannot be read")
        said = json.loads(stream.read(length))
    if not isinstance(said, dict):
        raise _Fault("not-an-array-file", "what the router says of itself is not a table")
    return {name: _harmless(said.get(name)) for name in ("canonical_id", "version", "default_fusion", "fusion")} | {
        name: _table(said.get(name)) for name in ("parameters", "fusion_parameters")
    }


def _table(given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        return {}
    return {printable(str(key), 60): _harmless(value) for key, value in list(given.items())[:_STATED_ITEMS]}


def _harmless(value: object) -> bool | int | float | str | None:
    """A number, a word or None; anything else as one line of text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    if isinstance(value, float) and np.isfinite(value):
        return value
    return printable(str(value))
