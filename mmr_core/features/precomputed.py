"""Features that were computed elsewhere, in a file `FILE.npz`.

The file holds `ids` (instance ids such as "MathVision_12"), `text` and `image` (float32, one row an id); either of
the last two may be absent. A zero row says that there is no embedding. `write_features` writes such a file.
"""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from hashlib import blake2b, file_digest
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from mmr_core.contracts import IMAGE, TEXT
from mmr_core.errors import FeatureError, MMRError
from mmr_core.features.aligned import (
    Align,
    Features,
    assemble,
    demand_alignment,
    images_present,
    texts_present,
)
from mmr_core.features.images import header_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from mmr_core.outcomes import OutcomeTable

_SHOWN = 3


class PrecomputedFeatures:
    """A `FeatureSource` that looks embeddings up by instance id; made by `from_file`.

    A row has its text bit if its question is more than white space and its text embedding is not zero; its image bit
    if the table names an image and its image embedding is not zero. Image files need not be there; where they are,
    their headers give the image sizes of the light features.
    """

    def __init__(
        self,
        *,
        row_of: dict[str, int],
        text: NDArray[np.float32] | None,
        image: NDArray[np.float32] | None,
        align: Align | None,
        path: Path,
        digest: str,
    ) -> None:
        demand_alignment(align)
        self._row_of = row_of
        self._text = text
        self._image = image
        self._align: Align | None = align
        self._path = path
        self._digest = digest

    @classmethod
    def from_file(cls, path: Path, *, align: Align | None = None) -> PrecomputedFeatures:
        """Reads a file; nothing in it is executed (pickled objects are refused).

        :raises FeatureError: if it is not such a file, or an array has the wrong type or shape, an id occurs twice, or
            a number is not finite.
        """
        arrays, digest = _read(path)
        where = str(path)
        if "ids" not in arrays or not {"text", "image"} & set(arrays):
            raise FeatureError(
                f"has the arrays {', '.join(sorted(arrays)) or 'none'}",
                where=where,
                fix="it needs 'ids' and at least one of 'text' and 'image'",
            )
        ids = _ids(arrays["ids"], where)
        rows = {name: _rows(arrays[name], name, len(ids), where) for name in ("text", "image") if name in arrays}
        row_of = {name: row for row, name in enumerate(ids)}
        if len(row_of) < len(ids):
            twice = next(name for row, name in enumerate(ids) if row_of[name] != row)
            raise FeatureError(f"id {twice!r} occurs twice", where=where, fix="keep one row of each id")
        return cls(
            row_of=row_of,
            text=rows.get("text"),
            image=rows.get("image"),
            align=align,
            path=path,
            digest=digest,
        )

    def features(self, table: OutcomeTable, train: NDArray[np.bool_]) -> Features:
        """The features of a table, row for row; nothing is fitted, so `train` does not matter.

        :raises FeatureError: if rows of the table are not in the file, or no row has an embedding.
        :raises UsageError: if text and image have unequal widths and no `align` was given.
        """
        text, image = self._rows_of(table)
        mask = np.zeros((len(table), 2), dtype=np.bool_)
        if text is not None:
            mask[:, TEXT] = texts_present(table) & text.any(axis=1)
        if image is not None:
            mask[:, IMAGE] = images_present(table) & image.any(axis=1)
        shown = [path if has else None for path, has in zip(table.image, mask[:, IMAGE], strict=True)]
        return assemble(table, text=text, image=image, mask=mask, image_size=header_sizes(shown), align=self._align)

    def raw(self, table: OutcomeTable) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """The file's text and image rows for a table, bit for bit; None for an array that the file does not have.

        :raises FeatureError: if rows of the table are not in the file.
        """
        # Arrays of a file often begin at an odd address, and sums over such arrays can differ in their last bits.
        text, image = self._rows_of(table)
        return (
            None if text is None else np.require(text, requirements="A"),
            None if image is None else np.require(image, requirements="A"),
        )

    def _rows_of(self, table: OutcomeTable) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """As `raw`; where the table has the file's rows in the file's order, they are the file itself, read-only."""
        demand_unique_ids(table)
        absent = [name for name in table.instance_id if name not in self._row_of]
        if absent:
            shown = ", ".join(repr(name) for name in absent[:_SHOWN])
            more = ", ..." if len(absent) > _SHOWN else ""
            raise FeatureError(
                f"has no embeddings for {len(absent)} of {len(table)} instances of {table.source}: {shown}{more}",
                where=str(self._path),
                fix="its ids are the dataset_idx of the table; encode again with 'mmr encode'",
            )
        rows = np.fromiter((self._row_of[name] for name in table.instance_id), dtype=np.intp, count=len(table))
        if np.array_equal(rows, np.arange(len(self._row_of))):
            return self._text, self._image
        return (
            None if self._text is None else self._text.take(rows, axis=0),
            None if self._image is None else self._image.take(rows, axis=0),
        )

    def describe(self) -> dict[str, object]:
        """The file's name, the digest of its bytes, and the alignment."""
        return {"source": "file", "file": self._path.name, "digest": self._digest, "align": self._align}


def write_features(path: Path, table: OutcomeTable, features: Features) -> None:
    """Writes the raw embeddings of a table, as `PrecomputedFeatures.from_file` reads them back bit for bit.

    :raises FeatureError: if an instance id occurs in two datasets of the table, so that ids would not do.
    :raises MMRError: if the file cannot be written.
    """
    from mmr_core.store.atomic import write_atomically

    demand_unique_ids(table)
    embeddings = features.embeddings
    arrays: dict[str, Any] = {"ids": np.array([str(name) for name in table.instance_id], dtype=np.str_)}
    for name, rows in (("text", embeddings.text), ("image", embeddings.image)):
        if rows is not None:
            arrays[name] = np.ascontiguousarray(rows, dtype=np.float32)
    content = BytesIO()
    np.savez(content, **arrays)
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise MMRError(f"cannot be written ({error.strerror or error})", where=str(path)) from error


def demand_unique_ids(table: OutcomeTable) -> None:
    """:raises FeatureError: if one instance id stands for two rows of a table."""
    seen: set[str] = set()
    for name in table.instance_id:
        if name in seen:
            raise FeatureError(
                f"instance id {name!r} occurs in two datasets, and a feature file knows instances by id alone",
                where=table.source,
                fix="use one file for each dataset",
            )
        seen.add(name)


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """The file's arrays and the digest of its bytes. Arrays are mapped rather than read where the file allows it."""
    try:
        with path.open("rb") as file:
            digest = file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise FeatureError(f"cannot be read ({error.strerror or error})", where=str(path)) from error
    # For a file that is not an archive, or damaged, numpy and zipfile raise nearly anything.
    try:
        with np.load(path, allow_pickle=False) as archive, zipfile.ZipFile(path) as members:
            arrays = {}
            for name in archive.files:
                mapped = _mapped(path, members, f"{name}.npy") if name != "ids" else None
                arrays[name] = archive[name] if mapped is None else mapped
    except Exception as error:
        raise FeatureError(
            f"not an .npz file of plain arrays ({str(error) or type(error).__name__})",
            where=str(path),
            fix="write it with numpy.savez(ids=..., text=..., image=...), without object arrays",
        ) from error
    return arrays, digest


def _mapped(path: Path, members: zipfile.ZipFile, name: str) -> NDArray[Any] | None:
    """An array of the archive as a read-only view of the file; None where only reading it gives the array.

    :raises ValueError: if its bytes do not match their checksum.
    """
    if name not in members.namelist():
        return None
    member = members.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 or not member.file_size:
        return None
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)  # the two lengths at the end of the local header (APPNOTE 4.3.7)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
        start = member.header_offset + 30 + name_length + extra_length
        file.seek(start)
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            return None
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = header(file)
        begin = file.tell() - start
    if dtype.hasobject or by_columns or begin + dtype.itemsize * math.prod(shape) != member.file_size:
        return None
    content = np.memmap(path, dtype=np.uint8, mode="r", offset=start, shape=(member.file_size,))
    if zlib.crc32(content.data) != member.CRC:
        raise ValueError(f"array {name} does not match its checksum")
    return np.asarray(content)[begin:].view(dtype).reshape(shape)


def _ids(array: NDArray[Any], where: str) -> list[str]:
    if array.ndim != 1 or array.dtype.kind not in "US":
        raise FeatureError(
            f"ids: expected a list of strings, got {array.dtype} of shape {array.shape}",
            where=where,
            fix="save the instance ids as a one-dimensional array of strings",
        )
    named: Iterable[Any] = array.tolist()
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in named]


def _rows(array: NDArray[Any], name: str, count: int, where: str) -> NDArray[np.float32]:
    if array.dtype.kind != "f" or array.dtype.itemsize != 4:
        raise FeatureError(
            f"{name}: expected float32, got {array.dtype}", where=where, fix=f"save {name}.astype('float32')"
        )
    if array.ndim != 2 or len(array) != count or not array.shape[1]:
        raise FeatureError(
            f"{name}: expected shape ({count}, d), got {array.shape}", where=where, fix="give one row for each id"
        )
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise FeatureError(
            f"{name} has {(~finite).sum()} rows that are not finite, the first in row {np.flatnonzero(~finite)[0]}",
            where=where,
            fix="compute them again, or give zero rows where there is no embedding",
        )
    return np.ascontiguousarray(array, dtype=np.float32)
