"""From what a component says it learned to JSON and named arrays, and back.

Components belong to plugins, so what they give is checked before it is written, and what `restore` raises about a
file becomes one line. Called by `saving` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.contracts import Saveable
from mmr_core.errors import DataError, MMRError, PluginError, UsageError
from mmr_core.trained.archive import ARRAY_NAME, KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTRACT = "mmr_core.contracts.Saveable"


def demand_saveable(component: object, label: str) -> None:
    """Asked before anything is fitted, of a component or of its class.

    :raises UsageError: if it has no way to be saved.
    """
    absent = [name for name in ("state", "restore") if not callable(getattr(component, name, None))]
    if absent:
        raise UsageError(
            f"{label} cannot be saved: it has no {' and no '.join(absent)}",
            fix=f"choose another, or give it state() and restore(state), arrays and JSON alone ({CONTRACT})",
        )


def written_down(component: Saveable, prefix: str, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What a component learned: the JSON values by name, and the arrays by `prefix/name`.

    :raises PluginError: if it gives anything else.
    """
    state = component.state()
    if not isinstance(state, Mapping):
        raise _broken(label, f"state gave a {type(state).__name__} where a mapping is due")
    values: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in state.items():
        if not isinstance(name, str) or "/" in name or not ARRAY_NAME.fullmatch(name):
            raise _broken(label, f"state has the name {name!r:.80}; letters, digits, '.', '_' and '-' make names")
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in KINDS or not value.dtype.isnative or value.dtype.names:
                raise _broken(label, f"state {name!r} is an array of {value.dtype}, not of plain numbers")
            arrays[f"{prefix}/{name}"] = value.copy(order="K")  # sums over it round by the order it lies in
        else:
            values[name] = as_json(value, label, f"state {name!r}")
    return values, arrays


def as_json(value: Any, label: str, what: str) -> Any:
    """A value as JSON gives it back: tuples as lists.

    :raises PluginError: if it is no JSON.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise _broken(label, f"{what} is {value!r:.60}, neither an array nor JSON ({error})") from error


def read_back(component: Saveable, values: Mapping[str, Any], arrays: dict[str, NDArray[Any]], prefix: str) -> Any:
    """The component, restored from its values and from the arrays of its prefix, which are taken out of `arrays`.

    :raises DataError: if it cannot be restored from them.
    """
    own = {name: arrays.pop(name) for name in list(arrays) if name.startswith(f"{prefix}/")}
    state = {**values, **{name.removeprefix(f"{prefix}/"): array for name, array in own.items()}}
    # A plugin's restore may meet anything in a damaged file.
    try:
        restored = component.restore(state)
    except MMRError:
        raise
    except Exception as error:
        raise DataError(f"the {prefix} cannot be restored ({type(error).__name__}: {error})") from error
    if restored is None:
        raise _broken(f"the {prefix}", "restore returned nothing; it returns self")
    return restored


def _broken(label: str, what: str) -> PluginError:
    return PluginError(what, where=label, fix=f"the contract is {CONTRACT}")
