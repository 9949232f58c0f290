"""What a folder of a download holds: the dataset, the pinned commit, and which files are whole.

The record is written before the first byte, so that a download that was stopped goes on with the same commit even if
the branch has moved on; it never mixes two versions.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmr_core.errors import DataError, UsageError
from mmr_core.store.atomic import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from mmr_core.logs.download.hub import Snapshot

FOLDER = ".mmr-download"
"""Where the record and unfinished files lie, within the folder of the download."""


class FileRecord(BaseModel):
    """A file as the hub stated it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    size: Annotated[int, Field(ge=0)]
    kind: Literal["sha256", "git-sha1"]
    checksum: str


class Record(BaseModel):
    """The record of a folder.

    `revision` is what was asked for, `commit` what it meant then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["download"] = "download"
    schema_version: Literal[1] = 1
    repository: str
    revision: str
    commit: str
    complete: bool
    files: tuple[FileRecord, ...]

    @classmethod
    def of(cls, snapshot: Snapshot, revision: str, *, complete: bool) -> Record:
        """The record of a snapshot."""
        return cls(
            repository=snapshot.repository,
            revision=revision,
            commit=snapshot.commit,
            complete=complete,
            files=tuple(FileRecord(**asdict(file)) for file in snapshot.files),
        )


def read_record(out: Path) -> Record | None:
    """The record in a folder; None where it has none.

    :raises DataError: if it cannot be read.
    """
    path = out / FOLDER / "record.json"
    if not path.is_file():
        return None
    try:
        return Record.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise DataError(
            f"is no record of a download ({type(error).__name__})", where=str(path), fix="remove it to begin anew"
        ) from error


def write_record(out: Path, record: Record) -> None:
    """Writes the record, whole or not at all."""
    write_atomically(out / FOLDER / "record.json", record.model_dump_json(indent=2) + "\n")


def pinned(out: Path, repository: str, revision: str) -> str:
    """The revision to ask the hub for: the commit of the record, where the folder has one of the same download.

    :raises UsageError: if the folder holds another dataset or revision.
    """
    record = read_record(out)
    if record is None:
        return revision
    if record.repository != repository:
        raise UsageError(f"holds a download of {record.repository!r}", where=str(out), fix="name another folder")
    if revision not in (record.revision, record.commit):
        raise UsageError(
            f"holds revision {record.revision!r} (commit {record.commit}), not {revision!r}",
            where=str(out),
            fix="name another folder, or leave --revision out to go on with that commit",
        )
    return record.commit
