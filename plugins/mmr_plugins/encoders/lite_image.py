"""What the `lite` encoder measures in an image: edges, frequencies, grey levels, colours, proportions and layout.

An image is decoded, laid on white, and shrunk to a square of 128 x 128 pixels; its true proportions and size enter
as statistics. Frequencies are the energies of Haar bands: sums of whole numbers, so they are the same on every
machine, where a Fourier transform would differ in its last digits. Energies enter by their logarithms, so a pale
picture differs from a strong one by a shift and a blurred one by a tilt. Layout is the leading part of a cosine
transform of where the picture is dark and where it is busy, without the constant term.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mmr_core.errors import FeatureError
from mmr_plugins.encoders.lite_text import SHARED, squash

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SIDE, _GRID = 128, 16
_STATISTICS_ENERGY, _LAYOUT_ENERGY = 0.8, 0.3
_LEVELS = 5
_WHOLE_MODES = ("L", "RGB")


def describe(path: Path, width: int) -> tuple[NDArray[Any], NDArray[Any], float]:
    """The shared coordinates [SHARED], the image's own [width], and how much detail it has, in (-1, 1).

    Statistics fill up to three quarters of the own coordinates, the layout the rest.

    :raises FeatureError: if the file cannot be read as an image.
    """
    pixels, size = _read(path)
    grey = (pixels @ np.array([299, 587, 114], dtype=np.int32)) // 1000  # [128, 128]
    busy = _spread_per_block(grey)  # [16, 16]
    shared, statistics = _measure(pixels, grey, busy, size)
    kept = statistics[: 3 * width // 4]
    layout = _layout(grey, busy, width - len(kept))
    own = np.concatenate([_STATISTICS_ENERGY * kept / np.sqrt(len(kept) / 4), _LAYOUT_ENERGY * layout])
    return shared, own, float(shared[0])


def _read(path: Path) -> tuple[NDArray[np.int32], tuple[int, int]]:
    """int32 [128, 128, 3], the image on white; and its true width and height."""
    try:
        with Image.open(path) as picture:
            size = picture.size
            picture.draft("RGB", (2 * _SIDE, 2 * _SIDE))
            picture.load()
            small = _on_white(picture)
    # Decoders raise whatever their format's code happens to meet in a damaged file.
    except Exception as cause:
        raise FeatureError(
            f"the image cannot be read ({type(cause).__name__}: {cause})",
            where=str(path),
            fix="restore the file, or pass --bad-images mask",
        ) from cause
    return np.asarray(small, dtype=np.int32), size


def _on_white(picture: Image.Image) -> Image.Image:
    """The picture as 128 x 128 RGB: transparency over white, deep grey levels scaled to eight bits."""
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bits(picture)
    if "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
        ground = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(ground, rgba).convert("RGB")
    if picture.mode not in _WHOLE_MODES:
        picture = picture.convert("RGB")
    return picture.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR).convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    levels = np.nan_to_num(np.asarray(picture).astype(np.float64))
    if picture.mode.startswith("I;16"):
        top = 65_535.0
    elif picture.mode == "F":
        top = 1.0 if levels.max() <= 1.0 else max(255.0, levels.max())
    else:
        top = 65_535.0 if levels.max() > 255 else 255.0
    return Image.fromarray((np.clip(levels / top, 0.0, 1.0) * 255).astype(np.uint8))


def _spread_per_block(grey: NDArray[np.int32]) -> NDArray[np.int32]:
    """int32 [16, 16]: greatest minus least grey level of each block of 8 x 8 pixels."""
    blocks = grey.reshape(_GRID, _SIDE // _GRID, _GRID, _SIDE // _GRID)
    return blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3))


def _haar_energies(grey: NDArray[np.int32]) -> NDArray[np.float64]:
    """float64 [5, 3]: log mean energy of the (across, down, diagonal) bands, finest first."""
    bands = np.zeros((_LEVELS, 3))
    sums = grey.astype(np.int64)
    for level in range(_LEVELS):
        a, b, c, d = sums[0::2, 0::2], sums[0::2, 1::2], sums[1::2, 0::2], sums[1::2, 1::2]
        upper, lower, left, right = a + b, c + d, a + c, b + d
        scale = 16.0 ** (level + 1)
        for band, difference in enumerate((left - right, upper - lower, a + d - b - c)):
            bands[level, band] = np.log1p(float(np.square(difference).sum()) / difference.size / scale)
        sums = upper + lower
    return bands


def _edge_statistics(grey: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Shares [4] of the four orientations in all edge strength; shares [3] of weak, clear and hard edges."""
    across = grey[:-1, 1:] - grey[:-1, :-1]
    down = grey[1:, :-1] - grey[:-1, :-1]
    x, y = np.abs(across), np.abs(down)
    strength = x + y
    # 5/12 is close to the tangent of 22.5 degrees: the border between straight and slanting.
    upright, level = 12 * y < 5 * x, 12 * x < 5 * y
    slanting = ~(upright | level)
    falling = (across > 0) == (down > 0)
    total = max(int(strength.sum()), 1)
    orientation = [
        int(strength[part].sum()) / total for part in (upright, level, slanting & falling, slanting & ~falling)
    ]
    shares = [np.count_nonzero(strength > least) / strength.size for least in (12, 40, 120)]
    return np.array(orientation), np.array(shares)


def _colour_statistics(pixels: NDArray[np.int32]) -> tuple[NDArray[Any], float, float]:
    """Saturation [6] in each hue sector, mean saturation in [0, 1], and the log number of distinct colours."""
    red, green, blue = (np.ascontiguousarray(pixels[..., channel]) for channel in range(3))
    top = np.maximum(np.maximum(red, green), blue)
    bottom = np.minimum(np.minimum(red, green), blue)
    chroma = top - bottom
    # Strongest and weakest channel name the sector; where they are the same, the chroma is 0.
    strongest = np.where(red == top, 0, np.where(green == top, 3, 6))
    weakest = np.where(blue == bottom, 2, np.where(green == bottom, 1, 0))
    pair = strongest + weakest
    hues = np.bincount(pair.ravel(), weights=chroma.ravel(), minlength=9)[[1, 2, 3, 5, 6, 7]]
    cell = ((red >> 4) << 8) + ((green >> 4) << 4) + (blue >> 4)
    distinct = np.count_nonzero(np.bincount(cell.ravel(), minlength=4096))
    hues = hues / chroma.size / 255.0
    return hues, float(hues.sum()), float(np.log(distinct))


def _measure(
    pixels: NDArray[np.int32], grey: NDArray[np.int32], busy: NDArray[np.int32], size: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The shared coordinates [6], and all statistics [64] in the order of their importance."""
    bands = _haar_energies(grey)
    energy = bands.mean(axis=1)  # [5], finest first
    orientation, edges = _edge_statistics(grey)
    hues, saturation, colours = _colour_statistics(pixels)
    histogram = np.bincount((grey >> 4).ravel(), minlength=16) / grey.size
    ground = 16 * int(histogram.argmax()) + 8
    ink = np.abs(grey - ground) > 40
    coverage = np.count_nonzero(ink) / ink.size
    across = np.count_nonzero(ink[:, 1:] != ink[:, :-1]) / _SIDE
    down = np.count_nonzero(ink[1:] != ink[:-1]) / _SIDE
    brightness = float(grey.sum(dtype=np.int64)) / grey.size
    contrast = (float(np.square(grey).sum(dtype=np.int64)) / grey.size - brightness**2) ** 0.5
    detail, strength = np.log1p(255.0 * edges[0]), np.log1p(contrast)
    softness = energy[2] - energy[0]
    width, height = size

    shared = [
        (detail, 3.8, 0.7),
        (coverage**0.5, 0.4, 0.2),
        (colours, 3.5, 1.0),
        (orientation[0] + orientation[1], 0.7, 0.15),
        (-strength, -3.6, 0.5),
        (softness, 1.5, 0.8),
    ]
    statistics = [
        (detail, 3.8, 0.6),
        (strength, 3.6, 0.5),
        (softness, 1.5, 0.7),
        (np.log1p(255.0 * edges[2]), 1.5, 1.0),
        (np.log1p(float(np.abs(grey - ground).max())), 5.0, 0.3),
        (np.mean(busy > 24), 0.45, 0.25),
        (np.mean(busy > 120), 0.25, 0.2),
        (np.log1p(float(busy.mean())), 4.0, 0.6),
        *zip(energy, (3.2, 4.0, 4.7, 5.0, 5.2), (1.0,) * 5, strict=True),
        (coverage**0.5, 0.4, 0.2),
        (colours, 3.5, 1.0),
        (saturation**0.5, 0.3, 0.2),
        (np.log1p(across), 1.9, 0.6),
        (np.log1p(down), 1.9, 0.6),
        *zip(orientation, (0.38, 0.34, 0.14, 0.14), (0.12, 0.12, 0.08, 0.08), strict=True),
        *zip(edges**0.5, (0.5, 0.35, 0.2), (0.15,) * 3, strict=True),
        *zip(np.diff(energy), (0.8, 0.6, 0.4, 0.2), (0.6,) * 4, strict=True),
        (histogram.max(), 0.5, 0.25),
        (brightness / 255.0, 0.7, 0.2),
        (ink.mean(axis=1).std(), 0.15, 0.1),
        (ink.mean(axis=0).std(), 0.15, 0.1),
        *((hue, 0.03, 0.04) for hue in hues),
        *((share, 0.1, 0.6) for share in (bands - energy[:, None])[:, :2].ravel()),
        (np.log(width / height), 0.2, 0.4),
        (np.log(width * height), 11.0, 2.5),
        *((share, 0.1, 0.12) for share in histogram[::2] + histogram[1::2]),
        *((slant, -1.2, 0.6) for slant in bands[:, 2] - bands[:, :2].mean(axis=1)),
    ]
    value, typical, spread = np.array(shared + statistics, dtype=np.float64).T
    scaled = squash(value, typical, spread)
    return scaled[:SHARED], scaled[SHARED:]


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    """float64 [16, 16]: the orthonormal cosine basis, one wave per row."""
    position = (2 * np.arange(_GRID) + 1) * np.pi / (2 * _GRID)
    basis = np.cos(np.arange(_GRID)[:, None] * position[None, :]) * np.sqrt(2.0 / _GRID)
    basis[0] /= np.sqrt(2.0)
    return basis


@lru_cache(maxsize=1)
def _slow_waves_first() -> NDArray[np.intp]:
    """Flat indices of the [16, 16] waves but the constant one, slowest first."""
    places = [(i, j) for i in range(_GRID) for j in range(_GRID) if i + j]
    places.sort(key=lambda place: (place[0] ** 2 + place[1] ** 2, place))
    return np.array([i * _GRID + j for i, j in places], dtype=np.intp)


def _layout(grey: NDArray[np.int32], busy: NDArray[np.int32], width: int) -> NDArray[np.float64]:
    """float64 [width], of at most unit length: slow waves of darkness and of detail, in turn.

    There are 255 waves of each; coordinates beyond them stay zero.
    """
    darkness = grey.reshape(_GRID, _SIDE // _GRID, _GRID, _SIDE // _GRID).mean(axis=(1, 3)) / 255.0
    waves = np.zeros(2 * (_GRID * _GRID - 1))
    for offset, field in enumerate((darkness, busy / 255.0)):
        basis = _cosines()
        waves[offset::2] = (basis @ field @ basis.T).ravel()[_slow_waves_first()]
    layout = np.zeros(width)
    taken = min(width, len(waves))
    layout[:taken] = waves[:taken] / _GRID
    strength = float(np.sqrt(np.square(layout).sum()))
    return layout / (strength + 0.05)
