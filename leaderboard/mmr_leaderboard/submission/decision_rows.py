"""Rows of decisions as numbers: columns of words turned into indices, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmr_core.runner.policies import SUM_TOLERANCE
from mmr_leaderboard.findings import EXAMPLES, Finding, finding
from mmr_leaderboard.submission.decision_file import DecisionFile, DecisionsRefused, NotNumbers, reading
from mmr_leaderboard.submission.pins import Expected

if TYPE_CHECKING:
    import pyarrow as pa


UNKNOWN, EMPTY = -1, -2
"""The indices of a word that is not in the list, and of an empty one."""

NUMBER = r"^[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*$|^[ \t]*[+-]?(?i:nan|inf|infinity)[ \t]*$"


class WordColumn:
    """A column of words; integers and floats count as they would be written.

    :param column: a chunked array of text, bytes, integers or floats, plain or as a dictionary.
    """

    def __init__(self, column: Any) -> None:
        if pa.types.is_dictionary(column.type):
            array = column.unify_dictionaries().combine_chunks()
            self.are_text = _is_text(array.dictionary.type)
            self._values, self._codes = _as_bytes(array.dictionary), array.indices
        elif _is_text(column.type):
            self.are_text = True
            self._values, self._codes = _as_bytes(column.combine_chunks()), None
        else:
            array = column.combine_chunks().dictionary_encode()
            self.are_text = False
            self._values, self._codes = _as_bytes(array.dictionary), array.indices

    def indices(self, known: Any) -> NDArray[np.int32]:
        """int32 [r]: the position of each word in `known`, a binary array, else `UNKNOWN` or `EMPTY`."""
        found = pc.fill_null(pc.index_in(self._values, value_set=known), UNKNOWN).to_numpy(zero_copy_only=False)
        found = np.array(found, dtype=np.int32)
        found[pc.fill_null(pc.binary_length(self._values), 0).to_numpy(zero_copy_only=False) == 0] = EMPTY
        return found if self._codes is None else np.append(found, np.int32(EMPTY))[_filled(self._codes, len(found))]

    def coded(self) -> tuple[NDArray[np.int64], list[bytes]]:
        """int64 [r]: the position of each row's word among the distinct words, past the end if empty; and the words."""
        if self._codes is None:
            array = self._values.dictionary_encode()
            values, codes = array.dictionary, array.indices
        else:
            values, codes = self._values, self._codes
        words = [word or b"" for word in values.to_pylist()]
        return _filled(codes, len(words)), words

    def word(self, row: int) -> str:
        """The word in a row, made printable."""
        at = row if self._codes is None else self._codes[row].as_py()
        return shown(self._values[at].as_py() or b"")


def shown(word: bytes) -> str:
    """A word of any bytes as text."""
    return word.decode("utf-8", "backslashreplace")


def numbers(column: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
    """A column of numbers, possibly written as text.

    :return: [r] floats, NaN if there is no number; bool [r], whether it is empty; bool [r], whether text is not a
        number. A mask that is nowhere true is None.
    """
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    empty = array.is_null() if array.null_count else None
    wrong = None
    if _is_text(array.type):
        is_number = pc.match_substring_regex(array, NUMBER)
        wrong = pc.fill_null(pc.invert(is_number), False).to_numpy(zero_copy_only=False)
        array = pc.utf8_trim_whitespace(pc.if_else(is_number, array, pa.scalar(None, array.type))).cast(pa.float64())
    floats = array.cast(pa.float32() if pa.types.is_float32(array.type) else pa.float64(), safe=False)
    values = pc.fill_null(floats, float("nan")).to_numpy(zero_copy_only=False)
    return values, None if empty is None else empty.to_numpy(zero_copy_only=False), wrong


def _filled(codes: Any, end: int) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(codes.cast(pa.int64()), end).to_numpy(zero_copy_only=False), dtype=np.int64)


def _as_bytes(values: Any) -> Any:
    text = values if _is_text(values.type) else values.cast(pa.string())
    return text.cast(pa.binary())


def _is_text(kind: Any) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    views = (pa.types.is_string_view, pa.types.is_binary_view)
    return any(test(kind) for test in (*tests, *views))


INSTANCE, POINT, MODEL = "instance_id", "operating_point", "model"
POINT_NAMES = 10_000
"""Reading stops after so many names of operating points."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """r rows of decisions; `UNKNOWN` and `EMPTY` mark unknown and missing words.

    :param instance: int32 [r] indices into the test ids.
    :param point: int32 [r] indices into `points`.
    :param points: names of operating points in order of first appearance.
    :param model: int16 [r] indices into the pool; None where probabilities are given.
    :param probabilities: float32 or float64 [r, K]; None where models are named.
    """

    instance: NDArray[np.int32]
    point: NDArray[np.int32]
    points: tuple[str, ...]
    model: NDArray[np.int16] | None
    probabilities: NDArray[Any] | None


def counted(code: str, where: str, message: str, examples: Sequence[object], count: int) -> Finding:
    """A finding about more than is listed."""
    return replace(finding(code, where, message, examples), count=count)


def read_rows(
    name: str, opened: DecisionFile, decided_by: tuple[str, ...], expected: Expected
) -> tuple[Rows, list[Finding]]:
    """Reads all rows.

    :param decided_by: `("model",)`, or the pool's names for probabilities.
    :raises DecisionsRefused: if the file cannot be read to its end.
    """
    if decided_by == (MODEL,):
        return _read(_Reader(name, expected, named=True), opened, (INSTANCE, POINT, MODEL), ())
    if opened.numbers is not None and (words := [column for column in decided_by if column not in opened.numbers]):
        raise DecisionsRefused(finding("bad-probability", name, "columns hold text instead of numbers", words))
    try:
        return _read(_Reader(name, expected, named=False), opened, (INSTANCE, POINT), decided_by)
    except NotNumbers:
        return _read(_Reader(name, expected, named=False), opened, (INSTANCE, POINT, *decided_by), ())


def _read(
    reader: _Reader, opened: DecisionFile, text: Sequence[str], numbers: Sequence[str]
) -> tuple[Rows, list[Finding]]:
    for portion in opened.portions(text, numbers):
        with reading(reader.name):
            reader.take(portion)
    return reader.rows(), reader.findings()


class _Tally:
    """One kind of mistake: how often it occurs, and where first."""

    def __init__(self, code: str, where: str, message: str) -> None:
        self.code, self.where, self.message = code, where, message
        self.count = 0
        self.examples: list[str] = []

    def add(self, wrong: NDArray[np.bool_], show: Callable[[int], str]) -> None:
        """Counts rows of a portion; `show` describes one of them."""
        self.count += int(wrong.sum())
        room = EXAMPLES - len(self.examples)
        if room > 0:
            self.examples += [show(int(row)) for row in np.flatnonzero(wrong)[:room]]


class _Reader:
    """Takes the portions of one file, in order."""

    def __init__(self, name: str, expected: Expected, *, named: bool) -> None:
        import pyarrow as pa

        self.name = name
        self._named = named
        self._pool = expected.pool
        self._ids = pa.array([each.encode() for each in expected.test_ids], pa.binary())
        self._models = pa.array([each.encode() for each in expected.pool], pa.binary())
        self._points: dict[bytes, int] = {}
        self._seen = 0
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any]]] = []
        self._tallies: dict[tuple[str, str], _Tally] = {}

    def take(self, portion: pa.Table) -> None:
        """Turns one portion into numbers."""
        ids, points = WordColumn(portion[INSTANCE]), WordColumn(portion[POINT])
        instance = ids.indices(self._ids)
        point = self._point(points)
        self._note_words("unknown-instance", INSTANCE, "rows are about instances outside the test split", instance, ids)
        self._note_empty(POINT, point)
        decided: NDArray[Any]
        if self._named:
            words = WordColumn(portion[MODEL])
            decided = words.indices(self._models).astype(np.int16)
            hint = "" if words.are_text else " (they are numbers, not names)"
            self._note_words(
                "model-not-in-pool", MODEL, f"rows name models that are not in the pool{hint}", decided, words
            )
        else:
            decided = self._probabilities(portion)
        self._parts.append((instance, point, decided))
        self._seen += len(instance)

    def rows(self) -> Rows:
        """All rows that were taken."""
        nothing = (np.empty(0, np.int32),) * 3
        parts, self._parts = self._parts or [nothing], []
        one = len(parts) == 1
        instance, point, decided = (
            parts[0][i] if one else np.concatenate([part[i] for part in parts]) for i in range(3)
        )
        return Rows(
            instance=instance,
            point=point,
            points=tuple(shown(word) for word in self._points),
            model=decided.astype(np.int16) if self._named else None,
            probabilities=None if self._named else decided,
        )

    def findings(self) -> list[Finding]:
        """What was wrong with the rows that were taken."""
        return [
            counted(tally.code, tally.where, f"{tally.count:,} {tally.message}", tally.examples, tally.count)
            for tally in self._tallies.values()
        ]

    def _note(self, code: str, column: str, message: str, wrong: NDArray[np.bool_], show: Callable[[int], str]) -> None:
        if wrong.any():
            where = f"{self.name}, column {column}" if column else self.name
            self._tallies.setdefault((code, message), _Tally(code, where, message)).add(
                wrong, lambda row: f"{show(row)} in row {self._seen + row + 1}"
            )

    def _note_words(self, code: str, column: str, message: str, indices: NDArray[Any], words: WordColumn) -> None:
        self._note_empty(column, indices)
        self._note(code, column, message, indices == UNKNOWN, lambda row: repr(words.word(row)))

    def _note_empty(self, column: str, indices: NDArray[Any]) -> None:
        self._note("null-decision", column, f"rows have no {column}", indices == EMPTY, lambda row: "empty")

    def _point(self, words: WordColumn) -> NDArray[np.int32]:
        """Indices of operating points; new ones are numbered."""
        codes, names = words.coded()
        for word in names:
            if word:
                self._points.setdefault(word, len(self._points))
        if len(self._points) > POINT_NAMES:
            where = f"{self.name}, column {POINT}"
            raise DecisionsRefused(
                finding("too-many-points", where, f"there are more than {POINT_NAMES:,}; reading stopped there")
            )
        place = np.array([self._points.get(word, EMPTY) for word in names] + [EMPTY], dtype=np.int32)
        return place[codes]

    def _probabilities(self, portion: pa.Table) -> NDArray[Any]:
        r, pool = len(portion), len(self._pool)
        columns = [numbers(portion[model]) for model in self._pool]
        narrow = all(values.dtype == np.float32 for values, _, _ in columns)
        given = np.empty((r, pool), np.float32 if narrow else np.float64)
        empty, worded = np.zeros((r, pool), bool), np.zeros((r, pool), bool)
        for j, (values, is_empty, is_worded) in enumerate(columns):
            given[:, j] = values
            empty[:, j] = False if is_empty is None else is_empty
            worded[:, j] = False if is_worded is None else is_worded
        finite = np.isfinite(given)
        negative = given < 0
        with np.errstate(invalid="ignore"):
            sums = given.sum(axis=1, dtype=np.float64)
        clean = (finite & ~negative).all(axis=1)

        def which(wrong: NDArray[np.bool_]) -> Callable[[int], str]:
            return lambda row: self._pool[int(np.argmax(wrong[row]))]

        def value(wrong: NDArray[np.bool_]) -> Callable[[int], str]:
            return lambda row: f"{which(wrong)(row)} = {given[row, int(np.argmax(wrong[row]))]:g}"

        # Empty cells and text are NaN among the numbers, and reported as what they are.
        bad = ~finite & ~empty & ~worded
        self._note("null-decision", "", "rows have an empty probability", _in_row(empty), which(empty))
        self._note("bad-probability", "", "rows have text instead of a probability", _in_row(worded), which(worded))
        self._note("bad-probability", "", "rows have probabilities that are not finite", _in_row(bad), value(bad))
        self._note("bad-probability", "", "rows have negative probabilities", _in_row(negative), value(negative))
        off = clean & (np.abs(sums - 1) > SUM_TOLERANCE)
        self._note("bad-probability", "", "rows do not sum to 1", off, lambda row: f"sum {sums[row]:.9g}")
        return given


def _in_row(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool [r]: whether one of a row's cells [r, K] is true."""
    return np.asarray(cells.any(axis=1), dtype=np.bool_)
