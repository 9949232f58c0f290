"""Variants of a query change how it is stored and nothing that it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmr_core.errors import DataError
from mmr_leaderboard.jobs.material import reencode, respaced


@given(st.text(), st.integers(0, 7))
def test_white_space_changes_and_words_do_not(question, kind):
    changed = respaced(question, kind)
    assert changed != question
    assert changed.split() == question.split()


PNG_MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")
KINDS = [*((mode, "png") for mode in PNG_MODES), *((mode, "jpg") for mode in ("RGB", "L", "CMYK")), ("CMYK", "tiff")]


@pytest.mark.parametrize(("mode", "suffix"), KINDS)
def test_an_image_keeps_its_size_and_gets_other_bytes(mode, suffix, tmp_path):
    source, target = tmp_path / f"a.{suffix}", tmp_path / "b"
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    image = Image.new(mode, (30, 20)) if mode == "I;16" else image.convert(mode)
    image.save(source)
    reencode(source, target)
    with Image.open(source) as before, Image.open(target) as after:
        assert after.size == before.size
        assert after.format == "JPEG"
    assert source.read_bytes() != target.read_bytes()


def test_orientation_is_kept_and_transparency_becomes_white(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=turned)
    reencode(tmp_path / "a.jpg", tmp_path / "b")
    with Image.open(tmp_path / "b") as image:
        assert image.getexif()[0x0112] == 6
    Image.new("RGBA", (8, 4), (0, 0, 0, 0)).save(tmp_path / "c.png")
    reencode(tmp_path / "c.png", tmp_path / "d")
    with Image.open(tmp_path / "d") as image:
        assert image.getpixel((3, 3)) == (255, 255, 255)


def test_a_broken_image_is_an_error_that_names_it(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.png"):
        reencode(tmp_path / "a.png", tmp_path / "b")
