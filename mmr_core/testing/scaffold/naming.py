"""The names of a new plugin: all of them follow from its kind and from one word, which stays as it was given."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from mmr_core.errors import UsageError
from mmr_core.plugins import did_you_mean

SCAFFOLDED = ("router", "encoder", "fusion", "dataset", "model", "importer", "study")
"""The kinds of which there are templates."""

CLASS_SUFFIX = {"router": "Router", "encoder": "Encoder", "fusion": "Fusion", "importer": "Importer", "study": "Study"}

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
LONGEST = 60


@dataclass(frozen=True, kw_only=True)
class Names:
    """What things are called in a new plugin.

    :param kind: one of `SCAFFOLDED`.
    :param name: of the component, as it was given.
    :param distribution: what is installed, in the normal form of package names (PEP 503): "mmr-router-myidea".
    :param package: what is imported: "mmr_router_myidea".
    :param class_name: of the component's class: "MyideaRouter"; without the kind where there is no class.
    """

    kind: str
    name: str
    distribution: str
    package: str
    class_name: str


def names_for(kind: str, name: str, *, taken: Collection[str] = ()) -> Names:
    """The names of a new plugin.

    :param taken: names that nobody else's component of this kind may have: those of the built-ins.
    :raises UsageError: if there is no such kind, or the name is none or taken.
    """
    if kind not in SCAFFOLDED:
        raise UsageError(
            f"there is no template of a {kind!r}{did_you_mean(kind, SCAFFOLDED)}",
            fix=f"use one of {', '.join(SCAFFOLDED)}",
        )
    if len(name) > LONGEST or _NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} is no name for a plugin{_suggestion(name)}",
            fix=f"use lower-case letters and digits, in parts joined by '-', '_' or '.', {LONGEST} characters at most",
        )
    if name in taken:
        raise UsageError(
            f"{name!r} is the name of a built-in {kind}, and means that one wherever it is typed",
            fix="choose another name",
        )
    parts = re.split(r"[._-]", name)
    joined = "".join(part.capitalize() for part in parts)
    suffix = CLASS_SUFFIX.get(kind, "")
    distribution = f"mmr-{kind}-{'-'.join(parts)}"
    return Names(
        kind=kind,
        name=name,
        distribution=distribution,
        package=distribution.replace("-", "_"),
        class_name=f"{suffix or kind.capitalize()}{joined}" if joined[0].isdigit() else f"{joined}{suffix}",
    )


def _suggestion(name: str) -> str:
    near = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:LONGEST].strip("-")
    return f", did you mean {near!r}?" if near and near != name else ""
