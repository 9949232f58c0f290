"""Embeddings from a file: what is read back, what is refused, and what the mask says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmr_core.contracts import IMAGE, TEXT
from mmr_core.errors import FeatureError, MMRError, UsageError
from mmr_core.features import FeatureSource, PrecomputedFeatures, write_features
from mmr_core.outcomes import OutcomeTable, object_array

Tables = Callable[..., OutcomeTable]

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "mathvision-real"


@pytest.fixture
def rows(table: Tables) -> OutcomeTable:
    return table(instances=6, images=True)


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def good(rows: OutcomeTable, *, width: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "ids": np.array(list(rows.instance_id)),
        "text": rng.normal(size=(len(rows), width)).astype(np.float32),
        "image": rng.normal(size=(len(rows), width)).astype(np.float32),
    }


def read(path: Path, rows: OutcomeTable, **options: Any) -> Any:
    return PrecomputedFeatures.from_file(path, **options).features(rows, np.ones(len(rows), dtype=bool))


def test_rows_are_found_by_id_in_whatever_order(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    shuffled = {name: array[::-1] for name, array in arrays.items()}
    features = read(saved(tmp_path / "f.npz", **shuffled), rows.take(np.array([4, 1])))
    np.testing.assert_array_equal(features.embeddings.text, arrays["text"][[4, 1]])
    np.testing.assert_array_equal(features.embeddings.image, arrays["image"][[4, 1]])
    assert features.embeddings.mask.all()
    assert features.light.image_size.tolist() == [[24, 24]] * 2


def test_it_is_a_feature_source(rows: OutcomeTable, tmp_path: Path) -> None:
    source = PrecomputedFeatures.from_file(saved(tmp_path / "f.npz", **good(rows)))
    assert isinstance(source, FeatureSource)
    description = source.describe()
    assert description["file"] == "f.npz"
    assert len(str(description["digest"])) == 32


def test_an_absent_array_means_that_no_row_has_the_modality(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    text_only = read(saved(tmp_path / "t.npz", ids=arrays["ids"], text=arrays["text"]), rows)
    assert text_only.embeddings.image is None
    assert not text_only.embeddings.mask[:, IMAGE].any()
    assert text_only.images == (None,) * 6
    image_only = read(saved(tmp_path / "i.npz", ids=arrays["ids"], image=arrays["image"]), rows)
    assert image_only.embeddings.text is None
    assert image_only.questions == ("",) * 6


def test_a_zero_row_clears_the_bit_and_so_does_the_table(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    arrays["text"][0] = 0
    arrays["image"][1] = 0
    rows = replace(
        rows,
        question=object_array([*rows.question[:2], " ", *rows.question[3:]]),
        image=object_array([*rows.image[:3], None, *rows.image[4:]]),
    )
    features = read(saved(tmp_path / "f.npz", **arrays), rows)
    assert features.embeddings.mask[:, TEXT].tolist() == [False, True, False, True, True, True]
    assert features.embeddings.mask[:, IMAGE].tolist() == [True, False, True, False, True, True]
    assert not features.embeddings.text[2].any()
    assert not features.embeddings.image[3].any()
    assert ((features.embeddings.norms > 0) == features.embeddings.mask).all()


def test_image_files_need_not_be_there(rows: OutcomeTable, tmp_path: Path) -> None:
    rows.image[0].unlink()
    rows.image[1].write_text("no image")
    features = read(saved(tmp_path / "f.npz", **good(rows)), rows)
    assert features.embeddings.mask.all()
    assert features.light.image_size.tolist() == [[0, 0], [0, 0]] + [[24, 24]] * 4


def test_raw_rows_come_back_bit_for_bit_whatever_the_mask(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    arrays["text"][0] = 0
    rows = replace(rows, question=object_array(["" for _ in rows.question]))
    source = PrecomputedFeatures.from_file(saved(tmp_path / "f.npz", **arrays))
    text, image = source.raw(rows)
    assert text is not None
    assert image is not None
    assert text.tobytes() == arrays["text"].tobytes()
    assert image.tobytes() == arrays["image"].tobytes()
    assert text.dtype == np.float32


def test_written_features_are_read_back_bit_for_bit(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    arrays["image"][2] = 0
    first = read(saved(tmp_path / "f.npz", **arrays), rows)
    path = tmp_path / "new" / "g.npz"
    write_features(path, rows, first)
    second = read(path, rows)
    for name in ("text", "image", "norms", "mask"):
        assert getattr(first.embeddings, name).tobytes() == getattr(second.embeddings, name).tobytes()
    assert first.questions == second.questions
    assert first.images == second.images
    assert [file.name for file in path.parent.iterdir()] == ["g.npz"]


def test_features_of_one_modality_are_written_without_the_other(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    features = read(saved(tmp_path / "t.npz", ids=arrays["ids"], text=arrays["text"]), rows)
    write_features(tmp_path / "u.npz", rows, features)
    with np.load(tmp_path / "u.npz") as archive:
        assert set(archive.files) == {"ids", "text"}


def test_a_file_that_cannot_be_written_is_one_line(rows: OutcomeTable, tmp_path: Path) -> None:
    features = read(saved(tmp_path / "f.npz", **good(rows)), rows)
    (tmp_path / "file").write_text("")
    with pytest.raises(MMRError, match="cannot be written"):
        write_features(tmp_path / "file" / "g.npz", rows, features)


def test_rows_that_are_not_in_the_file_are_counted_and_shown(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = {name: array[2:] for name, array in good(rows).items()}
    with pytest.raises(FeatureError, match="no embeddings for 2 of 6 instances of a test: 'alpha_0', 'beta_1';"):
        read(saved(tmp_path / "f.npz", **arrays), rows)


def test_one_id_in_two_datasets_is_refused(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    features = read(saved(tmp_path / "f.npz", **arrays), rows)
    twice = replace(rows, instance_id=object_array(["x", "x", *rows.instance_id[2:]]))
    with pytest.raises(FeatureError, match="'x' occurs in two datasets"):
        read(tmp_path / "f.npz", twice)
    with pytest.raises(FeatureError, match="'x' occurs in two datasets"):
        write_features(tmp_path / "g.npz", twice, features)


def test_unequal_widths_need_an_alignment(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = {**good(rows, width=4), "image": good(rows, width=7)["image"]}
    path = saved(tmp_path / "f.npz", **arrays)
    with pytest.raises(UsageError, match=r"4 dimensions and image embeddings 7; .*--align"):
        read(path, rows)
    assert read(path, rows, align="pad").embeddings.text.shape == (6, 7)
    with pytest.raises(UsageError, match="unknown alignment 'stretch'"):
        PrecomputedFeatures.from_file(path, align="stretch")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ids": None}, "has the arrays image, text; it needs 'ids'"),
        ({"text": None, "image": None}, "has the arrays ids; it needs"),
        ({"ids": np.arange(6)}, "ids: expected a list of strings, got int64 of shape"),
        ({"ids": np.array([["a"]] * 6)}, r"ids: expected a list of strings, got <U1 of shape \(6, 1\)"),
        ({"ids": np.array(["a", "b", "c", "b", "a", "d"])}, "id '[ab]' occurs twice"),
        ({"text": np.zeros((6, 4))}, r"text: expected float32, got float64; save text.astype\('float32'\)"),
        ({"image": np.zeros((6, 4), int)}, "image: expected float32, got int64"),
        ({"text": np.zeros((5, 4), np.float32)}, r"text: expected shape \(6, d\), got \(5, 4\)"),
        ({"text": np.zeros(6, np.float32)}, r"text: expected shape .*, got \(6,\)"),
        ({"text": np.zeros((6, 0), np.float32)}, r"text: expected shape .*, got \(6, 0\)"),
        ({"image": np.full((6, 2), np.nan, np.float32)}, "image has 6 rows that are not finite, the first in row 0"),
        ({"ids": np.array(["a"] * 6, dtype=object)}, "not an .npz file of plain arrays"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused(
    rows: OutcomeTable, tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    arrays = {name: array for name, array in {**good(rows), **change}.items() if array is not None}
    path = saved(tmp_path / "f.npz", **arrays)
    with pytest.raises(FeatureError, match=complaint) as caught:
        PrecomputedFeatures.from_file(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    witness = tmp_path / "executed"

    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (witness,)

    trap = np.empty(1, dtype=object)
    trap[0] = Trap()
    with pytest.raises(FeatureError, match="without object arrays"):
        PrecomputedFeatures.from_file(saved(tmp_path / "f.npz", ids=trap, text=np.ones((1, 2), np.float32)))
    assert not witness.exists()


def test_what_is_no_archive_is_refused(rows: OutcomeTable, tmp_path: Path) -> None:
    whole = saved(tmp_path / "f.npz", **good(rows)).read_bytes()
    for name, content in (("text", b"no archive"), ("empty", b""), ("half", whole[: len(whole) // 2])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FeatureError, match=r"not an \.npz file"):
            PrecomputedFeatures.from_file(tmp_path / name)
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(FeatureError, match=r"not an \.npz file"):
        PrecomputedFeatures.from_file(tmp_path / "one.npy")
    with pytest.raises(FeatureError, match="cannot be read"):
        PrecomputedFeatures.from_file(tmp_path / "absent.npz")


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays_are_the_file_itself_where_it_allows_it_and_the_same_where_not(
    rows: OutcomeTable, tmp_path: Path, write: Any
) -> None:
    arrays = good(rows)
    write(tmp_path / "f.npz", **{name: array[::-1] if name == "ids" else array for name, array in arrays.items()})
    shuffled = PrecomputedFeatures.from_file(tmp_path / "f.npz").raw(rows)
    np.testing.assert_array_equal(shuffled[0], arrays["text"][::-1])
    write(tmp_path / "g.npz", **arrays)
    source = PrecomputedFeatures.from_file(tmp_path / "g.npz")
    features = source.features(rows, np.ones(len(rows), dtype=bool))
    np.testing.assert_array_equal(features.embeddings.text, arrays["text"])
    memory: Any = features.embeddings.text
    while isinstance(memory, np.ndarray):
        memory = memory.base
    assert isinstance(memory, mmap) == (write is np.savez)
    for array in source.raw(rows):
        assert array.flags.aligned
    taken = features.take(np.arange(len(rows))).embeddings
    assert taken.text.base is None
    assert taken.text.flags.writeable
    assert taken.text.flags.aligned


def test_a_number_that_was_changed_in_the_file_is_noticed(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    content = bytearray(saved(tmp_path / "f.npz", **arrays).read_bytes())
    at = content.index(arrays["text"].tobytes())
    content[at] ^= 1
    (tmp_path / "f.npz").write_bytes(content)
    with pytest.raises(FeatureError, match=r"not an \.npz file of plain arrays \(.*checksum\)"):
        PrecomputedFeatures.from_file(tmp_path / "f.npz")


def test_byte_strings_are_ids_and_big_endian_numbers_are_numbers(rows: OutcomeTable, tmp_path: Path) -> None:
    arrays = good(rows)
    path = saved(tmp_path / "f.npz", ids=arrays["ids"].astype("S"), text=arrays["text"].astype(">f4"))
    features = read(path, rows)
    np.testing.assert_array_equal(features.embeddings.text, arrays["text"])
    assert features.embeddings.text.dtype.isnative


@pytest.mark.skipif(not (REAL / "minilm-text.npz").exists(), reason="the real table is not here")
def test_the_real_text_embeddings_are_read(table: Tables) -> None:
    with np.load(REAL / "minilm-text.npz") as archive:
        ids, text = archive["ids"], archive["text"]
    empty = ids.tolist().index("MathVision_528")
    rows = replace(
        table(instances=len(ids), datasets=("mathvision",)),
        instance_id=object_array(ids.tolist()),
        question=object_array("" if i == empty else f"question {i}" for i in range(len(ids))),
        image=object_array(REAL / "MathVision" / f"{name.split('_')[1]}.jpg" for name in ids.tolist()),
    )
    source = PrecomputedFeatures.from_file(REAL / "minilm-text.npz")
    features = source.features(rows, np.ones(len(rows), dtype=bool))
    assert features.embeddings.mask[:, TEXT].sum() == len(ids) - 1
    assert not features.embeddings.mask[empty].any()
    assert not features.embeddings.text[empty].any()
    assert not features.embeddings.mask[:, IMAGE].any()
    raw, image = source.raw(rows)
    assert image is None
    assert raw is not None
    assert raw.tobytes() == text.tobytes()
