"""What a reader of an imported table should know, gathered so that each thing is said once, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Notices:
    """Remarks on one import, over all its files.

    :param models: names of models that no plugin knows.
    :param datasets: canonical names given to datasets that no plugin knows, by their prefix.
    :param respelt: registered datasets met under another prefix than theirs, by that prefix.
    :param ignored: columns that belong to no model, though they look it.
    :param computed: how many costs of each model were computed from tokens.
    """

    models: dict[str, None] = field(default_factory=dict)
    datasets: dict[str, str] = field(default_factory=dict)
    respelt: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    computed: Counter[str] = field(default_factory=Counter)

    def report(self, warn: Callable[[str], None]) -> None:
        """Says what there is to say."""
        if self.models:
            warn(f"no plugin knows these models, so nothing but their names is known: {', '.join(self.models)}")
        if self.datasets:
            named = ", ".join(f"{prefix!r} as {name!r}" for prefix, name in self.datasets.items())
            warn(f"no plugin knows these datasets; taken with scenario 'other': {named}")
        if self.respelt:
            named = ", ".join(f"{prefix!r} as {name!r}" for prefix, name in self.respelt.items())
            warn(f"id prefixes taken for registered datasets: {named}")
        if self.ignored:
            warn(f"left alone, for want of '_correct' and '_cost' beside them: {', '.join(self.ignored)}")
        if self.computed:
            each = ", ".join(f"{model} {count}" for model, count in self.computed.items())
            warn(f"empty costs computed as output tokens times price: {each}")
