"""Lets the reference show docstrings as this project writes them; `mkdocs.yml` names it as an extension of griffe.

One field may describe several names (`:param low, high: ...`), and the fields of a class that states no constructor,
such as a pydantic model, are called parameters, since they go by keyword when one is made.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

GROUP = re.compile(
    r"^(?P<indent> *):(?P<field>param|cvar|raises) (?P<names>\w+(?:, \w+)+):(?P<text>.*(?:\n(?! *:).+)*)", re.MULTILINE
)


class GroupedFields(griffe.Extension):
    """Rewrites docstrings before they are parsed."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Says of each name of a group what was said of the group."""
        if obj.docstring is not None:
            obj.docstring.value = GROUP.sub(_each, obj.docstring.value)

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Calls the fields of a class without a constructor attributes."""
        is_dataclass = any("dataclass" in str(decorator.value) for decorator in cls.decorators)
        if cls.docstring is not None and not is_dataclass and "__init__" not in cls.members:
            cls.docstring.value = re.sub(r"^( *):param ", r"\1:var ", cls.docstring.value, flags=re.MULTILINE)


def _each(group: re.Match[str]) -> str:
    names = group["names"].split(", ")
    return "\n".join(f"{group['indent']}:{group['field']} {name}:{group['text']}" for name in names)
