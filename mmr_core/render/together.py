"""Writes files that belong together: first all of them aside, where a full disk does no harm, then moved in.

One of them goes last, and an earlier one of its name goes first, so that where it is, the rest is whole and of the
same run.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from mmr_core.errors import MMRError, UsageError
from mmr_core.store.atomic import exclusively, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def write_together(
    out: Path, contents: Mapping[str, bytes | str], *, last: str, stale: Collection[str] = ()
) -> list[Path]:
    """Writes files into a folder, which is made, and returns their paths in the order of `contents`, `last` last.

    If anything fails before all are written aside, what lies in the folder is as it was.

    :param contents: by name; text is written as UTF-8.
    :param last: the file that makes the others count, one of `contents`.
    :param stale: names that an earlier run may have left and that this one, unless it writes them, removes.
    :raises UsageError: if `out` is a file.
    :raises MMRError: if a file cannot be written.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file", where="--out", fix="name a folder")
    order = [*(name for name in contents if name != last), last]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with exclusively(out):
            _replace(out, {name: contents[name] for name in order}, last, [name for name in stale if name not in order])
    except OSError as error:
        raise MMRError(
            f"the results cannot be written: {error.strerror or error}",
            where=str(error.filename or out),
            fix="make room there or name another folder with --out",
        ) from error
    return [out / name for name in order]


def _replace(out: Path, contents: Mapping[str, bytes | str], last: str, stale: Collection[str]) -> None:
    aside = out / f".{secrets.token_hex(8)}.tmp"
    try:
        for name, content in contents.items():
            write_atomically(aside / name, content)
        for name in (last, *stale):
            (out / name).unlink(missing_ok=True)
        for name in contents:
            os.replace(aside / name, out / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
