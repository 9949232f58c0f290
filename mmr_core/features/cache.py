"""Embeddings kept on disk, so that nothing is encoded twice.

Content-addressed: an embedding is found by its encoder's fingerprint, its modality and the digest of the text or of
the image file's bytes; names and places of files do not matter. One SQLite file holds one fingerprint; every batch is
a transaction, so a killed run keeps what it had, and two processes may use one folder at once. The rollback journal
is left on, because SQLite's write-ahead log does not work on network disks.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import FeatureError, MMRError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.specs import Modality

CACHE_VARIABLE = "MMR_CACHE_DIR"

_EMBEDDINGS = """CREATE TABLE IF NOT EXISTS embedding (
    modality TEXT NOT NULL, digest BLOB NOT NULL, checksum INTEGER NOT NULL, numbers BLOB NOT NULL,
    PRIMARY KEY (modality, digest))"""
_SIZES = """CREATE TABLE IF NOT EXISTS size (
    digest BLOB NOT NULL PRIMARY KEY, width INTEGER NOT NULL, height INTEGER NOT NULL)"""

_PATIENCE_S = 60.0
_KEYS_PER_QUERY = 500
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_FORMAT")


def cache_root() -> Path:
    """The folder for everything that MMR-Bench keeps between runs; it exists.

    `MMR_CACHE_DIR` where that is set, else the user's cache folder of the platform.

    :raises MMRError: if it cannot be made.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return _made(Path(named).expanduser())
    import platformdirs

    return _made(Path(platformdirs.user_cache_dir("mmr-bench")))


def cache_folder() -> Path:
    """The folder that embeddings are kept in unless a caller names another; it exists.

    :raises MMRError: if it cannot be made.
    """
    return _made(cache_root() / "features")


def digest_of(content: bytes) -> bytes:
    """The 16 bytes that stand for a text's UTF-8 or an image file's bytes."""
    return blake2b(content, digest_size=16).digest()


class FeatureCache:
    """Embeddings of everything that was encoded before, in a folder.

    :param folder: made where it does not exist; `cache_folder()` is the usual one.
    :raises MMRError: if the folder cannot be made or written to, or the disk is full.
    :raises FeatureError: if a file of the cache is damaged.

    Attributes: `encoded` and `reused` count the distinct texts and images that were stored in and taken from the
    cache through this object.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = _made(folder)
        self.encoded = 0
        self.reused = 0

    def load(self, fingerprint: str, modality: Modality, digests: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The embeddings that are there, by digest; each float32 [d] and read-only."""
        path = self._file_of(fingerprint)
        found: dict[bytes, NDArray[np.float32]] = {}
        with _opened(path, _EMBEDDINGS) as database:
            for digest, checksum, numbers in _selected(
                database,
                "SELECT digest, checksum, numbers FROM embedding WHERE modality = ? AND digest IN ({})",
                (modality,),
                digests,
            ):
                if zlib.crc32(numbers) != checksum:
                    raise _damaged(path, "an embedding does not match its checksum")
                found[digest] = np.frombuffer(numbers, dtype="<f4").astype(np.float32, copy=False)
        self.reused += len(found)
        return found

    def store(self, fingerprint: str, modality: Modality, embeddings: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keeps some embeddings, all or none of them; those that are there already stay as they are."""
        rows = []
        for digest, embedding in embeddings.items():
            numbers = embedding.astype("<f4").tobytes()
            rows.append((modality, digest, zlib.crc32(numbers), numbers))
        with _opened(self._file_of(fingerprint), _EMBEDDINGS) as database:
            _insert(database, "INSERT OR IGNORE INTO embedding VALUES (?, ?, ?, ?)", rows)
        self.encoded += len(rows)

    def image_sizes(self, digests: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
        """Width and height in pixels of the images that were found to be whole before, by digest."""
        with _opened(self._sizes, _SIZES) as database:
            rows = _selected(database, "SELECT digest, width, height FROM size WHERE digest IN ({})", (), digests)
            return {digest: (width, height) for digest, width, height in rows}

    def store_image_sizes(self, sizes: Mapping[bytes, tuple[int, int]]) -> None:
        """Keeps the sizes of images that were decoded in full."""
        rows = [(digest, *size) for digest, size in sizes.items()]
        with _opened(self._sizes, _SIZES) as database:
            _insert(database, "INSERT OR IGNORE INTO size VALUES (?, ?, ?)", rows)

    @property
    def _sizes(self) -> Path:
        return self.folder / "v1-images.sqlite"

    def _file_of(self, fingerprint: str) -> Path:
        return self.folder / f"v1-{blake2b(fingerprint.encode(), digest_size=12).hexdigest()}.sqlite"


def _selected(
    database: sqlite3.Connection, query: str, first: tuple[str, ...], digests: Sequence[bytes]
) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(digests), _KEYS_PER_QUERY):
        some = digests[start : start + _KEYS_PER_QUERY]
        yield from database.execute(query.format(",".join("?" * len(some))), (*first, *some)).fetchall()


def _insert(database: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    # Asking for the write lock at the start waits for other writers; asking in the middle could only fail.
    database.execute("BEGIN IMMEDIATE")
    try:
        database.executemany(statement, rows)
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


@contextmanager
def _opened(path: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """One connection, with SQLite's errors turned into lines that a person can act on."""
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)) as database:
            database.execute(schema)
            yield database
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL"):
            raise MMRError(
                "no space is left for the feature cache",
                where=str(path),
                fix=f"free some, or set {CACHE_VARIABLE} to a folder on another disk",
            ) from error
        if name.startswith(_DAMAGE):
            raise _damaged(path, str(error)) from error
        raise MMRError(
            f"the feature cache cannot be used: {error}",
            where=str(path),
            fix=f"check its permissions, or set {CACHE_VARIABLE} to another folder",
        ) from error


def _damaged(path: Path, symptom: str) -> FeatureError:
    return FeatureError(
        f"the feature cache is damaged ({symptom})",
        where=str(path),
        fix="delete this file; what it held will be encoded again",
    )


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MMRError(
            f"the cache folder cannot be made ({error.strerror or error})",
            where=str(folder),
            fix=f"set {CACHE_VARIABLE} to a folder that can be written to",
        ) from error
    return folder
