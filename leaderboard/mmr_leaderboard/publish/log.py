"""`audit.jsonl`: the append-only record of entries that came and went, and of what maintainers signed off.

One JSON object per line. Each line has a digest of itself and the previous line, so that a changed or removed line is
noticed. Apart from sign-offs, the board's document does not depend on the record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmr_core.errors import DataError, UsageError
from mmr_core.store.atomic import exclusively, write_atomically
from mmr_leaderboard.findings import CODES

FILE = "audit.jsonl"

Happening = Literal["added", "superseded", "removed", "signed off"]


class Event(BaseModel):
    """One line of the record.

    :ivar digest: of the version of the submission concerned.
    :ivar replaces: the digest of the previous version, for "superseded".
    :ivar code: the code that was signed off.
    :ivar by: the maintainer, or "mmr leaderboard run".
    :ivar chain: blake2b of the previous line's chain and this line without its chain.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    event: Happening
    slug: str
    digest: str
    replaces: str = ""
    code: str = ""
    by: str
    why: str = ""
    chain: str = ""

    def line(self) -> str:
        """The line in the file."""
        return json.dumps(self.model_dump(), ensure_ascii=True, sort_keys=True)


@dataclass(frozen=True)
class Log:
    """The record, in chronological order."""

    events: tuple[Event, ...] = ()

    @property
    def entries(self) -> dict[str, str]:
        """Slug to digest of every entry on the board, according to the record."""
        standing: dict[str, str] = {}
        for event in self.events:
            if event.event in ("added", "superseded"):
                standing[event.slug] = event.digest
            elif event.event == "removed":
                standing.pop(event.slug, None)
        return standing

    def signed_off(self, slug: str, digest: str) -> dict[str, str]:
        """Code to reason, for what a maintainer signed off for this version of an entry."""
        return {
            event.code: f"{event.why} ({event.by})"
            for event in self.events
            if event.event == "signed off" and (event.slug, event.digest) == (slug, digest)
        }


def read_log(folder: Path) -> Log:
    """The record in a published folder; empty if there is none.

    :raises DataError: if a line is not an event, or the chain is broken; names the line.
    """
    path = folder / FILE
    if not path.exists():
        return Log()
    events: list[Event] = []
    chain = ""
    for number, text in enumerate(path.read_bytes().splitlines(), start=1):
        where = f"{path}, line {number}"
        try:
            event = Event.model_validate_json(text)
        except ValidationError as error:
            raise DataError(
                f"is not an event of the record: {error.errors()[0]['msg']}",
                where=where,
                fix="restore the file from git",
            ) from None
        chain = _chained(chain, event)
        if event.chain != chain:
            raise DataError(
                "its chain does not match: this line or an earlier one was changed or removed",
                where=where,
                fix="restore the file from git",
            )
        events.append(event)
    return Log(tuple(events))


def news(log: Log, standing: Mapping[str, str], reasons: Mapping[str, str]) -> list[Event]:
    """The events to add to the record so that it says what is on the board.

    :param standing: slug to digest of every entry on the board.
    :param reasons: by slug, why an entry left the board or was replaced; may be incomplete.
    """
    before = log.entries
    found = []
    for slug, digest in sorted(standing.items()):
        if slug not in before:
            found.append(_event("added", slug, digest, why=reasons.get(slug, "a new entry")))
        elif before[slug] != digest:
            found.append(
                _event("superseded", slug, digest, replaces=before[slug], why=reasons.get(slug, "a new version"))
            )
    found += [
        _event("removed", slug, before[slug], why=reasons.get(slug, "the submission is gone"))
        for slug in sorted(before.keys() - standing.keys())
    ]
    return found


def sign_off(folder: Path, slug: str, code: str, *, by: str, why: str) -> Event:
    """Records a maintainer's sign-off of one code for the current version of an entry.

    :raises UsageError: if the entry or code is unknown, or the name or reason is empty.
    """
    known = [name for name, each in CODES.items() if each.stage == "audit"]
    if code not in known:
        raise UsageError(f"{code!r} cannot be signed off", fix=f"use one of {', '.join(known)}")
    if not by.strip() or not why.strip():
        raise UsageError("a sign-off needs a name and a reason", fix="give --by and --why")
    standing = read_log(folder).entries
    if slug not in standing:
        raise UsageError(f"no entry {slug!r} is on the board", where=str(folder), fix="publish it first")
    event = _event("signed off", slug, standing[slug], code=code, by=by.strip(), why=why.strip())
    return append(folder, [event])[0]


def append(folder: Path, events: Sequence[Event]) -> list[Event]:
    """Appends events to the record, all or none, and returns them as written.

    :raises DataError: if the record is damaged, or another process is writing here.
    """
    if not events:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with exclusively(folder):
        old = read_log(folder).events
        chain = old[-1].chain if old else ""
        written = []
        for event in events:
            chain = _chained(chain, event)
            written.append(event.model_copy(update={"chain": chain}))
        write_atomically(folder / FILE, _text([*old, *written]))
    return written


def _text(events: Iterable[Event]) -> str:
    return "".join(f"{event.line()}\n" for event in events)


def _event(
    event: Happening, slug: str, digest: str, *, replaces: str = "", code: str = "", by: str = "", why: str = ""
) -> Event:
    return Event(
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        event=event,
        slug=slug,
        digest=digest,
        replaces=replaces,
        code=code,
        by=by or "mmr leaderboard run",
        why=why,
    )


def _chained(chain: str, event: Event) -> str:
    line = event.model_copy(update={"chain": ""}).line()
    return blake2b(f"{chain}\n{line}".encode(), digest_size=16).hexdigest()
