"""Reads back the state that a fitted component wrote, without trusting where it comes from.

A state is arrays and JSON values by name (`contracts.State`). The `restore` of a component takes each from a
`StateReader`, which checks type, shape and finiteness, and names what is wrong. Files belong to `trained`. It stands
apart from `contracts`, which holds no behaviour and needs no numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import State

_FIX = "train it again"


class StateReader:
    """Takes a state apart, item by item.

    :param state: as `contracts.Saveable.state` gave it, or as a file has it.
    :param owner: whose it is, for messages: "router 'mine'".

    Dimensions may have names, which stand for one size in the whole state:

        reader = StateReader(state, "router 'mine'")
        centres = reader.array("centres", np.float64, ("clusters", "features"))
        means = reader.array("means", np.float64, ("clusters", "models"))  # as many rows as there are centres
        width = reader.size("features")
        reader.finish()
    """

    def __init__(self, state: State, owner: str) -> None:
        self._left = dict(state)
        self._owner = owner
        self._sizes: dict[str, int] = {}

    def array(
        self, name: str, dtype: type[np.generic], shape: Sequence[int | str], *, with_nan: bool = False
    ) -> NDArray[Any]:
        """The array of this name.

        :param dtype: exactly this one.
        :param shape: a size, or the name of one, for each dimension.
        :param with_nan: whether NaN is a value; infinity never is.
        :raises DataError: if there is no such array, or its type, shape or values are wrong.
        """
        array = self._taken(name)
        if not isinstance(array, np.ndarray):
            raise self.refuse(f"{name!r}: expected an array")
        if array.dtype != np.dtype(dtype):
            raise self.refuse(f"{name!r}: expected {np.dtype(dtype)}, got {array.dtype}")
        expected = tuple(size if isinstance(size, int) else self._sizes.get(size, size) for size in shape)
        fits = len(expected) == array.ndim and all(
            size == here or isinstance(size, str) for size, here in zip(expected, array.shape, strict=True)
        )
        if not fits:
            raise self.refuse(f"{name!r}: expected shape ({', '.join(map(str, expected))}), got {array.shape}")
        for size, here in zip(expected, array.shape, strict=True):
            if isinstance(size, str) and self._sizes.setdefault(size, here) != here:
                raise self.refuse(f"{name!r} has shape {array.shape}, with two sizes of {size}")
        strange = np.isinf(array) if with_nan else ~np.isfinite(array)
        if strange.any():
            raise self.refuse(f"{name!r} has {int(strange.sum())} numbers that are not finite")
        return array

    def whole(self, name: str, *, least: int = 0) -> int:
        """The whole number of this name.

        :raises DataError: if there is none, or it is less than `least`.
        """
        value = self._taken(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.refuse(f"{name!r}: expected a whole number of at least {least}, got {value!r:.60}")
        return value

    def text(self, name: str) -> str:
        """The text of this name.

        :raises DataError: if there is none.
        """
        value = self._taken(name)
        if not isinstance(value, str):
            raise self.refuse(f"{name!r}: expected text, got {value!r:.60}")
        return value

    def texts(self, name: str) -> list[str]:
        """The list of texts of this name.

        :raises DataError: if there is none.
        """
        value = self._taken(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refuse(f"{name!r}: expected a list of texts")
        return list(value)

    def size(self, name: str) -> int:
        """The size of a named dimension."""
        return self._sizes[name]

    def has(self, name: str) -> bool:
        """Whether an item of this name is left."""
        return name in self._left

    def finish(self) -> None:
        """:raises DataError: if an item was left."""
        if self._left:
            raise self.refuse(f"{min(self._left)!r} is unknown")

    def _taken(self, name: str) -> Any:
        if name not in self._left:
            raise self.refuse(f"{name!r} is missing")
        return self._left.pop(name)

    def refuse(self, what: str) -> DataError:
        """The error to raise for an invalid state; also for components, whose reasons the reader cannot know."""
        return DataError(f"its state is not what it wrote: {what}", where=self._owner, fix=_FIX)
