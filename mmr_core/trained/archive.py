"""A JSON document and numpy arrays in one file: a zip archive of .npy members, read without trusting it.

Members are not compressed, so an archive can never unpack to more than its own size; no member is written to disk under
its name; and an array's header must agree with the bytes that follow. The same content gives the same bytes: members
are in the order given, without times, owners or compression.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from mmr_core.errors import DataError, MMRError
from mmr_core.store.atomic import write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_FILE = 4 * 2**30
LARGEST_DOCUMENT = 64 * 2**20
MOST_MEMBERS = 10_000
LONGEST_NAME = 200
KINDS = "biuf"
"""The kinds of numbers that arrays may hold: booleans, signed and unsigned integers, floats."""

ARRAY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")

_EPOCH = (1980, 1, 1, 0, 0, 0)
_ORDINARY_FILE = 0o100644 << 16
_HEADER_ROOM = 10_000


class ArchiveFault(Exception):
    """The reason why bytes are not such an archive."""


def write_archive(path: Path, title: str, document: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes the file whole or not at all.

    :param title: the document's name in the archive, such as "trained.json".
    :param document: JSON, without NaN or infinity.
    :param arrays: by name; words separated by '/'.
    :raises MMRError: if the file cannot be written.
    :raises DataError: if it would be too large to be read again.
    """
    content = packed(title, document, arrays)
    if len(content) > LARGEST_FILE:
        raise DataError(
            f"would have {len(content)} bytes, more than {LARGEST_FILE}",
            where=str(path),
            fix="train on fewer rows, or use another router",
        )
    try:
        write_atomically(path, content)
    except OSError as error:
        raise MMRError(f"cannot be written ({error.strerror or error})", where=str(path)) from error


def read_archive(path: Path, title: str) -> tuple[Any, dict[str, NDArray[Any]]]:
    """The document and the arrays, each owning its memory.

    :raises DataError: if the file is absent, too large, damaged, or not written by `write_archive`.
    """
    try:
        if path.is_dir():
            raise DataError("is a folder; name the file of a trained router", where=str(path))
        if not path.is_file():
            raise DataError("there is no such file", where=str(path))
        if path.stat().st_size > LARGEST_FILE:
            raise _refused(path, f"it is larger than {LARGEST_FILE} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", where=str(path)) from error
    try:
        return unpacked(content, title)
    except ArchiveFault as fault:
        raise _refused(path, str(fault)) from fault


def packed(title: str, document: Any, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of the archive."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        text = json.dumps(document, allow_nan=False, indent=1)
        archive.writestr(_member(title), text.encode())
        for name, array in arrays.items():
            data = BytesIO()
            npy.write_array(data, array, version=(1, 0), allow_pickle=False)
            archive.writestr(_member(f"{name}.npy"), data.getvalue())
    return content.getvalue()


def unpacked(content: bytes, title: str) -> tuple[Any, dict[str, NDArray[Any]]]:
    """What is in the bytes of an archive.

    :raises ArchiveFault: if they are not such an archive.
    """
    members = _members(content)
    if title not in members:
        raise ArchiveFault(f"it has no {title!r}")
    text = members.pop(title)
    if len(text) > LARGEST_DOCUMENT:
        raise ArchiveFault(f"its {title!r} is larger than {LARGEST_DOCUMENT} bytes")
    try:
        document = json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ArchiveFault(f"its {title!r} is not JSON ({error})") from error
    arrays = {}
    for name, data in members.items():
        stem = name.removesuffix(".npy")
        if stem == name or len(name) > LONGEST_NAME or not ARRAY_NAME.fullmatch(stem):
            raise ArchiveFault(f"it has a member {name!r:.80}, which is not an array")
        arrays[stem] = _array(data, name)
    return document, arrays


def _refused(path: Path, fault: str) -> DataError:
    return DataError(f"is not a trained router: {fault}", where=str(path), fix="write it with 'mmr train'")


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = _ORDINARY_FILE
    return info


def _members(content: bytes) -> dict[str, bytes]:
    # For a damaged archive, zipfile raises nearly anything.
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            listed = archive.infolist()
            _demand_harmless(listed, len(content))
            return {info.filename: archive.read(info) for info in listed}
    except ArchiveFault:
        raise
    except Exception as error:
        raise ArchiveFault(f"it is damaged or not an archive ({str(error) or type(error).__name__})") from error


def _demand_harmless(listed: list[zipfile.ZipInfo], size: int) -> None:
    if len(listed) > MOST_MEMBERS:
        raise ArchiveFault(f"it has {len(listed)} members, more than {MOST_MEMBERS}")
    if len({info.filename for info in listed}) < len(listed):
        raise ArchiveFault("it has two members with the same name")
    for info in listed:
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ArchiveFault(f"its member {info.filename!r:.80} is compressed")
        if info.flag_bits & 0x1:
            raise ArchiveFault(f"its member {info.filename!r:.80} is encrypted")
    # Members that share bytes would unpack to more than the file holds.
    if sum(info.file_size for info in listed) > size:
        raise ArchiveFault("its members overlap")


def _array(data: bytes, name: str) -> NDArray[Any]:
    """The array of one member, in its own aligned memory and in the order in which it was written."""
    stream = BytesIO(data)
    try:
        if npy.read_magic(stream) != (1, 0):
            raise ValueError("it has another version of the format")
        shape, in_fortran_order, dtype = npy.read_array_header_1_0(stream, max_header_size=_HEADER_ROOM)
    except Exception as error:
        raise ArchiveFault(f"its member {name!r} is not an array ({_first_line(error)})") from error
    if dtype.hasobject:
        raise ArchiveFault(f"its member {name!r} holds pickled objects, which are not read")
    if dtype.kind not in KINDS or not dtype.isnative or dtype.subdtype is not None:
        raise ArchiveFault(f"its member {name!r}: expected plain numbers, got {dtype}")
    found, expected = len(data) - stream.tell(), math.prod(shape) * dtype.itemsize
    if any(size < 0 for size in shape) or found != expected:
        raise ArchiveFault(f"its member {name!r}: expected {expected} bytes for shape {shape} of {dtype}, got {found}")
    try:
        array = np.empty(shape, dtype, order="F" if in_fortran_order else "C")
    except (ValueError, OverflowError) as error:
        raise ArchiveFault(f"its member {name!r} has an impossible shape ({_first_line(error)})") from error
    if dtype.kind == "b" and np.frombuffer(data, np.uint8, offset=stream.tell()).max(initial=0) > 1:
        raise ArchiveFault(f"its member {name!r} has booleans that are neither true nor false")
    flat = np.frombuffer(data, dtype, offset=stream.tell())
    array[...] = flat.reshape(shape, order="F" if in_fortran_order else "C")
    return array


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:120]
