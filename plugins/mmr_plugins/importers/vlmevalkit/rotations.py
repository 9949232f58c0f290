"""Circular evaluation: a question is asked once per rotation of its options, under index g + k * 1,000,000."""

from __future__ import annotations

_STEP = 1_000_000


class Rotations:
    """The instances of one file, so far.

    Only an index whose g came before it is taken for a rotation: elsewhere large numbers are ids like any other.
    """

    def __init__(self) -> None:
        self._first: set[int] = set()

    def place(self, native: str) -> tuple[str, int]:
        """The instance that an index is about, and the number of the attempt at it, from 1."""
        if not (native.isascii() and native.isdigit()):
            return native, 1
        rotation, first = divmod(int(native), _STEP)
        if rotation and first in self._first:
            return str(first), rotation + 1
        if not rotation:
            self._first.add(first)
        return native, 1
