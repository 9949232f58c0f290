"""Checks an untrusted zip archive before anything is unpacked: sizes, names and kinds of its entries.

Everything is bounded before it is believed: the file's size, then the size of its table of entries, then the unpacked
sizes that the entries state, which Python's reader never exceeds.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmr_leaderboard.packaging.requirements import EnvironmentRefused

MIB = 1 << 20
FILE_BYTES = 50 * MIB
UNPACKED_BYTES = 500 * MIB
ENTRIES = 20_000
RATIO = 100
"""How many times its own size an archive may unpack to, if it unpacks to more than `SMALL_BYTES`."""
SMALL_BYTES = 10 * MIB
PATH_BYTES = 400
PART_BYTES = 200
_TABLE_BYTES = 8 * MIB
_END = 22
_END_SIGNATURE = b"PK\x05\x06"
_END64_LOCATOR, _END64_SIGNATURE = 20, b"PK\x06\x07"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


def checked_entries(path: Path, where: str) -> tuple[zipfile.ZipInfo, ...]:
    """The entries of the archive at `path` without folders, once all of them are harmless to unpack.

    :raises EnvironmentRefused: as hostile-wheel, with the entries that are not.
    """
    _demand_small_table(path, where)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, ValueError) as error:
        raise _hostile(where, f"it is not an archive that can be read: {error}") from error
    _demand_bounded(entries, path.stat().st_size, where)
    faults = {entry.orig_filename: fault for entry in entries if (fault := _fault(entry))}
    if faults:
        raise _hostile(where, f"an entry is {next(iter(faults.values()))}", tuple(faults))
    files = tuple(entry for entry in entries if not entry.is_dir())
    clashes = tuple(_clashes([entry.filename for entry in files]))
    if clashes:
        raise _hostile(where, "an entry occurs twice, or is both a file and a folder", clashes)
    return files


def _demand_small_table(path: Path, where: str) -> None:
    """Bounds the table of entries before a reader takes it into memory.

    The end record must be the very last thing, as every builder of wheels writes it, so that there is one way to read
    the archive. The 64-bit form is for archives far larger than `FILE_BYTES`.
    """
    size = path.stat().st_size
    if size > FILE_BYTES:
        raise _hostile(where, f"it has {size:,} bytes, and {FILE_BYTES:,} are allowed")
    with path.open("rb") as file:
        file.seek(max(0, size - _END - _END64_LOCATOR))
        tail = file.read()
    end = tail[-_END:]
    if len(end) < _END or not end.startswith(_END_SIGNATURE) or end[-2:] != b"\0\0":
        raise _hostile(where, "it does not end as a zip archive ends")
    if tail[:-_END].startswith(_END64_SIGNATURE):
        raise _hostile(where, "it is a 64-bit archive, for which it is too small")
    table = int.from_bytes(end[12:16], "little")
    if table > _TABLE_BYTES:
        raise _hostile(where, f"its table of entries has {table:,} bytes, and {_TABLE_BYTES:,} are allowed")


def _demand_bounded(entries: Sequence[zipfile.ZipInfo], size: int, where: str) -> None:
    if len(entries) > ENTRIES:
        raise _hostile(where, f"it has {len(entries):,} entries, and {ENTRIES:,} are allowed")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > UNPACKED_BYTES:
        raise _hostile(where, f"it unpacks to {unpacked:,} bytes, and {UNPACKED_BYTES:,} are allowed")
    if unpacked > SMALL_BYTES and unpacked > RATIO * size:
        raise _hostile(where, f"it unpacks to {unpacked // max(size, 1)} times its size")


def _fault(entry: zipfile.ZipInfo) -> str:
    """What is wrong with one entry; empty if nothing is."""
    # The reader has already replaced some letters of `filename`; the original name is what was written.
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name.startswith("/") or "\\" in name or ":" in name:
        return "named absolutely"
    if any(part in ("", ".", "..") for part in parts):
        return "named so that it escapes its folder"
    if not name.isprintable() or len(name.encode()) > PATH_BYTES or any(len(p.encode()) > PART_BYTES for p in parts):
        return "named with unprintable letters, or too long"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or ((kind == stat.S_IFDIR) != entry.is_dir() and kind != 0):
        return "a symbolic link, or something else that is not a plain file"
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        return "encrypted, or compressed in a way that wheels do not use"
    return ""


def _clashes(names: Sequence[str]) -> Iterator[str]:
    """Names that occur twice, and names that are also the folder of another."""
    seen: set[str] = set()
    folders = {name[:end] for name in names for end, letter in enumerate(name) if letter == "/"}
    for name in names:
        if name in seen or name in folders:
            yield name
        seen.add(name)


def _hostile(where: str, what: str, examples: tuple[str, ...] = ()) -> EnvironmentRefused:
    return EnvironmentRefused(what, where=where, code="hostile-wheel", examples=examples)
