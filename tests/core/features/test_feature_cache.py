"""What is kept between runs: nothing is encoded twice, and nothing is lost or made up."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmr_core.errors import FeatureError, MMRError
from mmr_core.features import EncodedFeatures, FeatureCache, Features, cache_folder, cache_root
from mmr_core.outcomes import OutcomeTable, object_array

Tables = Callable[..., OutcomeTable]


class Lengths:
    """Encodes a text or a file by its length, and counts what it was asked for."""

    modalities = ("text", "image")

    def __init__(self, fingerprint: str = "lengths", fail_after: int | None = None) -> None:
        self.fingerprint = fingerprint
        self.asked = 0
        self._fail_after = fail_after

    def encode_text(self, texts: Sequence[str]) -> Any:
        return self._encode([len(text) for text in texts])

    def encode_image(self, paths: Sequence[Path]) -> Any:
        return self._encode([path.stat().st_size for path in paths])

    def _encode(self, lengths: list[int]) -> Any:
        if self._fail_after is not None and self.asked >= self._fail_after:
            raise KeyboardInterrupt
        self.asked += len(lengths)
        return np.array([[length, 1 / length, np.pi] for length in lengths], dtype=np.float32)


def run(table: OutcomeTable, encoder: Lengths, folder: Path, **options: Any) -> tuple[Features, FeatureCache]:
    cache = FeatureCache(folder)
    source = EncodedFeatures(text_encoder=encoder, image_encoder=encoder, cache=cache, **options)
    return source.features(table, np.ones(len(table), dtype=bool)), cache


def test_the_second_run_encodes_nothing_and_gives_the_same_bits(table: Tables, tmp_path: Path) -> None:
    rows = table(instances=20, images=True)
    first, cache = run(rows, Lengths(), tmp_path)
    assert (cache.encoded, cache.reused) == (40, 0)
    again = Lengths()
    second, cache = run(rows, again, tmp_path)
    assert again.asked == 0
    assert (cache.encoded, cache.reused) == (0, 40)
    for one, other in (
        (first.embeddings.text, second.embeddings.text),
        (first.embeddings.image, second.embeddings.image),
        (first.light.image_size, second.light.image_size),
    ):
        np.testing.assert_array_equal(one, other)


def test_ten_new_instances_encode_ten(table: Tables, tmp_path: Path) -> None:
    rows = table(instances=30)
    run(rows.take(np.arange(20)), Lengths(), tmp_path)
    encoder = Lengths()
    run(rows, encoder, tmp_path)
    assert encoder.asked == 10


def test_content_counts_and_not_names_or_places(table: Tables, tmp_path: Path) -> None:
    rows = table(instances=5, images=True)
    run(rows, Lengths(), tmp_path / "cache")
    moved = []
    for i, path in enumerate(rows.image):
        moved.append(tmp_path / f"moved-{i}.png")
        path.rename(moved[-1])
    encoder = Lengths()
    renamed = replace(rows, image=object_array(moved), instance_id=object_array(f"new_{i}" for i in range(5)))
    run(renamed, encoder, tmp_path / "cache")
    assert encoder.asked == 0


def test_a_changed_image_is_encoded_again(table: Tables, tmp_path: Path) -> None:
    from PIL import Image

    rows = table(instances=5, images=True)
    run(rows, Lengths(), tmp_path)
    Image.new("RGB", (7, 9)).save(rows.image[2])
    encoder = Lengths()
    features, _ = run(rows, encoder, tmp_path)
    assert encoder.asked == 1
    assert features.light.image_size[2].tolist() == [7, 9]


def test_an_image_that_breaks_later_is_noticed_in_spite_of_the_cache(table: Tables, tmp_path: Path) -> None:
    rows = table(instances=5, images=True)
    run(rows, Lengths(), tmp_path)
    content = rows.image[3].read_bytes()
    rows.image[3].write_bytes(content[: len(content) // 2])
    with pytest.raises(FeatureError, match="1 image file"):
        run(rows, Lengths(), tmp_path)


def test_another_fingerprint_shares_nothing(table: Tables, tmp_path: Path) -> None:
    rows = table(instances=5)
    run(rows, Lengths("one"), tmp_path)
    other = Lengths("other")
    run(rows, other, tmp_path)
    assert other.asked == 5


def test_a_text_and_an_image_of_the_same_bytes_are_two_things(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    cache.store("f", "text", {b"d": np.ones(2, np.float32)})
    assert cache.load("f", "image", [b"d"]) == {}
    assert cache.load("f", "text", [b"d"])[b"d"].tolist() == [1, 1]


def test_what_was_kept_first_stays(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    cache.store("f", "text", {b"d": np.ones(2, np.float32)})
    cache.store("f", "text", {b"d": np.zeros(2, np.float32), b"e": np.zeros(2, np.float32)})
    assert cache.load("f", "text", [b"d", b"e"])[b"d"].tolist() == [1, 1]


def test_thousands_of_embeddings_are_found(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    rows = {i.to_bytes(16, "big"): np.array([i, 0.1], np.float32) for i in range(2345)}
    cache.store("f", "text", rows)
    found = cache.load("f", "text", [*rows, b"absent"])
    assert found.keys() == rows.keys()
    assert all(np.array_equal(found[key], rows[key]) for key in rows)


def test_an_interrupted_run_keeps_its_batches(table: Tables, tmp_path: Path) -> None:
    rows = table(instances=20)
    with pytest.raises(KeyboardInterrupt):
        run(rows, Lengths(fail_after=10), tmp_path, batch_size=5)
    encoder = Lengths()
    run(rows, encoder, tmp_path, batch_size=5)
    assert encoder.asked == 10


WRITER = """
import sys
from pathlib import Path
import numpy as np
from mmr_core.features import FeatureCache
cache = FeatureCache(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for start in range(int(sys.argv[2]), int(sys.argv[2]) + 200, 4):
    keys = [i.to_bytes(16, "big") for i in range(start, start + 4)]
    cache.load("f", "text", keys)
    cache.store("f", "text", {key: np.frombuffer(key, np.uint8).astype(np.float32) for key in keys})
"""


def test_two_processes_may_use_one_folder_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), start],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for start in ("0", "100")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, complaint = writer.communicate(timeout=120)
        assert writer.returncode == 0, complaint
    keys = [i.to_bytes(16, "big") for i in range(300)]
    found = FeatureCache(tmp_path).load("f", "text", keys)
    assert all(found[key].tolist() == list(key) for key in keys)


def damage(folder: Path, how: Callable[[bytes], bytes], pattern: str = "v1-*.sqlite") -> Path:
    (path,) = [path for path in folder.glob(pattern) if "images" not in path.name]
    path.write_bytes(how(path.read_bytes()))
    return path


@pytest.mark.parametrize(
    "how",
    [
        lambda content: b"this is no database at all" * 100,
        lambda content: content[: len(content) // 2],
        lambda content: content[:200] + b"\xff" * (len(content) - 200),
        lambda content: content.replace(np.float32(np.pi).tobytes(), np.float32(3).tobytes()),
    ],
    ids=["foreign", "truncated", "overwritten", "a few bytes changed"],
)
def test_a_damaged_cache_file_is_one_line_that_says_to_delete_it(
    table: Tables, tmp_path: Path, how: Callable[[bytes], bytes]
) -> None:
    rows = table(instances=50)
    run(rows, Lengths(), tmp_path)
    path = damage(tmp_path, how)
    with pytest.raises(FeatureError) as caught:
        run(rows, Lengths(), tmp_path)
    line = str(caught.value)
    assert line.startswith(f"{path}: the feature cache is damaged")
    assert "delete this file" in line
    path.unlink()
    run(rows, Lengths(), tmp_path)


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FeatureCache(tmp_path)
    connect = sqlite3.connect

    def on_a_small_disk(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 8")
        return connection

    monkeypatch.setattr(sqlite3, "connect", on_a_small_disk)
    with pytest.raises(MMRError, match=r"no space is left for the feature cache; .*MMR_CACHE_DIR"):
        cache.store("f", "text", {bytes([i]): np.zeros(1000, np.float32) for i in range(50)})
    monkeypatch.undo()
    assert cache.load("f", "text", [b"\0"]) == {}, "half a batch was kept"
    assert cache.encoded == 0


def test_a_cache_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache")
    cache.store("f", "text", {b"d": np.ones(2, np.float32)})
    (path,) = cache.folder.iterdir()
    path.unlink()
    path.mkdir()
    with pytest.raises(MMRError, match="cannot be used: unable to open database file"):
        cache.load("f", "text", [b"d"])


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MMRError, match=r"cannot be made .*set MMR_CACHE_DIR"):
        FeatureCache(tmp_path / "file" / "cache")
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(MMRError, match="cannot be made"):
        cache_folder()


def test_the_cache_lies_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "here"))
    assert cache_root() == tmp_path / "here"
    assert cache_folder() == tmp_path / "here" / "features"
    assert cache_folder().is_dir()


def test_the_cache_lies_in_the_users_cache_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    monkeypatch.delenv("MMR_CACHE_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "user" / name))
    assert cache_folder() == tmp_path / "user" / "mmr-bench" / "features"
