"""Reads pickles from unknown sources without running any code of theirs.

A pickle is a program that may name any function and call it. Here every name that it may use stands for a harmless
class of our own: numpy arrays, their scalars and dtypes, pandas frames, series and indices, and plain containers. Any
other name is refused before anything is imported or called.

While a pickle is read, the stand-ins only gather bare facts, and neither numpy nor pandas is called. `Making` then
turns the facts into arrays, frames and containers, and checks each: a dtype is one of numbers, texts or objects, an
array has exactly the bytes that its shape needs. The classes are sealed, so that no pickle can change them for the
next one.
"""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mmr_core.errors import DataError

_KINDS = "biufcSUO"
_ATOMS = (type(None), bool, int, float, complex, str, bytes, bytearray, slice)
_FOREIGN = "holds {}, and only numpy arrays, pandas frames and plain containers may be read"


class _Sealed(type):
    def __setattr__(cls, name: str, value: object) -> None:
        raise DataError("tries to change its reader")


class Dtype(metaclass=_Sealed):
    """`numpy.dtype`, of numbers, texts or objects."""

    __slots__ = ("order", "text")

    def __init__(self, text: str, *options: object) -> None:
        self.text, self.order = text, ""

    def __setstate__(self, state: Any) -> None:
        _, order, *rest = state
        if order not in ("<", ">", "|", "=") or any(part is not None for part in rest[:3]):
            raise DataError("has an array of records, which is not read")
        self.order = order

    def made(self) -> np.dtype[Any]:
        """The dtype itself."""
        dtype = np.dtype(self.text)
        if dtype.kind not in _KINDS or dtype.fields is not None or dtype.subdtype is not None or not dtype.itemsize:
            raise DataError(f"has an array of dtype {self.text!r}, which is not read")
        return dtype.newbyteorder("<" if self.order == "<" else ">") if self.order in ("<", ">") else dtype


class Array(metaclass=_Sealed):
    """`numpy.ndarray`, as `_reconstruct` makes it empty and its state fills it."""

    __slots__ = ("data", "dtype", "fortran", "shape")

    def __init__(self, *ignored: object) -> None:
        self.shape: Any = (0,)
        self.dtype: Any = Dtype("f8")
        self.fortran: Any = False
        self.data: Any = b""

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, self.fortran, self.data = state


class Buffered(Array):
    """`numpy.core.numeric._frombuffer`: an array whose bytes come with it."""

    __slots__ = ()

    def __init__(self, data: Any, dtype: Any, shape: Any, order: Any, *ignored: object) -> None:
        self.data, self.dtype, self.shape, self.fortran = data, dtype, shape, order == "F"


class Scalar(Array):
    """`numpy.core.multiarray.scalar`."""

    __slots__ = ()

    def __init__(self, dtype: Any, data: Any = b"") -> None:
        self.data, self.dtype, self.shape, self.fortran = data, dtype, (), False


class Index(metaclass=_Sealed):
    """`pandas` indices: the kind (a class here) and the parts that `_new_Index` is given."""

    __slots__ = ("kind", "parts")

    def __init__(self, kind: Any = None, parts: Any = None) -> None:
        self.kind, self.parts = kind, parts


class RangeIndex(Index):
    """The kind of a `pandas.RangeIndex`."""

    __slots__ = ()


class Block(metaclass=_Sealed):
    """Columns of one dtype in a frame."""

    __slots__ = ("places", "values")

    def __init__(self, values: Any, placement: Any, *ignored: object, **also_ignored: object) -> None:
        self.values, self.places = values, placement


class Manager(metaclass=_Sealed):
    """The blocks and axes of a frame; newer pandas gives them as arguments, older as state."""

    __slots__ = ("axes", "blocks")

    def __init__(self, blocks: Any = (), axes: Any = (), *ignored: object) -> None:
        self.blocks, self.axes = blocks, axes

    def __setstate__(self, state: Any) -> None:
        parts = state[3]["0.14.1"]
        self.axes = parts["axes"]
        self.blocks = [Block(block["values"], block["mgr_locs"]) for block in parts["blocks"]]


class Frame(metaclass=_Sealed):
    """`pandas.DataFrame` or `pandas.Series`."""

    __slots__ = ("state",)

    def __init__(self, *ignored: object) -> None:
        self.state: Any = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state


class DefaultDict(dict[Any, Any], metaclass=_Sealed):
    """`collections.defaultdict`, without its default."""

    __slots__ = ()

    def __init__(self, *ignored: object) -> None:
        super().__init__()


class Latin(metaclass=_Sealed):
    """`_codecs.encode`, by which old pickles write bytes as text."""

    __slots__ = ()

    def __new__(cls, text: Any = "", encoding: Any = "latin1", *ignored: object) -> Any:
        if not isinstance(text, str) or encoding != "latin1":
            raise DataError(f"asks for the encoding {encoding!r}")
        return text.encode("latin1")


class Octets(metaclass=_Sealed):
    """`bytes` and `bytearray`, of what is in the file."""

    __slots__ = ()

    def __new__(cls, content: Any = b"", encoding: Any = "latin1") -> Any:
        if isinstance(content, str):
            return content.encode("latin1")
        if not isinstance(content, (bytes, bytearray)):
            raise DataError("asks for bytes that it does not contain")
        return bytes(content)


class Making:
    """Turns what was gathered into real objects, each one once however often it is referenced."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[object, Any]] = {}
        self._active: set[int] = set()

    def made(self, value: Any) -> Any:
        """The real object.

        :raises DataError: if it, or anything in it, is not what a pickle of data may hold.
        """
        if type(value) in _ATOMS:
            return value
        key = id(value)
        if key in self._made:
            return self._made[key][1]
        if key in self._active:
            raise DataError("holds something that contains itself")
        self._active.add(key)
        result = self._make(value)
        self._active.discard(key)
        self._made[key] = value, result
        return result

    def _make(self, value: Any) -> Any:
        kind = type(value)
        if kind in (list, tuple, set, frozenset):
            return kind(self.made(each) for each in value)
        if kind in (dict, DefaultDict):
            return {self.made(key): self.made(each) for key, each in value.items()}
        if isinstance(value, Array):
            return self._array(value)
        if kind is Index:
            return self._index(value)
        if kind is Frame:
            return self._frame(value)
        name = value.__name__ if isinstance(value, type) else kind.__name__
        raise DataError(_FOREIGN.format(f"a {name}"))

    def _array(self, array: Array) -> Any:
        if not isinstance(array.dtype, Dtype) or not isinstance(array.shape, tuple):
            raise DataError("has a damaged array")
        dtype, shape = array.dtype.made(), array.shape
        if not all(type(side) is int and side >= 0 for side in shape):
            raise DataError("has an array of an impossible shape")
        count, order = math.prod(shape), "F" if array.fortran else "C"
        if dtype.kind == "O":
            if type(array.data) is not list or len(array.data) != count:
                raise DataError("has an array with other contents than its shape needs")
            cells = np.empty(count, dtype=object)
            for i, each in enumerate(array.data):
                cells[i] = self.made(each)
            return cells.reshape(shape, order=order)  # type: ignore[call-overload]
        if not isinstance(array.data, (bytes, bytearray)) or len(array.data) != count * dtype.itemsize:
            raise DataError("has an array with other contents than its shape needs")
        numbers = np.frombuffer(bytes(array.data), dtype=dtype).reshape(shape, order=order)  # type: ignore[call-overload]
        return numbers[()] if isinstance(array, Scalar) else numbers.copy()

    def _index(self, index: Index) -> Any:
        import pandas as pd

        parts = self.made(index.parts)
        if index.kind is RangeIndex:
            start, stop, step = (parts[name] for name in ("start", "stop", "step"))
            if not all(type(side) is int for side in (start, stop, step)):
                raise DataError("has a damaged index")
            return pd.RangeIndex(start, stop, step, name=parts.get("name"))
        if index.kind is not Index or not isinstance(parts.get("data"), np.ndarray):
            raise DataError("has a damaged index")
        return pd.Index(parts["data"], name=parts.get("name"))

    def _frame(self, frame: Frame) -> Any:
        import pandas as pd

        manager = frame.state.get("_mgr", frame.state.get("_data"))
        if type(manager) is not Manager:
            raise DataError("has a damaged frame")
        axes = [self.made(axis) for axis in manager.axes]
        blocks = list(manager.blocks)
        if not all(type(block) is Block for block in blocks):
            raise DataError("has a damaged frame")
        if len(axes) == 1:
            values = self.made(blocks[0].values)
            return pd.Series(values, index=axes[0], name=self.made(frame.state.get("_name", frame.state.get("name"))))
        columns, index = axes
        cells: list[Any] = [None] * len(columns)
        for block in blocks:
            values = self.made(block.values)
            places = np.arange(len(columns))[self.made(block.places)]
            if values.shape != (len(places), len(index)):
                raise DataError("has a damaged frame")
            for place, row in zip(places, values, strict=True):
                cells[place] = row
        if any(column is None for column in cells):
            raise DataError("has a frame with columns that have no values")
        made = pd.DataFrame(dict(enumerate(cells)), index=index)
        made.columns = columns
        return made


_CONTAINERS = {"set": set, "frozenset": frozenset, "list": list, "dict": dict, "tuple": tuple}
_OCTETS = {"bytes": Octets, "bytearray": Octets}
_NUMBERS = {"complex": complex, "slice": slice, "int": int, "float": float, "str": str, "bool": bool}
_BUILTINS = {**_CONTAINERS, **_OCTETS, **_NUMBERS}

_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): dict,
    ("collections", "defaultdict"): DefaultDict,
    ("_codecs", "encode"): Latin,
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Dtype,
    ("numpy.core.multiarray", "_reconstruct"): Array,
    ("numpy.core.multiarray", "scalar"): Scalar,
    ("numpy.core.numeric", "_frombuffer"): Buffered,
    ("pandas", "DataFrame"): Frame,
    ("pandas.core.frame", "DataFrame"): Frame,
    ("pandas", "Series"): Frame,
    ("pandas.core.series", "Series"): Frame,
    ("pandas.core.internals.managers", "BlockManager"): Manager,
    ("pandas.core.internals.managers", "SingleBlockManager"): Manager,
    ("pandas._libs.internals", "_unpickle_block"): Block,
    ("pandas.core.internals.blocks", "new_block"): Block,
    ("pandas.core.indexes.base", "_new_Index"): Index,
    ("pandas", "Index"): Index,
    ("pandas.core.indexes.base", "Index"): Index,
    ("pandas.core.indexes.numeric", "Int64Index"): Index,
    ("pandas.core.indexes.numeric", "UInt64Index"): Index,
    ("pandas.core.indexes.numeric", "Float64Index"): Index,
    ("pandas", "RangeIndex"): RangeIndex,
    ("pandas.core.indexes.range", "RangeIndex"): RangeIndex,
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _BUILTINS.items()},
}


class _Unpickler(pickle.Unpickler):
    """Resolves the names that a pickle may use to the classes above."""

    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module.replace("numpy._core.", "numpy.core."), name))
        if found is None:
            raise DataError(
                f"asks for {module}.{name}, and only numpy arrays, pandas frames and plain containers may be read",
                fix="save it as CSV or Parquet where it was made",
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise DataError("refers to objects outside itself")


def load_pickle(file: Path) -> Any:
    """The content of a pickle of plain containers, numpy arrays and pandas frames.

    All kinds of dictionaries become plain dictionaries, and all indices of numbers plain indices.

    :raises DataError: if it holds anything else at any depth, is not a pickle, is cut short, or cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return Making().made(_Unpickler(stream).load())
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from None
    except RecursionError:
        raise DataError("is nested too deeply") from None
    except MemoryError:
        raise DataError("needs more memory than there is") from None
    except Exception as error:  # Damaged bytes make the machine of pickle fail in any way.
        raise DataError(f"is not a pickle, or is damaged ({type(error).__name__}: {error})") from None
