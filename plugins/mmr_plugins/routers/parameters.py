"""Checks of the parameters of routers: once a router exists its parameters are valid, or an error says what is."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, Never

import numpy as np

from mmr_core.errors import UsageError

MAX_SEED = 2**32 - 1


def whole(router: str, name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """`value` as an int within bounds.

    :raises UsageError: if it is not a whole number (a bool is not one), or out of bounds.
    """
    upper = "" if most is None else f" and at most {most}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        _refuse(router, name, value, f"give a whole number of at least {least}{upper}")
    number = int(value)
    if number < least or (most is not None and number > most):
        _refuse(router, name, value, f"give a whole number of at least {least}{upper}")
    return number


def seed_of(router: str, value: Any) -> int:
    """`value` as a seed that numpy, scikit-learn and torch all accept.

    :raises UsageError: if it is not a whole number in [0, 2**32 - 1].
    """
    return whole(router, "seed", value, least=0, most=MAX_SEED)


def wholes(router: str, name: str, value: Any) -> tuple[int, ...]:
    """`value` as a tuple of whole numbers of at least 1; it may be empty.

    :raises UsageError: if it is not a list of such numbers.
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        _refuse(router, name, value, "give a list of whole numbers, such as [256, 128]")
    return tuple(whole(router, name, item) for item in value)


def real(router: str, name: str, value: Any, *, least: float = 0.0, below: float = np.inf) -> float:
    """`value` as a finite float in [least, below).

    :raises UsageError: if it is not a number, or out of bounds.
    """
    wanted = f"give a number of at least {least:g}" + ("" if below == np.inf else f" and below {below:g}")
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        _refuse(router, name, value, wanted)
    if not least <= float(value) < below:
        _refuse(router, name, value, wanted)
    return float(value)


def positive(router: str, name: str, value: Any) -> float:
    """`value` as a finite float above 0.

    :raises UsageError: if it is not a number above 0.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not 0.0 < float(value) < np.inf:
        _refuse(router, name, value, "give a number above 0")
    return float(value)


def flag(router: str, name: str, value: Any) -> bool:
    """`value` as a bool.

    :raises UsageError: if it is anything but true or false.
    """
    if not isinstance(value, bool | np.bool_):
        _refuse(router, name, value, "give true or false")
    return bool(value)


def one_of(router: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """`value` as one of some words.

    :raises UsageError: if it is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        _refuse(router, name, value, f"give {' or '.join(repr(choice) for choice in choices)}")
    return value


def _refuse(router: str, name: str, value: Any, fix: str) -> Never:
    raise UsageError(f"{value!r} is not a value for {name!r}", where=f"router {router!r}", fix=fix)
