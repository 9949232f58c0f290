"""Logs that are pickles: read only where the person says so, and then only as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from mmr_core.logs import LogSource


def pickled(file: Path, source: LogSource) -> Any:
    """What a pickle holds.

    :raises DataError: if pickles are not allowed, or it holds what is no data.
    """
    from mmr_core.logs.pickles import load_pickle

    if not source.allow_pickle:
        raise DataError(
            "is a pickle, and none is read unasked",
            fix="add --allow-pickle, and it is read as arrays and plain containers, without running anything in it",
        )
    return load_pickle(file)
