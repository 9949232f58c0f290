"""`choices.json`: which model each entry chose for each test instance, at a few operating points.

Published beside the board, so that anybody can check a row, and the next version of an entry can be compared with the
previous one. Reading it runs nothing and trusts nothing: what does not match counts as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from mmr_leaderboard.schema import StrictModel

FILE = "choices.json"

Index = Annotated[int, Field(ge=0)]


class EntryChoices(StrictModel):
    """The choices of one version of an entry.

    :ivar digest: of the submission.
    :ivar points: for each operating point, cheapest first, one index into the pool per test instance.
    :ivar superseded: the same for the version that this one replaced; kept, so that every later run compares the two.
    """

    digest: str
    points: tuple[tuple[Index, ...], ...]
    superseded: tuple[tuple[Index, ...], ...] = ()


class EarlierVersion(StrictModel):
    """The choices of a version that no longer stands: replaced, withdrawn or refused.

    Kept so that whoever returns with corrected decisions, under any name, is compared with it.
    """

    slug: str
    digest: str
    points: tuple[tuple[Index, ...], ...]


class Choices(StrictModel):
    """All choices of a board.

    :ivar split_digest: of the split whose test instances the choices are for, in canonical order.
    :ivar models: the pool that indices refer to.
    """

    table: str
    split_digest: str
    models: tuple[str, ...]
    entries: dict[str, EntryChoices]
    earlier: tuple[EarlierVersion, ...] = ()

    def is_about(self, *, table: str, split_digest: str, models: Sequence[str]) -> bool:
        """Whether the choices are those of this table, split and pool."""
        return (self.table, self.split_digest, self.models) == (table, split_digest, tuple(models))

    def before(
        self, slug: str, digest: str, *, table: str, split_digest: str, models: Sequence[str]
    ) -> tuple[tuple[int, ...], ...]:
        """The choices of the version that the one with this digest replaces, whether it is published yet or not.

        Empty if there are none for this table, split and pool.
        """
        entry = self.entries.get(slug)
        if entry is None or not self.is_about(table=table, split_digest=split_digest, models=models):
            return ()
        return entry.superseded if entry.digest == digest else entry.points


def choices_text(choices: Choices) -> str:
    """The file's text: one line per operating point, so that two versions can be compared line by line."""
    head = json.dumps(
        {"table": choices.table, "split_digest": choices.split_digest, "models": list(choices.models)}, indent=1
    ).rstrip("}\n ")
    entries = ",\n".join(
        f'  {json.dumps(slug)}: {{"digest": {json.dumps(entry.digest)}, "points": [\n{_lines(entry.points)}\n  ]'
        f"{_superseded(entry)}}}"
        for slug, entry in sorted(choices.entries.items())
    )
    earlier = ",\n".join(
        f'  {{"slug": {json.dumps(each.slug)}, "digest": {json.dumps(each.digest)}, "points": [\n'
        f"{_lines(each.points)}\n  ]}}"
        for each in choices.earlier
    )
    more = f',\n "earlier": [\n{earlier}\n ]' if earlier else ""
    return f'{head},\n "entries": {{\n{entries}\n }}{more}\n}}\n'


def read_choices(folder: Path) -> Choices | None:
    """The choices in a published folder; None if there are none, or they cannot be read."""
    try:
        return Choices.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def kept_choices(choices: Mapping[str, EntryChoices]) -> dict[str, EntryChoices]:
    """The entries that have any choices."""
    return {slug: entry for slug, entry in choices.items() if entry.points}


def _superseded(entry: EntryChoices) -> str:
    return f', "superseded": [\n{_lines(entry.superseded)}\n  ]' if entry.superseded else ""


def _lines(points: Sequence[Sequence[int]]) -> str:
    return ",\n".join(f"   {json.dumps(list(point), separators=(',', ':'))}" for point in points)
