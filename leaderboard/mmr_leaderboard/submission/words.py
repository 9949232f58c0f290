"""Columns of an Arrow table as numpy arrays: words as indices into a list, numbers as floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

UNKNOWN, EMPTY = -1, -2
"""What stands for a word that is not in the list, and for none."""

NUMBER = r"^[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*$|^[ \t]*[+-]?(?i:nan|inf|infinity)[ \t]*$"


class Words:
    """A column of words; integers and floats are taken as they would be written.

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
        """[r] where each word stands in `known`, a binary array; `UNKNOWN` or `EMPTY` where it does not."""
        found = pc.fill_null(pc.index_in(self._values, value_set=known), UNKNOWN).to_numpy(zero_copy_only=False)
        found = np.array(found, dtype=np.int32)
        found[pc.fill_null(pc.binary_length(self._values), 0).to_numpy(zero_copy_only=False) == 0] = EMPTY
        return found if self._codes is None else np.append(found, np.int32(EMPTY))[_filled(self._codes, len(found))]

    def coded(self) -> tuple[NDArray[np.int64], list[bytes]]:
        """The distinct words, and [r] where each row's word stands among them; behind their end where it is empty."""
        if self._codes is None:
            array = self._values.dictionary_encode()
            values, codes = array.dictionary, array.indices
        else:
            values, codes = self._values, self._codes
        words = [word or b"" for word in values.to_pylist()]
        return _filled(codes, len(words)), words

    def word(self, row: int) -> str:
        """The word in a row, printable whatever its bytes are."""
        at = row if self._codes is None else self._codes[row].as_py()
        return shown(self._values[at].as_py() or b"")


def shown(word: bytes) -> str:
    """A word of any bytes as text."""
    return word.decode("utf-8", "backslashreplace")


def numbers(column: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
    """A column of numbers, which text may stand for.

    :return: [r] floats, NaN where there is none; bool [r], whether it is empty; bool [r], whether text is no number;
        None in place of a mask that is nowhere true.
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
