"""Parses what is typed on the command line into names, lists and values, and gives the registry to look them up in."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from mmr_core.errors import PluginError, UsageError
from mmr_core.registry import Registry
from mmr_core.render.console import warn

ALL = "all"
PROGRAM = "mmr"
STRICT_VARIABLE = "MMR_STRICT_PLUGINS"


@cache
def registry() -> Registry:
    """The registry of this process; the first call prints one warning per plugin that is left out.

    :raises PluginError: if a plugin failed and `MMR_STRICT_PLUGINS` is set.
    """
    found = Registry.discover()
    for failure in found.failures:
        if os.environ.get(STRICT_VARIABLE, "") not in ("", "0"):
            raise PluginError(str(failure), fix=f"unset {STRICT_VARIABLE} to go on", details=failure.traceback)
        warn(f"{failure}; see 'mmr plugins list'")
    for provider, seconds in found.discovery.slow.items():
        warn(f"{provider} takes {seconds:.1f} s to import, which delays every command; see 'mmr plugins check'")
    return found


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
