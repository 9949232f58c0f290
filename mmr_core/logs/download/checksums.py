"""The checksums that the hub states: SHA-256 of large files, and of small ones the name that git gives to content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a published table, as the hub states it.

    :param path: relative, with "/" between folders; checked to stay inside its folder.
    :param size: in bytes.
    :param kind: "sha256", or "git-sha1", which is the SHA-1 of "blob <size>\\\\0" and the content.
    :param checksum: hexadecimal.
    """

    path: str
    size: int
    kind: Literal["sha256", "git-sha1"]
    checksum: str


def checksum_of(file: Path, wanted: RemoteFile, *, step: Callable[[int], None] = lambda n: None) -> str:
    """The checksum of a local file, of the kind that the hub states for it.

    :param step: called with the number of bytes read each time.
    """
    state = hashlib.sha256() if wanted.kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if wanted.kind == "git-sha1":
        state.update(f"blob {file.stat().st_size}\0".encode())
    with open(file, "rb") as content:
        while block := content.read(BLOCK):
            state.update(block)
            step(len(block))
    return state.hexdigest()


def is_whole(file: Path, wanted: RemoteFile) -> bool:
    """Whether a local file is there with the size and the checksum that the hub states."""
    return file.is_file() and file.stat().st_size == wanted.size and checksum_of(file, wanted) == wanted.checksum
