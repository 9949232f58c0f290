"""Looking at image files before anything is encoded, so that every broken one is known at once.

Each file is read once: its digest finds it in the cache, and an image that was never seen whole is decoded in full,
because a truncated file has a perfect header. Encoders are then handed files that can be opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.contracts import Progress, no_progress
from mmr_core.features.cache import FeatureCache, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_READERS = 8
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """What is known of one image file.

    :param digest: of the file's bytes; empty where it could not be read.
    :param size: width and height in pixels; (0, 0) where the image is broken.
    :param fault: why it cannot be used; empty where it can.
    """

    digest: bytes = b""
    size: tuple[int, int] = (0, 0)
    fault: str = ""


def inspect_images(
    paths: Sequence[Path], *, cache: FeatureCache | None = None, progress: Progress = no_progress
) -> dict[Path, ImageFile]:
    """Reads every distinct file and decodes those that the cache has not seen whole.

    Absent and broken files are part of the answer; nothing is raised for them.
    """
    distinct = list(dict.fromkeys(paths))
    inspected: dict[Path, ImageFile] = {}
    with ThreadPoolExecutor(_READERS) as readers:
        for start in range(0, len(distinct), _BATCH):
            batch = distinct[start : start + _BATCH]
            read = list(readers.map(_digested, batch))
            known = {} if cache is None else cache.image_sizes([file.digest for file in read if not file.fault])
            looked_at = list(readers.map(_decoded, batch, read, repeat(known)))
            inspected.update(zip(batch, looked_at, strict=True))
            fresh = {file.digest: file.size for file in looked_at if not file.fault and file.digest not in known}
            if cache is not None and fresh:
                cache.store_image_sizes(fresh)
            progress("checking images", min(start + _BATCH, len(distinct)), len(distinct))
    return inspected


def header_sizes(paths: Sequence[Path | None]) -> NDArray[np.int64]:
    """Width and height in pixels, int64 [n, 2], from the files' headers; 0 where there is no readable file."""
    with ThreadPoolExecutor(_READERS) as readers:
        sizes = list(readers.map(_header_size, paths))
    return np.array(sizes, dtype=np.int64).reshape(len(paths), 2)


def _digested(path: Path) -> ImageFile:
    if path.exists() and not path.is_file():
        return ImageFile(fault="is no plain file")  # a pipe would be waited for, a device never end
    try:
        return ImageFile(digest=digest_of(path.read_bytes()))
    except OSError as error:
        return ImageFile(fault=error.strerror or type(error).__name__)


def _decoded(path: Path, file: ImageFile, known: Mapping[bytes, tuple[int, int]]) -> ImageFile:
    if file.fault:
        return file
    if file.digest in known:
        return ImageFile(digest=file.digest, size=known[file.digest])
    from PIL import Image

    # Decoders of damaged files raise nearly anything (struct.error, SyntaxError, zlib.error, ...); it is reported.
    try:
        with Image.open(BytesIO(path.read_bytes())) as image:
            image.load()
            return ImageFile(digest=file.digest, size=image.size)
    except Exception as error:
        reason = str(error).partition("<_io.BytesIO")[0].strip()
        return ImageFile(fault=reason or type(error).__name__)


def _header_size(path: Path | None) -> tuple[int, int]:
    from PIL import Image

    if path is None or not path.is_file():
        return (0, 0)
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return (0, 0)
