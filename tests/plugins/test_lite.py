"""The `lite` encoder: what its rows look like, what they tell apart, and what it does with odd inputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from mmr_core.contracts import Encoder
from mmr_core.errors import FeatureError, UsageError
from mmr_plugins.encoders.lite import LiteEncoder
from mmr_plugins.encoders.lite_text import SHARED

TEXTS = [
    "How many cars are on the road?",
    "Determine the interior angle of the triangle at vertex B, except where it is right. Then double it.",
    "What does the sign say?\nA. stop\nB. go\nC. wait\nD. turn",
    "计算三角形的面积",
    r"Solve $\frac{x^2}{3} + 7 = 12$ for x.",
    "x",
]


def picture(path: Path, *, size: tuple[int, int] = (96, 64), ground: str = "white", mode: str = "RGB") -> Path:
    """A red disc and a black line on a plain ground."""
    image = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(image)
    pen.ellipse([10, 10, 50, 50], fill=(200, 30, 30))
    pen.line([(0, size[1] - 8), (size[0], size[1] - 20)], fill="black", width=3)
    image.convert(mode).save(path)
    return path


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_it_is_an_encoder_of_text_and_images() -> None:
    encoder = LiteEncoder()
    assert isinstance(encoder, Encoder)
    assert encoder.modalities == ("text", "image")


@pytest.mark.parametrize("dimensions", [64, 65, 100, 256, 1000])
def test_rows_are_finite_float32_of_the_asked_width(dimensions: int, tmp_path: Path) -> None:
    encoder = LiteEncoder(dimensions=dimensions)
    image = picture(tmp_path / "a.png")
    for rows in (encoder.encode_text(TEXTS), encoder.encode_image([image] * 3)):
        assert rows.dtype == np.float32
        assert rows.shape == (len(rows), dimensions)
        assert np.isfinite(rows).all()
        assert (np.linalg.norm(rows, axis=1) > 0.1).all()


@pytest.mark.parametrize("dimensions", [63, 0, -256, 128.0, True])
def test_too_few_or_broken_dimensions_are_wrong_use(dimensions: int) -> None:
    with pytest.raises(UsageError, match="at least 64"):
        LiteEncoder(dimensions=dimensions)


def test_nothing_to_encode_gives_no_rows() -> None:
    encoder = LiteEncoder()
    assert encoder.encode_text([]).shape == (0, 256)
    assert encoder.encode_image([]).shape == (0, 256)


def test_a_row_depends_on_its_own_input_alone(tmp_path: Path) -> None:
    encoder = LiteEncoder()
    images = [picture(tmp_path / f"{k}.png", ground=ground) for k, ground in enumerate(("white", "teal", "gold"))]
    np.testing.assert_array_equal(
        encoder.encode_text(TEXTS), np.concatenate([encoder.encode_text([text]) for text in TEXTS])
    )
    np.testing.assert_array_equal(
        encoder.encode_image(images), np.concatenate([encoder.encode_image([image]) for image in images])
    )


def test_another_process_with_another_hash_seed_gives_the_same_rows(tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    program = (
        "import sys, numpy as np; from mmr_plugins.encoders.lite import LiteEncoder; e = LiteEncoder();"
        "rows = np.concatenate([e.encode_text(sys.argv[2:]), e.encode_image([sys.argv[1]])]);"
        "sys.stdout.write(rows.tobytes().hex())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(image), *TEXTS],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    encoder = LiteEncoder()
    here = np.concatenate([encoder.encode_text(TEXTS), encoder.encode_image([image])])
    assert done.stdout == here.tobytes().hex()


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_at_all_gives_a_finite_row_that_is_not_zero(text: str) -> None:
    row = LiteEncoder(dimensions=64).encode_text([text])[0]
    assert np.isfinite(row).all()
    assert row.any()


@pytest.mark.parametrize("text", ["", " \n\t", "...", "\ud800 lone surrogate"])
def test_texts_without_words_and_broken_unicode_are_no_trouble(text: str) -> None:
    row = LiteEncoder().encode_text([text])[0]
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) > 0.1


def test_texts_of_one_kind_lie_closer_together_than_texts_of_two_kinds() -> None:
    a, b, c = LiteEncoder().encode_text(
        [
            "What is the total on the receipt? Then add 7 to it.",
            "What is the total on the receipt? Then add 12 to it.",
            "Which town lies north of the river, and is it larger than Oslo?",
        ]
    )
    assert cosine(a, b) > cosine(a, c) + 0.2


def test_rows_do_not_all_point_the_same_way(tmp_path: Path) -> None:
    encoder = LiteEncoder()
    images = [
        picture(tmp_path / "bright.png"),
        picture(tmp_path / "dark.png", ground="midnightblue", size=(200, 64)),
        tmp_path / "noise.png",
    ]
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(images[2])
    for rows in (encoder.encode_text(TEXTS), encoder.encode_image(images)):
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        between = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
        assert between.mean() < 0.6


def test_texts_and_images_share_only_the_leading_coordinates(tmp_path: Path) -> None:
    encoder = LiteEncoder()
    text = encoder.encode_text(TEXTS).any(axis=0)
    image = encoder.encode_image([picture(tmp_path / "a.png")]).any(axis=0)
    assert set(np.flatnonzero(text & image)) <= set(range(SHARED))


def test_a_longer_text_and_a_busier_picture_have_longer_rows(tmp_path: Path) -> None:
    encoder = LiteEncoder()
    short, long = encoder.encode_text(["Which one?", " ".join(TEXTS)])
    plain, busy = tmp_path / "plain.png", tmp_path / "busy.png"
    picture(plain)
    with Image.open(plain) as image:
        pen = ImageDraw.Draw(image)
        for x in range(0, 96, 6):
            pen.line([(x, 0), (96 - x, 64)], fill="black")
        image.save(busy)
    calm, full = encoder.encode_image([plain, busy])
    assert np.linalg.norm(long) > np.linalg.norm(short)
    assert np.linalg.norm(full) > np.linalg.norm(calm)


def test_blur_and_paleness_move_a_picture_in_different_directions(tmp_path: Path) -> None:
    sharp, soft, pale = (tmp_path / f"{name}.png" for name in ("sharp", "soft", "pale"))
    picture(sharp, size=(128, 128))
    with Image.open(sharp) as image:
        image.filter(ImageFilter.GaussianBlur(3)).save(soft)
        Image.blend(image, Image.new("RGB", image.size, "white"), 0.7).save(pale)
    base, blurred, faded = LiteEncoder().encode_image([sharp, soft, pale])
    assert cosine(blurred - base, faded - base) < 0.6


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBA", "LA", "I;16", "I", "F"])
def test_every_pixel_format_is_read(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    grey = Image.new("L", (70, 50), 255)
    ImageDraw.Draw(grey).rectangle([10, 10, 40, 30], fill=60)
    if mode == "I;16":
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(path)
    elif mode == "I":
        Image.fromarray(np.asarray(grey).astype(np.int32) * 257).save(path)
    elif mode == "F":
        Image.fromarray(np.asarray(grey).astype(np.float32) / 255).save(path)
    elif mode == "P":
        grey.quantize(4).save(path)
    else:
        grey.convert("RGB").convert(mode).save(path)
    plain = tmp_path / "plain.png"
    grey.save(plain)
    found, expected = LiteEncoder().encode_image([path, plain])
    assert np.isfinite(found).all()
    if mode not in ("1", "CMYK"):
        np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("suffix", ["png", "webp", "gif"])
def test_transparency_is_laid_on_white(suffix: str, tmp_path: Path) -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(clear).rectangle([16, 16, 47, 47], fill=(200, 30, 30, 255))
    clear.save(tmp_path / f"clear.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    white = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(white).rectangle([16, 16, 47, 47], fill=(200, 30, 30))
    white.save(tmp_path / "white.png")
    found, expected = LiteEncoder().encode_image([tmp_path / f"clear.{suffix}", tmp_path / "white.png"])
    assert cosine(found, expected) > 0.99


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame_counts(suffix: str, tmp_path: Path) -> None:
    first, second = Image.new("RGB", (64, 48), "white"), Image.new("RGB", (64, 48), "black")
    ImageDraw.Draw(first).rectangle([10, 10, 30, 30], fill="black")
    first.save(tmp_path / f"moving.{suffix}", save_all=True, append_images=[second], duration=100)
    first.save(tmp_path / "still.png")
    moving, still = LiteEncoder().encode_image([tmp_path / f"moving.{suffix}", tmp_path / "still.png"])
    assert cosine(moving, still) > 0.95


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 2), (2000, 1500)])
def test_every_size_and_shape_is_encoded(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size, "teal").save(tmp_path / "a.png")
    assert np.isfinite(LiteEncoder().encode_image([tmp_path / "a.png"])).all()


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif"])
def test_a_truncated_image_is_refused_by_name(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cut.{suffix}"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(FeatureError, match=rf"cut\.{suffix}"):
        LiteEncoder().encode_image([path])


def test_an_absent_file_and_a_file_that_is_no_image_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"gone\.png.*FileNotFoundError"):
        LiteEncoder().encode_image([tmp_path / "gone.png"])
    (tmp_path / "words.png").write_text("no image")
    with pytest.raises(FeatureError, match=r"words\.png"):
        LiteEncoder().encode_image([tmp_path / "words.png"])


def test_the_fingerprint_names_recipe_width_precision_and_pillow() -> None:
    wide, narrow = LiteEncoder(dimensions=256).fingerprint, LiteEncoder(dimensions=64).fingerprint
    assert wide != narrow
    assert wide == LiteEncoder().fingerprint
    assert all(part in wide for part in ("lite-", "d=256", "float32", "pillow="))
