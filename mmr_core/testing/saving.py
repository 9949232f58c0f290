"""Whether what a component learned can be written down and read back, where it offers that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmr_core.testing.checks import Broken, NotApplicable
from mmr_core.trained.restore import restored_component
from mmr_core.trained.serialize import component_state


def restored(fitted: Any, make: Callable[[], Any], label: str) -> Any:
    """A new component with the state of a fitted one, which went through copies of plain arrays and JSON.

    :raises NotApplicable: if it has neither `state` nor `restore`.
    :raises Broken: if it has one of them.
    :raises MMRError: if its state is none.
    """
    has = [name for name in ("state", "restore") if callable(getattr(fitted, name, None))]
    if not has:
        raise NotApplicable("it has no state() and restore(state), which are optional: 'mmr train' cannot save it")
    if len(has) == 1:
        raise Broken(f"it has {has[0]} alone", expected="both state() and restore(state), or neither")
    values, arrays = component_state(fitted, "component", label)
    copies = {name: array.copy(order="K") for name, array in arrays.items()}
    return restored_component(make(), values, copies, "component")
