"""Finished cells on disk, found by their fingerprints, so that no run repeats what an earlier one finished.

One file per cell, written whole or not at all, so that any number of processes may share a folder: two that finish
the same cell write the same thing. A file that is damaged is as good as none. What is kept is data of this package
(dataclasses, tuples, mappings, numbers, text and arrays), as JSON with the bytes of the arrays behind it, so reading
a file runs nothing and gives back the very bits.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import MMRError
from mmr_core.store.atomic import write_atomically

_SEAL = 16
"""Bytes of the digest at the head of a file."""

_LENGTH = 8
"""Bytes behind it that say how long the JSON is."""

_ENGINE = __name__.partition(".")[0]
_KINDS = "biuf"
"""Kinds of arrays that are kept: booleans, whole numbers, floats."""


class CellCache:
    """Outcomes of finished cells in a folder, which is made where it does not exist.

    Files of older code or data stay behind; the folder may be deleted at any time.

    :param suffix: of its files, where they hold something other than cells.
    """

    def __init__(self, folder: Path, suffix: str = "cell") -> None:
        self.folder = folder
        self._suffix = suffix

    def load(self, fingerprint: str) -> Any:
        """The outcome of a finished cell; None if there is none, or its file is damaged.

        :raises MMRError: if a file is there and cannot be read.
        """
        path = self._path(fingerprint)
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MMRError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
        content = sealed[_SEAL:]
        return unpacked(content) if sealed[:_SEAL] == _seal(content) else None

    def store(self, fingerprint: str, outcome: Any) -> None:
        """Keeps the outcome of a finished cell.

        :raises MMRError: if it cannot be written.
        """
        path = self._path(fingerprint)
        content = packed(outcome)
        try:
            write_atomically(path, _seal(content) + content)
        except OSError as error:
            raise MMRError(
                f"cannot be written: {error.strerror or error}", where=str(path), fix="name another cache folder"
            ) from error

    def _path(self, fingerprint: str) -> Path:
        return self.folder / fingerprint[:2] / f"{fingerprint}.{self._suffix}"


def packed(outcome: Any) -> bytes:
    """What is to be kept, as bytes.

    :raises TypeError: if it holds something that is not kept.
    """
    arrays: list[NDArray[Any]] = []
    head = json.dumps(_plain(outcome, arrays)).encode()
    return len(head).to_bytes(_LENGTH, "little") + head + b"".join(array.tobytes() for array in arrays)


def unpacked(content: bytes) -> Any:
    """What `packed` was given, bit for bit; lists come back as lists and tuples as tuples."""
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    return _rebuilt(json.loads(content[_LENGTH:start]), memoryview(content)[start:], [0])


def _seal(content: bytes) -> bytes:
    return blake2b(content, digest_size=_SEAL).digest()


def _plain(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """A value as JSON; a dict of one entry says what JSON has no type for."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, np.generic):
        return _plain(value.item(), arrays)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise TypeError(f"cannot keep an array of {value.dtype}")
        arrays.append(np.ascontiguousarray(value))
        return {"array": [value.dtype.str, list(value.shape)]}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_plain(item, arrays) for item in value]}
    if is_dataclass(value) and type(value).__module__.partition(".")[0] == _ENGINE:
        own = {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value) if field.init}
        return {"object": [type(value).__module__, type(value).__qualname__, own]}
    if hasattr(value, "items"):
        return {"mapping": [[str(key), _plain(item, arrays)] for key, item in value.items()]}
    raise TypeError(f"cannot keep a {type(value).__name__}")


def _rebuilt(plain: Any, arrays: memoryview, at: list[int]) -> Any:
    """The value of some JSON; `at` says how far the arrays have been read."""
    if not isinstance(plain, dict):
        return plain
    ((what, given),) = plain.items()
    if what == "array":
        dtype, shape = np.dtype(given[0]), tuple(given[1])
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(arrays, dtype=dtype, count=count, offset=at[0]).reshape(shape)
        at[0] += array.nbytes
        return array.copy()
    if what in ("tuple", "list"):
        items = [_rebuilt(item, arrays, at) for item in given]
        return tuple(items) if what == "tuple" else items
    if what == "mapping":
        return {key: _rebuilt(item, arrays, at) for key, item in given}
    module, name, own = given
    if module.partition(".")[0] != _ENGINE:
        raise TypeError(f"{module}.{name} is not part of {_ENGINE}")
    kind = getattr(import_module(module), name)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise TypeError(f"{module}.{name} is not a dataclass")
    return kind(**{key: _rebuilt(item, arrays, at) for key, item in own.items()})
