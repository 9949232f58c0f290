"""Finished cells on disk, found by their fingerprints, so that a run that was killed repeats nothing that it finished.

One file per cell, written whole or not at all, so that any number of processes may share a folder: two that finish
the same cell write the same thing. A file that is damaged is as good as none.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from mmr_core.errors import MMRError
from mmr_core.results import Record, records_bytes, results_from
from mmr_core.store.atomic import write_atomically

_SEAL = 16
"""Bytes of the digest at the head of a file."""


class CellCache:
    """Records of finished cells in a folder, which is made where it does not exist.

    Files of older code or data stay behind; the folder may be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, fingerprint: str) -> tuple[Record, ...] | None:
        """The records of a finished cell; None if there are none, or they are damaged.

        :raises MMRError: if a file is there and cannot be read.
        """
        path = self._path(fingerprint)
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MMRError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
        seal, content = sealed[:_SEAL], sealed[_SEAL:]
        return results_from(content, str(path)).records if seal == _seal(content) else None

    def store(self, fingerprint: str, records: tuple[Record, ...]) -> None:
        """Keeps the records of a finished cell.

        :raises MMRError: if they cannot be written.
        """
        path = self._path(fingerprint)
        content = records_bytes(records)
        try:
            write_atomically(path, _seal(content) + content)
        except OSError as error:
            raise MMRError(
                f"cannot be written: {error.strerror or error}", where=str(path), fix="name another cache folder"
            ) from error

    def _path(self, fingerprint: str) -> Path:
        return self.folder / fingerprint[:2] / f"{fingerprint}.cell"


def _seal(content: bytes) -> bytes:
    return blake2b(content, digest_size=_SEAL).digest()
