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
    """The items of a comma-separated list, in order, without repetitions.

    :raises UsageError: if the list is empty.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError(f"{text!r} is an empty list", fix="give names separated by commas, or 'all'")
    return list(dict.fromkeys(words))


def settings(assignments: Sequence[str], registry: Registry) -> dict[str, dict[str, Any]]:
    """`NAME.PARAMETER=VALUE` assignments, as parameters by component name.

    :raises UsageError: if an assignment is malformed, or its component is not a router, fusion or encoder.
    """
    known = {name for shelf in (registry.routers, registry.fusions, registry.encoders) for name in shelf.names()}
    chosen: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        name, dot, parameter = target.rpartition(".")
        if not equals or not dot or not name or not parameter:
            raise UsageError(f"--set {assignment!r} is not an assignment", fix="write it as NAME.PARAMETER=VALUE")
        if name not in known:
            raise UsageError(
                f"--set {assignment!r}: there is no router, fusion or encoder {name!r}", fix="see 'mmr plugins list'"
            )
        if parameter == "seed":
            raise UsageError(f"--set {assignment!r}: seeds belong to the run", fix="use --seed and --seeds")
        chosen.setdefault(name, {})[parameter] = parsed_value(value)
    return chosen


def parsed_value(text: str) -> Any:
    """A value from the command line: parsed as JSON if possible, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
