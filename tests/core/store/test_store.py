"""A store gives back exactly what was put in, and nothing that happens during an import can hurt it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.specs import DatasetSpec, ModelSpec, TokenPrice
from mmr_core.store import OutcomeStore, table_reader

Build = Callable[..., OutcomeTable]
Same = Callable[[OutcomeTable, OutcomeTable], None]


def only_models(table: OutcomeTable, *positions: int) -> OutcomeTable:
    return table.take_models([table.models[j].name for j in positions])


def only_dataset(table: OutcomeTable, name: str) -> OutcomeTable:
    return replace(table.take(table.dataset == name), datasets=(table.spec_of(name),))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_table_comes_back_exactly_in_the_order_of_its_file(assert_same: Same, table: Build, tmp_path: Path) -> None:
    put = table(models=4, instances=41, missing=0.2, datasets=("alpha", "beta", "gamma"), images=True)
    OutcomeStore(tmp_path / "store").add(put)
    assert_same(OutcomeStore.open(tmp_path / "store").table(), put)


texts = st.one_of(
    st.sampled_from(["", "nan", "None", "N/A", "null", "012", "1e5", " x ", "a\r\nb\nc", "NaN", "\ufeff", "\0"]),
    st.text(max_size=8),
)
known_or_nan = st.one_of(st.just(float("nan")), st.floats(0, 1))
costs = st.one_of(st.just(float("nan")), st.floats(0, 1e300))


@st.composite
def any_tables(draw: st.DrawFn) -> OutcomeTable:
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 3))

    def column(values: st.SearchStrategy[object]) -> np.ndarray:
        return object_array(draw(st.lists(values, min_size=n, max_size=n)))

    def matrix(values: st.SearchStrategy[float]) -> np.ndarray:
        cells = draw(st.lists(values, min_size=n * k, max_size=n * k))
        return np.array(cells, dtype=float).reshape(n, k)

    dataset = column(st.sampled_from(["alpha", "beta"]))
    model_names = draw(
        st.lists(
            st.one_of(
                st.sampled_from(["a/b", "..", "A", "a", "x_correct", "é", "%41", "C:\\x", "." * 3]),
                st.from_regex(r"[^\s,][^,\n]{0,6}", fullmatch=True),
            ),
            min_size=k,
            max_size=k,
            unique=True,
        )
    )
    response = np.empty((n, k), dtype=object)
    for i in range(n):
        for j in range(k):
            response[i, j] = draw(st.one_of(st.none(), texts))
    has_response = any(text is not None for text in response.flat)
    status = draw(st.lists(st.sampled_from(list(Status)), min_size=n * k, max_size=n * k))
    return OutcomeTable(
        dataset=dataset,
        instance_id=object_array(draw(st.lists(st.text(min_size=1, max_size=6), min_size=n, max_size=n, unique=True))),
        question=column(texts),
        answer=column(texts),
        category=column(texts),
        image=column(st.one_of(st.none(), st.sampled_from([Path("/a/1.jpg"), Path("/b c/é.png")]))),
        models=tuple(ModelSpec(name=name, title=name, price=TokenPrice(output=0.1)) for name in model_names),
        columns=tuple(f"column of {name}" for name in model_names),
        utility=matrix(known_or_nan),
        cost=matrix(costs),
        status=np.array(status, dtype=np.int8).reshape(n, k),
        input_tokens=matrix(costs),
        image_tokens=matrix(costs),
        output_tokens=matrix(costs),
        response=response if has_response else None,
        datasets=tuple(
            DatasetSpec(name=name, title=name, scenario="ocr", modalities=("text",), id_prefix=name)
            for name in dict.fromkeys(dataset)
        ),
        source=draw(texts),
        synthetic=draw(st.booleans()),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(put=any_tables())
def test_any_table_comes_back_exactly(assert_same: Same, put: OutcomeTable) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = OutcomeStore(Path(folder) / "store")
        store.add(put)
        assert_same(store.table(), put)
        assert not store.add(put)


def test_adding_a_model_adds_a_file_and_rewrites_nothing_but_the_manifest(
    assert_same: Same, table: Build, tmp_path: Path
) -> None:
    whole = table(models=3, datasets=("alpha",))
    store = OutcomeStore(tmp_path)
    store.add(only_models(whole, 0, 1))
    before = files_of(tmp_path)
    added = store.add(whole)
    after = files_of(tmp_path)
    assert added.datasets == ()
    assert added.outcomes == (("alpha", "model-2"),)
    assert set(after) - set(before) == {"outcomes/alpha/model-2.parquet"}
    assert {name for name in before if before[name] != after[name]} == {"manifest.json"}
    assert_same(store.table(), whole)


def test_adding_a_dataset_adds_its_folder_behind_what_was_there(table: Build, tmp_path: Path) -> None:
    whole = table(models=2)
    store = OutcomeStore(tmp_path)
    store.add(only_dataset(whole, "beta"))
    before = files_of(tmp_path)
    assert store.add(only_dataset(whole, "alpha")).datasets == ("alpha",)
    after = files_of(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {"manifest.json"}
    read = store.table()
    assert read.dataset_names == ("beta", "alpha")
    assert read.instance_id[read.dataset == "alpha"].tolist() == whole.instance_id[whole.dataset == "alpha"].tolist()


def test_some_datasets_and_models_can_be_read_alone(table: Build, tmp_path: Path) -> None:
    whole = table(models=3, datasets=("alpha", "beta", "gamma"), missing=0.1)
    store = OutcomeStore(tmp_path)
    store.add(whole)
    read = store.table(datasets=["gamma", "alpha"], models=["model-2", "model-0"])
    wanted = whole.take((whole.dataset == "gamma") | (whole.dataset == "alpha")).take_models(["model-2", "model-0"])
    assert read.instance_id.tolist() == wanted.instance_id.tolist()
    np.testing.assert_array_equal(read.utility, wanted.utility)
    assert [spec.name for spec in read.datasets] == ["alpha", "gamma"]


def test_a_model_that_ran_on_some_instances_only_is_missing_on_the_others(table: Build, tmp_path: Path) -> None:
    whole = table(models=2, instances=10, datasets=("alpha",))
    store = OutcomeStore(tmp_path)
    store.add(only_models(whole, 0))
    store.add(only_models(whole, 1).take(np.array([7, 2])))
    read = store.table()
    known = np.isin(np.arange(10), [2, 7])
    np.testing.assert_array_equal(~np.isnan(read.utility[:, 1]), known)
    np.testing.assert_array_equal(read.status[:, 1] == Status.OK, known)
    np.testing.assert_array_equal(read.cost[known, 1], whole.cost[known, 1])
    np.testing.assert_array_equal(read.utility[:, 0], whole.utility[:, 0])


def test_a_model_is_missing_on_the_datasets_it_never_ran_on(table: Build, tmp_path: Path) -> None:
    whole = table(models=2)
    store = OutcomeStore(tmp_path)
    store.add(only_models(only_dataset(whole, "alpha"), 0))
    store.add(only_models(only_dataset(whole, "beta"), 1))
    read = store.table()
    assert np.isnan(read.utility[read.dataset == "alpha", 1]).all()
    assert np.isnan(read.utility[read.dataset == "beta", 0]).all()
    assert [model.name for model in store.table(datasets=["beta"]).models] == ["model-1"]


def test_a_model_that_said_nothing_can_still_be_added_later(assert_same: Same, table: Build, tmp_path: Path) -> None:
    whole = table(models=2, datasets=("alpha",))
    silent = replace(
        whole,
        **{
            name: np.where([[False, True]], np.nan, getattr(whole, name))
            for name in ("utility", "cost", "output_tokens")
        },
        status=np.where([[False, True]], Status.MISSING, whole.status).astype(np.int8),
    )
    store = OutcomeStore(tmp_path)
    store.add(silent)
    assert_same(store.table(), silent)
    assert store.add(whole).outcomes == (("alpha", "model-1"),)
    assert_same(store.table(), whole)


def test_importing_the_same_again_changes_nothing(table: Build, tmp_path: Path) -> None:
    whole = table(missing=0.2)
    store = OutcomeStore(tmp_path)
    assert store.add(whole)
    before = files_of(tmp_path)
    assert not store.add(whole)
    assert not store.add(whole.take(np.arange(len(whole))[::-2]))
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: replace(t, utility=1 - t.utility), "has the utility 1.0, not 0.0"),
        (lambda t: replace(t, cost=t.cost + 1), "has the cost"),
        (lambda t: replace(t, status=t.status + np.int8(3)), "has the status 'ok', not 'truncated'"),
        (lambda t: replace(t, output_tokens=t.output_tokens + 1), "output_tokens"),
        (lambda t: replace(t, response=np.full(t.utility.shape, "yes", dtype=object)), "response None, not 'yes'"),
        (lambda t: replace(t, question=t.question + "!"), "has the question"),
        (lambda t: replace(t, answer=t.answer + "!"), "has the answer"),
        (lambda t: replace(t, category=t.category + "!"), "has the category"),
        (lambda t: replace(t, datasets=(replace(t.datasets[0], scenario="text"),)), "scenario 'math', not 'text'"),
        (lambda t: replace(t, models=(replace(t.models[0], title="X"),)), "title 'Model 0', not 'X'"),
        (lambda t: replace(t, instance_id=t.instance_id + "?"), "without 'alpha_0\\?' \\(and 9 more\\)"),
    ],
)
def test_a_conflicting_import_says_what_differs_and_changes_nothing(
    table: Build, tmp_path: Path, change: Callable[[OutcomeTable], OutcomeTable], words: str
) -> None:
    whole = table(models=1, instances=10, datasets=("alpha",), seed=5)
    whole.utility[0] = 1.0
    store = OutcomeStore(tmp_path / "store")
    store.add(whole)
    before = files_of(tmp_path)
    with pytest.raises(DataError, match=words) as raised:
        store.add(change(whole))
    assert "is already here" in str(raised.value)
    assert "import into a new store" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert files_of(tmp_path) == before


def test_an_outcome_that_the_store_lacks_conflicts_with_its_file(table: Build, tmp_path: Path) -> None:
    whole = table(models=1, instances=10, datasets=("alpha",))
    store = OutcomeStore(tmp_path)
    store.add(whole)
    other = table(models=2, instances=10, datasets=("alpha",))
    store.add(only_models(other, 1).take(np.arange(5)))
    with pytest.raises(DataError, match="'model-1' on dataset 'alpha' is already here without 'alpha_5'"):
        store.add(only_models(other, 1))


def test_a_table_from_elsewhere_may_lack_images_and_categories(assert_same: Same, table: Build, tmp_path: Path) -> None:
    whole = table(models=2, images=True)
    bare = replace(only_models(whole, 1), category=whole.category * 0, image=object_array([None] * len(whole)))
    store = OutcomeStore(tmp_path)
    store.add(only_models(whole, 0))
    store.add(bare)
    assert_same(store.table(), whole)


def test_a_table_without_outcomes_is_refused(table: Build, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no outcomes to import"):
        OutcomeStore(tmp_path / "store").add(table().take(np.array([], dtype=int)))
    assert not (tmp_path / "store").exists()


def test_copied_images_travel_with_the_store(table: Build, tmp_path: Path) -> None:
    whole = table(models=2, instances=6, images=True)
    OutcomeStore(tmp_path / "store").add(whole, copy_images=True)
    shutil.move(tmp_path / "store", tmp_path / "elsewhere")
    read = OutcomeStore.open(tmp_path / "elsewhere").table()
    for copied, original in zip(read.image, whole.image, strict=True):
        assert copied.is_relative_to(tmp_path / "elsewhere" / "images")
        assert copied.read_bytes() == original.read_bytes()
    again = OutcomeStore(tmp_path / "elsewhere").add(whole, copy_images=True)
    assert not again


def test_images_of_one_name_from_two_folders_are_both_copied(table: Build, tmp_path: Path) -> None:
    whole = table(models=1, instances=3, datasets=("alpha",))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.jpg").write_text(folder)
    absent = tmp_path / "absent.jpg"
    paths = [tmp_path / "a" / "1.jpg", tmp_path / "b" / "1.jpg", absent]
    store = OutcomeStore(tmp_path / "store")
    store.add(replace(whole, image=object_array(paths)), copy_images=True)
    images = store.table().image
    assert [path.read_text() for path in images[:2]] == ["a", "b"]
    assert images[2] == absent


def test_images_within_the_store_are_kept_relative_to_it(table: Build, tmp_path: Path) -> None:
    whole = table(models=1, instances=1, datasets=("alpha",))
    inside = tmp_path / "store" / "images" / "x.jpg"
    OutcomeStore(tmp_path / "store").add(replace(whole, image=object_array([inside])))
    stored = pq.read_table(tmp_path / "store" / "instances" / "alpha.parquet").column("image").to_pylist()
    assert stored == ["images/x.jpg"]
    assert OutcomeStore.open(tmp_path / "store").table().image.tolist() == [inside]


def test_a_path_relative_to_the_current_folder_is_kept_absolute(
    table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = table(models=1, instances=1, datasets=("alpha",))
    store = OutcomeStore("store")
    store.add(replace(whole, image=object_array([Path("x.jpg")])))
    assert store.table().image.tolist() == [tmp_path / "x.jpg"]


def test_files_have_the_documented_columns_and_words(table: Build, tmp_path: Path) -> None:
    OutcomeStore(tmp_path).add(table(models=1, datasets=("alpha",), missing=0.3))
    instances = pq.read_table(tmp_path / "instances" / "alpha.parquet")
    assert instances.column_names == ["instance_id", "question", "answer", "category", "image", "row"]
    outcomes = pq.read_table(tmp_path / "outcomes" / "alpha" / "model-0.parquet")
    assert set(outcomes.column_names) == {
        "instance_id", "utility", "cost", "input_tokens", "image_tokens", "output_tokens", "response", "status",
    }  # fmt: skip
    assert set(outcomes.column("status").to_pylist()) == {"ok", "missing"}
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["schema_version"] == 1
    assert manifest["batches"] == [{"source": "a test", "synthetic": False}]
    assert manifest["datasets"][0]["spec"]["scenario"] == "math"
    assert manifest["models"][0]["column"] == "Model-0"


def test_model_names_make_safe_file_names_that_differ_by_more_than_case(
    assert_same: Same, table: Build, tmp_path: Path
) -> None:
    names = ["org/model:7b", "..", "Same", "same", "long" * 80]
    whole = table(models=len(names), instances=4, datasets=("alpha",))
    whole = replace(whole, models=tuple(replace(m, name=n) for m, n in zip(whole.models, names, strict=True)))
    store = OutcomeStore(tmp_path / "store")
    store.add(whole)
    files = [path.name for path in (tmp_path / "store" / "outcomes" / "alpha").iterdir()]
    assert len({name.casefold() for name in files}) == len(names)
    assert "org%2Fmodel%3A7b.parquet" in files
    assert max(map(len, files)) < 200
    assert list(tmp_path.iterdir()) == [tmp_path / "store"]
    assert_same(store.table(), whole)


def test_synthetic_outcomes_make_the_whole_table_synthetic(table: Build, tmp_path: Path) -> None:
    whole = table()
    store = OutcomeStore(tmp_path)
    store.add(only_dataset(whole, "alpha"))
    store.add(replace(only_dataset(whole, "beta"), synthetic=True, source="a generator"))
    assert store.table().synthetic
    assert store.table().source == "a test; a generator"
    assert not store.table(datasets=["alpha"]).synthetic


def test_mapped_arrays_hold_the_same_numbers_and_are_made_once(
    table: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    OutcomeStore(tmp_path / "store").add(table(models=3, instances=40, missing=0.2, datasets=("alpha", "beta")))
    store, arrays = OutcomeStore.open(tmp_path / "store"), tmp_path / "arrays"
    plain, mapped = store.table(), store.table(arrays=arrays)
    monkeypatch.setattr(table_reader, "read_outcomes", None)
    again = store.table(arrays=arrays)
    for found in (mapped, again):
        assert isinstance(found.utility, np.memmap)
        assert not found.utility.flags.writeable
        assert found.response is None
        assert found.digest() == plain.digest()
        for name in ("utility", "cost", "status", "input_tokens", "image_tokens", "output_tokens"):
            np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    assert len(list(arrays.iterdir())) == 1


def test_mapped_arrays_of_another_content_are_made_anew(table: Build, tmp_path: Path) -> None:
    whole = table(models=3, instances=12, datasets=("alpha",))
    store, arrays = OutcomeStore(tmp_path / "store"), tmp_path / "arrays"
    store.add(only_models(whole, 0, 1))
    assert store.table(arrays=arrays).utility.shape == (12, 2)
    store.add(only_models(whole, 2))
    np.testing.assert_array_equal(store.table(arrays=arrays).utility, whole.utility)
    names = [model.name for model in whole.models[::-1]]
    np.testing.assert_array_equal(store.table(models=names, arrays=arrays).utility, whole.utility[:, ::-1])
    assert len(list(arrays.iterdir())) == 3
