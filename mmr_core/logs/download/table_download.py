"""Downloads a published table: asks the hub, checks the room on the disk, fetches what is missing, verifies it all.

A record in the folder says which dataset and commit it holds. It is written before the first byte, so that a download
that was stopped goes on with the same commit even if the branch has moved on; it never mixes two versions.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DataError, MMRError, UsageError
from mmr_core.logs.download.fetch import FOLDER, fetch, partial
from mmr_core.logs.download.hub import RemoteFile, Snapshot, address_of, ask_hub, is_whole
from mmr_core.plugins import Contribution
from mmr_core.registry import Registry, Shelf
from mmr_core.specs import PublishedTable
from mmr_core.store.atomic import exclusively, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def published_tables(registry: Registry) -> Shelf[PublishedTable]:
    """Every table that an importer's spec says is published in its format; no importer is loaded for it."""
    items = [
        Contribution(word="published table", spec=table, provider=importer.provider)
        for importer in registry.importers.specs()
        for table in importer.spec.published
    ]
    return Shelf("published table", items, registry.failures)


def format_of(registry: Registry, table: Contribution[PublishedTable]) -> str:
    """What to type for the importer that reads a table."""
    return next(
        registry.importers.label(importer)
        for importer in registry.importers.specs()
        if importer.provider == table.provider and table.spec in importer.spec.published
    )


class FileRecord(BaseModel):
    """A file as the hub stated it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    size: Annotated[int, Field(ge=0)]
    kind: Literal["sha256", "git-sha1"]
    checksum: str


class DownloadRecord(BaseModel):
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
    def of(cls, snapshot: Snapshot, revision: str, *, complete: bool) -> DownloadRecord:
        """The record of a snapshot."""
        return cls(
            repository=snapshot.repository,
            revision=revision,
            commit=snapshot.commit,
            complete=complete,
            files=tuple(FileRecord(**asdict(file)) for file in snapshot.files),
        )


def read_record(out: Path) -> DownloadRecord | None:
    """The record in a folder; None where it has none.

    :raises DataError: if it cannot be read.
    """
    path = out / FOLDER / "record.json"
    if not path.is_file():
        return None
    try:
        return DownloadRecord.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise DataError(
            f"is not the record of a download ({type(error).__name__})",
            where=str(path),
            fix="remove it to start afresh",
        ) from error


def write_record(out: Path, record: DownloadRecord) -> None:
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


SPARE = 64 * 1024 * 1024
"""Bytes that stay free on the disk besides the download."""


@dataclass(frozen=True, kw_only=True)
class Downloaded:
    """What a folder holds now.

    :param fetched: paths of files downloaded by this call; the others were there already, complete.
    :param size: bytes of all files.
    """

    repository: str
    commit: str
    files: tuple[str, ...]
    fetched: tuple[str, ...]
    size: int


def download(
    table: PublishedTable,
    out: Path,
    *,
    revision: str | None = None,
    only: Sequence[str] = (),
    endpoint: str | None = None,
    progress: Progress = no_progress,
    wait: Callable[[float], None] = time.sleep,
) -> Downloaded:
    """Downloads a published table, or what is missing of it, into a folder.

    A folder keeps the commit it was started with. Every file is checked against size and checksum as the hub states
    them, those that are there already too.

    :param revision: a commit, branch or tag; that of the table's spec where None.
    :param only: patterns of paths, such as "*.csv"; all files where empty.
    :param endpoint: the hub's address; that of HF_ENDPOINT, or the public one, where None.
    :param wait: called with seconds before a connection is tried again.
    :raises UsageError: if there is no such dataset or revision, the folder holds another, or nothing fits `only`.
    :raises DataError: if what the hub states cannot be used, or a file differs from it.
    :raises MMRError: if the hub does not answer, or the disk is too full.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file", where="--out", fix="name a folder")
    asked = revision or table.revision
    snapshot = ask_hub(table.repository, pinned(out, table.repository, asked), endpoint=endpoint)
    chosen = _chosen(snapshot, only)
    out.mkdir(parents=True, exist_ok=True)
    with exclusively(out):
        write_record(out, DownloadRecord.of(snapshot, asked, complete=False))
        missing = _missing(chosen, out, progress)
        _demand_room(missing, out)
        _fetch_all(snapshot, missing, out, endpoint, progress, wait)
        write_record(out, DownloadRecord.of(snapshot, asked, complete=not only))
    return Downloaded(
        repository=table.repository,
        commit=snapshot.commit,
        files=tuple(file.path for file in chosen),
        fetched=tuple(file.path for file in missing),
        size=sum(file.size for file in chosen),
    )


def _chosen(snapshot: Snapshot, only: Sequence[str]) -> list[RemoteFile]:
    if not snapshot.files:
        raise UsageError("the dataset has no files", where=snapshot.repository)
    chosen = [file for file in snapshot.files if not only or any(fnmatchcase(file.path, each) for each in only)]
    if not chosen:
        raise UsageError(
            f"none of its {len(snapshot.files)} files fits {' or '.join(map(repr, only))}",
            where=snapshot.repository,
            fix=f"its first is {snapshot.files[0].path!r}",
        )
    return chosen


def _missing(chosen: Sequence[RemoteFile], out: Path, progress: Progress) -> list[RemoteFile]:
    """The files that are not there, or not as the hub states them."""
    missing = []
    for done, file in enumerate(chosen, start=1):
        if not is_whole(out.joinpath(*file.path.split("/")), file):
            missing.append(file)
        progress("checking what is there", done, len(chosen))
    return missing


def _demand_room(missing: Sequence[RemoteFile], out: Path) -> None:
    parts = [partial(out, file) for file in missing]
    needed = sum(file.size for file in missing) - sum(part.stat().st_size for part in parts if part.is_file())
    free = shutil.disk_usage(out).free
    if needed > 0 and needed + SPARE > free:
        raise MMRError(
            f"the download needs {megabytes(needed)}, but only {megabytes(free)} are free",
            where=str(out),
            fix="make room, name a folder on another disk with --out, or fetch a part of the files with --only",
        )


def _fetch_all(
    snapshot: Snapshot,
    missing: Sequence[RemoteFile],
    out: Path,
    endpoint: str | None,
    progress: Progress,
    wait: Callable[[float], None],
) -> None:
    total, arrived = sum(file.size for file in missing), 0

    def step(count: int) -> None:
        nonlocal arrived
        arrived += count
        progress(f"fetching {snapshot.repository} (bytes)", min(arrived, total), max(total, 1))

    for file in missing:
        fetch(address_of(snapshot, file, endpoint=endpoint), file, out, step=step, wait=wait)


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:,.1f} MB"
