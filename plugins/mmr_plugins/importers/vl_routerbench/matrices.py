"""The two matrices of VL-RouterBench: scores, which must be there, and costs, which may be."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.logs import LogSource

_KEYS = ("Y", "data", "arr_0")
_DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, MemoryError)


def scores_in(file: Path) -> NDArray[np.float64]:
    """The matrix of scores, [n, K].

    :raises DataError: if the file holds no matrix of numbers.
    """
    try:
        arrays = np.load(file, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise DataError("is one array, not an archive of arrays")
        with arrays:
            names = arrays.files
            if "indptr" in names:
                raise DataError("has a sparse matrix, in which a wrong answer and no answer are the same")
            name = next((key for key in _KEYS if key in names), names[0] if len(names) == 1 else "")
            if not name:
                raise DataError(f"has no array 'Y', but {', '.join(names) or 'none'}")
            return _matrix(arrays[name])
    except _DAMAGE as error:
        raise DataError(f"is no archive of arrays, or was cut short ({_first_line(error)})") from None


def costs_beside(scores: Path, shape: tuple[int, ...], source: LogSource) -> NDArray[np.float64] | None:
    """The matrix of costs in USD beside one of scores; None, and a fault, where it cannot be used.

    A cost of zero is unknown.
    """
    file = scores.with_name("C.npy")
    if not file.is_file():
        source.fault(scores, "has no C.npy beside it, so costs are unknown")
        return None
    try:
        cost = _matrix(np.load(file, allow_pickle=False))
        if cost.shape != shape:
            raise DataError(f"has the shape {cost.shape}, where {scores.name} has {shape}")
    except DataError as error:
        source.fault(file, f"{error}; costs are unknown")
        return None
    except _DAMAGE as error:
        source.fault(file, f"is no array, or was cut short ({_first_line(error)}); costs are unknown")
        return None
    return np.where(cost == 0, np.nan, cost)


def _matrix(array: Any) -> NDArray[np.float64]:
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "biuf":
        what = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise DataError(f"has no matrix of numbers, but {what}")
    return array.astype(np.float64)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
