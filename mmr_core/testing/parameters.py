"""Whether the parameters of a component can be set and are described, so that `--set` and results make sense."""

from __future__ import annotations

import inspect
import re
from typing import Any

from mmr_core.registry import settable
from mmr_core.testing.checks import Broken
from mmr_core.testing.subjects import Subject

SEED_NAME = "seed"
"""Described by the contract of routers, so a class need not."""


def look_at_parameters(subject: Subject) -> str | None:
    """The check: by keyword, with a default that can be given, and named in the docstring."""
    signature = inspect.signature(subject.factory).parameters.values()
    fixed = [one.name for one in signature if one.kind is inspect.Parameter.POSITIONAL_ONLY]
    if fixed:
        raise Broken(f"{fixed[0]!r} cannot be given by keyword")
    bare = [
        one.name
        for one in signature
        if one.default is inspect.Parameter.empty
        and one.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        and one.name not in subject.parameters
    ]
    if bare:
        raise Broken(f"{bare[0]!r} has no default")
    own = settable(subject.factory)
    if subject.word == "router" and SEED_NAME not in own:
        raise Broken("it takes no seed")
    for name, default in own.items():
        if name not in subject.parameters:
            subject.make(**{name: default})
    words = _documentation(subject.factory)
    silent = [name for name in own if name != SEED_NAME and not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words)]
    if silent:
        raise Broken(f"no docstring of the class names {', '.join(map(repr, silent))}")
    loose = [one.name for one in signature if one.kind is inspect.Parameter.VAR_KEYWORD]
    return f"takes any keyword (**{loose[0]}), so a misspelt one goes unnoticed" if loose else None


def _documentation(factory: Any) -> str:
    """The docstrings of a class, of its bases and of their `__init__`."""
    if not inspect.isclass(factory):
        return inspect.getdoc(factory) or ""
    texts = []
    for base in factory.__mro__[:-1]:
        texts += [base.__doc__, getattr(vars(base).get("__init__"), "__doc__", None)]
    return "\n".join(filter(None, texts))
