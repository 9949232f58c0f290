"""A store that was damaged, or is none, is described in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable
from mmr_core.store import OutcomeStore

Build = Callable[..., OutcomeTable]


@pytest.fixture
def stored(table: Build, tmp_path: Path) -> Path:
    OutcomeStore(tmp_path / "store").add(table(models=2))
    return tmp_path / "store"


def fails_with(words: str, act: Callable[[], object]) -> None:
    with pytest.raises(DataError, match=words) as raised:
        act()
    assert "\n" not in str(raised.value)


def test_a_folder_without_a_manifest_is_no_store(tmp_path: Path) -> None:
    fails_with(r"not an outcome store: it has no manifest\.json", lambda: OutcomeStore.open(tmp_path))
    fails_with("not an outcome store", lambda: OutcomeStore.open(tmp_path / "absent"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "an app"}', "null"])
def test_a_manifest_of_something_else_is_no_manifest(stored: Path, text: str) -> None:
    (stored / "manifest.json").write_text(text)
    fails_with("is not the manifest of an outcome store", lambda: OutcomeStore.open(stored))


def test_a_newer_schema_says_to_upgrade(stored: Path) -> None:
    text = (stored / "manifest.json").read_text().replace('"schema_version": 1', '"schema_version": 3')
    (stored / "manifest.json").write_text(text)
    fails_with("schema version 3.*upgrade mmr-bench", lambda: OutcomeStore.open(stored))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"instances": 25', '"instances": "many"', r"damaged at 'datasets\.0\.instances'"),
        ('"path": "instances/beta', '"path": "../beta', r"damaged at 'datasets\.1\.file\.path'.*not within the store"),
        ('"batch": 0', '"batch": 1', "damaged at 'batches'.*names a batch beyond the 1"),
        ('"scenario": "math"', '"scenario": "Math!"', "damaged: dataset 'alpha'"),
    ],
)
def test_a_damaged_manifest_says_where(stored: Path, old: str, new: str, words: str) -> None:
    path = stored / "manifest.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    fails_with(words, lambda: OutcomeStore.open(stored))


def test_an_absent_file_is_named(stored: Path) -> None:
    (stored / "outcomes" / "beta" / "model-1.parquet").unlink()
    fails_with(r"model-1\.parquet: is missing, though", OutcomeStore.open(stored).table)


def test_a_damaged_file_is_named_with_or_without_digests(stored: Path) -> None:
    (stored / "instances" / "beta.parquet").write_bytes(b"PAR1 no more")
    fails_with(r"beta\.parquet: is not the file that manifest\.json describes", OutcomeStore.open(stored).table)
    fails_with(r"beta\.parquet: is a damaged Parquet file", OutcomeStore.open(stored, verify=False).table)


def rewrite(path: Path, **columns: list[object]) -> None:
    kept = pq.read_table(path)
    for name, values in columns.items():
        position = kept.column_names.index(name)
        kept = kept.set_column(position, name, pa.array(values))
    pq.write_table(kept, path)


def test_an_edited_file_is_noticed_by_its_digest_and_read_when_told_to(stored: Path) -> None:
    path = stored / "outcomes" / "alpha" / "model-0.parquet"
    rewrite(path, utility=[0.5] * 25)
    fails_with("its digest differs", OutcomeStore.open(stored).table)
    read = OutcomeStore.open(stored, verify=False).table()
    assert (read.utility[read.dataset == "alpha", 0] == 0.5).all()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"instance_id": [f"nobody_{i}" for i in range(25)]}, "unknown instance 'nobody_0'"),
        ({"instance_id": ["alpha_0"] * 25}, "has an instance twice"),
        ({"status": ["fine"] * 25}, "has the status 'fine'"),
        ({"utility": [1.7] * 25}, r"1\.7.*outside \[0, 1\]"),
    ],
)
def test_outcomes_that_cannot_be_are_named(stored: Path, columns: dict[str, list[object]], words: str) -> None:
    rewrite(stored / "outcomes" / "alpha" / "model-0.parquet", **columns)
    fails_with(words, OutcomeStore.open(stored, verify=False).table)


def test_a_file_without_a_column_is_named(stored: Path) -> None:
    path = stored / "outcomes" / "alpha" / "model-0.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["cost"]), path)
    fails_with("has no column 'cost'", OutcomeStore.open(stored, verify=False).table)


def test_fewer_instances_than_the_manifest_says_are_noticed(stored: Path) -> None:
    path = stored / "instances" / "alpha.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    fails_with("expected 25 instances as manifest.json says, got 24", OutcomeStore.open(stored, verify=False).table)


def test_names_that_the_store_lacks_are_answered_with_those_it_has(stored: Path) -> None:
    fails_with("no dataset 'gamma'; it has alpha, beta", lambda: OutcomeStore(stored).table(datasets=["gamma"]))
    fails_with("no model 'm'; it has model-0, model-1", lambda: OutcomeStore(stored).table(models=["m"]))


def test_a_store_of_nothing_gives_no_table(stored: Path) -> None:
    fails_with("has no dataset to read", lambda: OutcomeStore(stored).table(datasets=[]))


def test_a_folder_with_other_things_in_it_does_not_become_a_store(table: Build, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    fails_with(r"not empty: it has 'thesis\.tex'", lambda: OutcomeStore(tmp_path).add(table()))
    fails_with("is a file, not a folder", lambda: OutcomeStore(tmp_path / "thesis.tex").add(table()))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
