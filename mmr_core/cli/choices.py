"""Turns what people type on the command line into names, lists and values; shared by the commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mmr_core.errors import UsageError
from mmr_core.registry import Registry

ALL = "all"
PROGRAM = "mmr"


def listed(text: str) -> list[str]:
    """The words of a comma-separated list, in order, each once.

    :raises UsageError: if there is none.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError(f"{text!r} names nothing", fix="give names separated by commas, or 'all'")
    return list(dict.fromkeys(words))


def settings(assignments: Sequence[str], registry: Registry) -> dict[str, dict[str, Any]]:
    """`NAME.PARAMETER=VALUE` assignments by component name; values are JSON where they can be, else text.

    :raises UsageError: if one is not of that form, or names no router, fusion or encoder.
    """
    known = {name for shelf in (registry.routers, registry.fusions, registry.encoders) for name in shelf.names()}
    chosen: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        name, dot, parameter = target.rpartition(".")
        if not equals or not dot or not name or not parameter:
            raise UsageError(f"--set {assignment!r} is no setting", fix="write it as NAME.PARAMETER=VALUE")
        if name not in known:
            raise UsageError(
                f"--set {assignment!r}: no router, fusion or encoder {name!r}", fix="see 'mmr plugins list'"
            )
        if parameter == "seed":
            raise UsageError(f"--set {assignment!r}: seeds are the run's", fix="use --seed and --seeds")
        chosen.setdefault(name, {})[parameter] = value_of(value)
    return chosen


def value_of(text: str) -> Any:
    """What a value on the command line means: JSON where it can be, else text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
