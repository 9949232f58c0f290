"""Reading pickles that others made, without running anything of theirs.

A pickle is a program that may name any function and call it. Here every name it may use stands for a harmless piece
of our own (see `stand_ins`): numpy arrays, their scalars and dtypes, pandas frames, series and indices, and plain
containers. Any other name is refused by name, before anything of it is imported or called.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from mmr_core.errors import DataError
from mmr_core.logs import stand_ins

_CONTAINERS = {"set": set, "frozenset": frozenset, "list": list, "dict": dict, "tuple": tuple}
_OCTETS = {"bytes": stand_ins.Octets, "bytearray": stand_ins.Octets}
_NUMBERS = {"complex": complex, "slice": slice, "int": int, "float": float, "str": str, "bool": bool}
_BUILTINS = {**_CONTAINERS, **_OCTETS, **_NUMBERS}

_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): dict,
    ("collections", "defaultdict"): stand_ins.DefaultDict,
    ("_codecs", "encode"): stand_ins.Latin,
    ("numpy", "ndarray"): stand_ins.Array,
    ("numpy", "dtype"): stand_ins.Dtype,
    ("numpy.core.multiarray", "_reconstruct"): stand_ins.Array,
    ("numpy.core.multiarray", "scalar"): stand_ins.Scalar,
    ("numpy.core.numeric", "_frombuffer"): stand_ins.Buffered,
    ("pandas", "DataFrame"): stand_ins.Frame,
    ("pandas.core.frame", "DataFrame"): stand_ins.Frame,
    ("pandas", "Series"): stand_ins.Frame,
    ("pandas.core.series", "Series"): stand_ins.Frame,
    ("pandas.core.internals.managers", "BlockManager"): stand_ins.Manager,
    ("pandas.core.internals.managers", "SingleBlockManager"): stand_ins.Manager,
    ("pandas._libs.internals", "_unpickle_block"): stand_ins.Block,
    ("pandas.core.internals.blocks", "new_block"): stand_ins.Block,
    ("pandas.core.indexes.base", "_new_Index"): stand_ins.Index,
    ("pandas", "Index"): stand_ins.Index,
    ("pandas.core.indexes.base", "Index"): stand_ins.Index,
    ("pandas.core.indexes.numeric", "Int64Index"): stand_ins.Index,
    ("pandas.core.indexes.numeric", "UInt64Index"): stand_ins.Index,
    ("pandas.core.indexes.numeric", "Float64Index"): stand_ins.Index,
    ("pandas", "RangeIndex"): stand_ins.RangeIndex,
    ("pandas.core.indexes.range", "RangeIndex"): stand_ins.RangeIndex,
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _BUILTINS.items()},
}


class _Unpickler(pickle.Unpickler):
    """Gives pieces of our own for the names that a pickle may use."""

    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module.replace("numpy._core.", "numpy.core."), name))
        if found is None:
            raise DataError(
                f"wants {module}.{name}, and may have nothing but numpy arrays, pandas frames and plain containers",
                fix="save it as CSV or Parquet where it was made",
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise DataError("refers to things outside of itself")


def load_pickle(file: Path) -> Any:
    """What a pickle holds: plain containers, numpy arrays, pandas frames, and nothing else.

    Containers of the kind of a dictionary come as dictionaries, and indices of numbers as plain ones.

    :raises DataError: if it holds anything else, in whatever depth, is no pickle, is cut short, or cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return stand_ins.Making().made(_Unpickler(stream).load())
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from None
    except RecursionError:
        raise DataError("is nested too deeply") from None
    except MemoryError:
        raise DataError("wants more memory than there is") from None
    except Exception as error:  # Damaged bytes make the machine of pickle fail in any way.
        raise DataError(f"is no pickle, or is damaged ({type(error).__name__}: {error})") from None
