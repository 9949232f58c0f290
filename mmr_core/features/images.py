"""Looking at image files before anything is encoded, so that every broken one is known at once.

Each file is read once: its digest finds it in the cache, and an image that was never seen whole is decoded in full,
because a truncated file has a perfect header. Encoders are then handed files that can be opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.contracts import Progress, no_progress
from mmr_core.features.cache import FeatureCache, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_READERS = 8
_BATCH = 256
_CHUNK = 16


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
            chunks = [batch[at : at + _CHUNK] for at in range(0, len(batch), _CHUNK)]
            read = dict(zip(batch, chain.from_iterable(readers.map(_digested, chunks)), strict=True))
            known = {} if cache is None else cache.image_sizes([f.digest for f in read.values() if not f.fault])
            inspected.update(
                {path: replace(file, size=known.get(file.digest, file.size)) for path, file in read.items()}
            )
            unknown = [path for path, file in read.items() if not file.fault and file.digest not in known]
            looked_at = dict(zip(unknown, readers.map(_decoded, unknown, map(read.get, unknown)), strict=True))
            inspected.update(looked_at)
            fresh = {file.digest: file.size for file in looked_at.values() if not file.fault}
            if cache is not None and fresh:
                cache.store_image_sizes(fresh)
            progress("checking images", min(start + _BATCH, len(distinct)), len(distinct))
    return inspected


def header_sizes(paths: Sequence[Path | None]) -> NDArray[np.int64]:
    """Width and height in pixels, int64 [n, 2], from the files' headers; 0 where there is no readable file."""
    sizes = np.zeros((len(paths), 2), dtype=np.int64)
    pictured = [(i, path) for i, path in enumerate(paths) if path is not None]
    if pictured:
        with ThreadPoolExecutor(_READERS) as readers:
            sizes[[i for i, _ in pictured]] = list(readers.map(_header_size, [path for _, path in pictured]))
    return sizes


def _digested(paths: Sequence[Path]) -> list[ImageFile]:
    """Several files at once: handing each to a thread by itself takes longer than reading it."""
    return [_read(path) for path in paths]


def _read(path: Path) -> ImageFile:
    if path.exists() and not path.is_file():
        return ImageFile(fault="not a regular file")  # a pipe would be waited for, a device never end
    try:
        return ImageFile(digest=digest_of(path.read_bytes()))
    except OSError as error:
        return ImageFile(fault=error.strerror or type(error).__name__)


def _decoded(path: Path, file: ImageFile) -> ImageFile:
    from PIL import Image

    # Decoders of damaged files raise nearly anything (struct.error, SyntaxError, zlib.error, ...); it is reported.
    try:
        with Image.open(BytesIO(path.read_bytes())) as image:
            image.load()
            return ImageFile(digest=file.digest, size=image.size)
    except Exception as error:
        reason = str(error).partition("<_io.BytesIO")[0].strip()
        return ImageFile(fault=reason or type(error).__name__)


def _header_size(path: Path) -> tuple[int, int]:
    from PIL import Image

    if not path.is_file():
        return (0, 0)
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return (0, 0)
