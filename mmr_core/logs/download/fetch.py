"""Downloads one file: resumes where it stopped, retries after a cut connection, and verifies the result.

The unfinished file lies under its checksum in the download's own folder, so that a killed process leaves what the next
one goes on with. huggingface_hub's own download begins a file anew; only its session and headers are used.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from mmr_core.errors import DataError, MMRError
from mmr_core.logs.download.hub import RemoteFile, checksum_of, hub_client, hub_errors, reason_of

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ".mmr-download"
"""Where the record and unfinished files lie, within the folder of a download."""

TRIES = 5
"""How often in a row a connection may bring nothing before the file is given up."""

SILENCE_S = 30.0
"""How long a connection may bring nothing before it counts as cut."""

PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that may pass: the request is made again."""


class _Cut(Exception):
    """The connection ended early, or was refused in a way that may pass."""


def partial(out: Path, file: RemoteFile) -> Path:
    """The path of a file that is not complete yet."""
    return out / FOLDER / f"{file.checksum}-{file.size}.part"


def fetch(
    address: str,
    file: RemoteFile,
    out: Path,
    *,
    step: Callable[[int], None] = lambda n: None,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Downloads a file to its place in the folder, whole and checked, or not at all.

    :param step: called with the number of bytes that arrived or had been there; negative where some are thrown away.
    :param wait: called with seconds before a connection is tried again.
    :raises DataError: if what arrived is not what the hub stated; it is then removed.
    :raises MMRError: if the connection stays cut; what arrived stays for the next time.
    :raises OSError: if the file cannot be written.
    """
    part = partial(out, file)
    part.parent.mkdir(parents=True, exist_ok=True)
    with open(part, "ab") as target:
        step(target.tell())
        barren = 0
        while target.tell() < file.size:
            before = target.tell()
            try:
                _pour(address, file, target, step)
            except _Cut as cut:
                barren = 0 if target.tell() > before else barren + 1
                if barren == TRIES:
                    raise MMRError(
                        f"broke off at {target.tell():,} of {file.size:,} bytes, {TRIES} times in a row ({cut})",
                        where=file.path,
                        fix="run the same command again: it goes on where it stopped",
                    ) from cut
                target.flush()
                wait(2.0**barren)
        target.flush()
        os.fsync(target.fileno())
    _put(part, file, out)


def _put(part: Path, file: RemoteFile, out: Path) -> None:
    """Moves a finished file to its place if it is what the hub stated."""
    found = checksum_of(part, file)
    if part.stat().st_size != file.size or found != file.checksum:
        size = part.stat().st_size
        part.unlink()
        raise DataError(
            f"expected {file.kind} {file.checksum} and {file.size:,} bytes, as the hub states, got {found} and "
            f"{size:,}; it was removed",
            where=file.path,
            fix="run the same command again; if this persists, a proxy or the hub alters the file",
        )
    place = out.joinpath(*file.path.split("/"))
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.parent.resolve().is_relative_to(out.resolve()):
        raise DataError(
            f"{file.path!r} would be written outside {out}", where=str(place.parent), fix="remove that link"
        )
    os.replace(part, place)


def _pour(address: str, file: RemoteFile, target: BinaryIO, step: Callable[[int], None]) -> None:
    """Adds to the target what one connection brings.

    :raises _Cut: if that is not all there is to bring.
    """
    with _answer(address, file, target.tell()) as answer:
        if _begins_anew(answer, target.tell()):
            step(-target.tell())
            target.truncate(0)
            target.seek(0)
        blocks = answer.iter_bytes()
        while (block := _next(blocks)) is not None:
            target.write(block)
            step(len(block))
            if target.tell() > file.size:
                return  # more than was stated: the checksum says so
    if target.tell() < file.size:
        raise _Cut("the connection ended early")


@contextmanager
def _answer(address: str, file: RemoteFile, have: int) -> Iterator[Any]:
    """The hub's answer to a request for what is still missing.

    :raises _Cut: if there is none, or one that may pass.
    """
    client = hub_client()
    headers = {**client.utils.build_hf_headers(), "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    stream = client.get_session().stream("GET", address, headers=headers, timeout=SILENCE_S, follow_redirects=True)
    try:
        answer = stream.__enter__()
    except Exception as error:
        raise _Cut(reason_of(error)) from error
    try:
        _demand_good(answer, file)
        yield answer
    finally:
        stream.__exit__(None, None, None)


def _demand_good(answer: Any, file: RemoteFile) -> None:
    if answer.status_code in PASSING:
        raise _Cut(f"status {answer.status_code}")
    with hub_errors(file.path, ""):
        hub_client().utils.hf_raise_for_status(answer)


def _begins_anew(answer: Any, have: int) -> bool:
    """Whether the answer starts at the first byte, though another was asked for."""
    if not have or answer.status_code == 206:
        stated = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if have and stated is not None and int(stated[1]) != have:
            raise _Cut(f"asked the hub for bytes from {have}, got them from {stated[1]}")
        return False
    return True


def _next(blocks: Iterator[bytes]) -> bytes | None:
    """:raises _Cut: for whatever the layers below raise while they read."""
    try:
        return next(blocks, None)
    except Exception as error:
        raise _Cut(reason_of(error)) from error
