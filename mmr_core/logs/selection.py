"""What a person chose on the command line: `--select key=value`, or `key:scope=value` for one dataset or model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mmr_core.errors import UsageError
from mmr_core.logs.records import AXES
from mmr_core.plugins import did_you_mean

AGAIN = "duplicates"
"""The key that says which of several records of one cell counts, where nothing else tells them apart."""
LATEST = "latest"
NONE = "none"
"""What an axis without a value is called when a person chooses it."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One `--select`. The scope is "", a dataset, a model, or `dataset/model`."""

    key: str
    scope: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}{f':{self.scope}' if self.scope else ''}={self.value}"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """All that was chosen.

    :param choices: for the axes in which records of one cell differ.
    :param settings: for the importer's own questions.
    """

    choices: tuple[Choice, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def values(self, key: str, scopes: Sequence[Collection[str]]) -> list[str]:
        """The values chosen for a key in the narrowest scope that has any.

        :param scopes: the spellings of each scope that applies, the narrowest first.
        """
        chosen = ([c.value for c in self.choices if c.key == key and c.scope in some] for some in (*scopes, {""}))
        return next((values for values in chosen if values), [])


def parse_selection(words: Sequence[str], settings: Mapping[str, str]) -> Selection:
    """The selection in the words behind `--select`.

    :param settings: the keys of the importer's own, which take no scope.
    :raises UsageError: if a word is no `key=value`, its key is unknown, or a setting is given twice.
    """
    choices: list[Choice] = []
    own: dict[str, str] = {}
    keys = (*AXES, AGAIN, *settings)
    for word in words:
        name, equals, value = word.partition("=")
        key, _, scope = name.partition(":")
        if not equals or not value:
            raise UsageError(f"{word!r} selects nothing", where="--select", fix="write --select key=value")
        if key not in keys:
            raise UsageError(
                f"there is no {key!r} to select{did_you_mean(key, keys)}",
                where="--select",
                fix=f"known here are: {', '.join(keys)}",
            )
        if key not in settings:
            choices.append(Choice(key=key, scope=scope, value=value))
        elif scope or key in own:
            fault = "a scope" if scope else "twice"
            raise UsageError(f"{key!r} is given {fault}", where="--select", fix=f"write --select {key}=value once")
        else:
            own[key] = value
    return Selection(choices=tuple(choices), settings=own)
