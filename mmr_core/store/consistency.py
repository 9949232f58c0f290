"""Whether a table that is imported agrees with what the store has already.

Nothing existing is ever rewritten, so a difference is an error that names it. The image paths of known instances
stay as they were first imported.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import DataError
from mmr_core.store.outcome_files import CACHED, NUMBERS, STATUS_WORDS, has_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.specs import DatasetSpec, ModelSpec
    from mmr_core.store.outcome_files import Instances, Outcomes

_FIX = "import into a new store"


def demand_same_spec(stored: DatasetSpec | ModelSpec, given: DatasetSpec | ModelSpec, owner: str, where: str) -> None:
    """
    :raises DataError: if a dataset or model is described differently than when it was stored.
    """
    for field in fields(stored):
        old, new = getattr(stored, field.name), getattr(given, field.name)
        if old != new:
            raise DataError(f"{owner} is already here with {field.name} {old!r}, not {new!r}", where=where, fix=_FIX)


def demand_same_instances(stored: Instances, given: Instances, owner: str, where: str) -> None:
    """Every instance given must be stored, with the same question and answer, and with its category if it has one.

    :raises DataError: if one is not.
    """
    rows = _positions(stored.instance_id, given.instance_id)
    new = rows < 0
    if new.any():
        raise DataError(
            f"{owner} is already here without {_first(given.instance_id, new)}; its instances cannot be added to",
            where=where,
            fix=_FIX,
        )
    for name, compared in (
        ("question", slice(None)),
        ("answer", slice(None)),
        ("category", given.category != ""),
    ):
        old, now = getattr(stored, name)[rows][compared], getattr(given, name)[compared]
        differs = old != now
        if differs.any():
            i = int(np.flatnonzero(differs)[0])
            raise DataError(
                f"{owner} is already here, where {_first(given.instance_id[compared], differs)} has the {name} "
                f"{_short(old[i])}, not {_short(now[i])}",
                where=where,
                fix=_FIX,
            )


def demand_same_outcomes(stored: Outcomes, given: Outcomes, owner: str, where: str) -> None:
    """Every outcome given must be stored with the same numbers, status and response; empty rows are passed over.

    :raises DataError: if one is not.
    """
    speaks = given.known
    rows = _positions(stored.instance_id, given.instance_id)
    new = speaks & (rows < 0)
    if new.any():
        raise DataError(
            f"{owner} is already here without {_first(given.instance_id, new)}; outcomes cannot be added to",
            where=where,
            fix=_FIX,
        )
    rows, ids = rows[speaks], given.instance_id[speaks]
    for name in (*NUMBERS, CACHED, "status", "response"):
        old, now = getattr(stored, name)[rows], getattr(given, name)[speaks]
        if name == "status":
            old, now = STATUS_WORDS[old], STATUS_WORDS[now]
        differs = _differs(old, now)
        if differs.any():
            i = int(np.flatnonzero(differs)[0])
            raise DataError(
                f"{owner} is already here, where {_first(ids, differs)} has the {name} "
                f"{_short(old[i])}, not {_short(now[i])}",
                where=where,
                fix=_FIX,
            )


def _positions(stored: NDArray[np.object_], given: NDArray[np.object_]) -> NDArray[np.intp]:
    """The index of each given id among those stored; -1 where it is new."""
    position = {idx: i for i, idx in enumerate(stored)}
    return np.array([position.get(idx, -1) for idx in given], dtype=np.intp)


def _differs(old: NDArray[Any], now: NDArray[Any]) -> NDArray[np.bool_]:
    if old.dtype == object:
        return has_text(now) & np.array(old != now, dtype=np.bool_)
    differs: NDArray[np.bool_] = (old != now) & ~(np.isnan(old) & np.isnan(now))
    return differs


def _first(ids: NDArray[np.object_], chosen: NDArray[np.bool_]) -> str:
    others = int(chosen.sum()) - 1
    return f"{ids[chosen][0]!r}" + (f" (and {others} more)" if others else "")


def _short(value: Any) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."
