"""The matrices of VL-RouterBench become the cells that they state, and its embeddings a file of features."""

from __future__ import annotations

import json
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mmr_core.errors import DataError, FeatureError, UsageError
from mmr_core.features import PrecomputedFeatures
from mmr_core.outcomes import Status
from mmr_plugins.importers.vl_routerbench import VLRouterBenchImporter
from mmr_plugins.importers.vl_routerbench_features import export_features

MODELS = ["GPT4o", "Qwen2.5-VL-72B-Instruct"]
SAMPLES = [("MMStar", "7"), ("MathVista_MINI", "12.0"), ("DocVQA_VAL", "a/b"), ("MMStar", "3")]
IDS = [f"{dataset}/{index}" for dataset, index in SAMPLES]
WHOLE = ["MMStar_7", "MathVista_12", "DocVQA_VAL_a/b", "MMStar_3"]
SCORES = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.int8)
COSTS = np.array([[0.01, 0.002], [0.02, 0.0], [0.03, 0.004], [0.04, 0.005]], dtype=np.float32)


def as_pickle(file: Path, content: Any) -> None:
    file.write_bytes(pickle.dumps(content, protocol=4))


def write(root: Path, *, scores: Any = SCORES, costs: Any = COSTS, ids: list[str] | None = None) -> Path:
    """The folder of the benchmark, as its pipeline leaves it."""
    ids = IDS if ids is None else ids
    matrices, registry = root / "data/matrices", root / "data/registry"
    for folder in (matrices, registry, root / "BENCHMARKS/vqa_mc", root / "SPLITS", root / "EMBEDDINGS/text"):
        folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(matrices / "Y.npz", Y=scores)
    if costs is not None:
        np.save(matrices / "C.npy", costs)
    as_pickle(matrices / "sample_ids.pkl", ids)
    as_pickle(registry / "model_index.pkl", MODELS)
    (registry / "models.txt").write_text("\n".join(MODELS) + "\n")
    meta = pd.DataFrame({"sample_id": ids, "dataset": [name.partition("/")[0] for name in ids]})
    meta.assign(split="train", task="vqa_mc").to_parquet(registry / "meta.parquet", index=False)
    with (root / "BENCHMARKS/vqa_mc/mmstar_samples.jsonl").open("w") as lines:
        for name in ids:
            lines.write(json.dumps({"sample_id": name, "prompt": f"What about {name}?", "assets": []}) + "\n")
    (root / "SPLITS/train.jsonl").write_text("".join(json.dumps({"sample_id": name}) + "\n" for name in ids))
    return root


@pytest.mark.parametrize("part", ["", "data", "data/matrices", "data/matrices/Y.npz"])
def test_every_row_and_column_is_a_cell(bring: Callable[..., Any], tmp_path: Path, part: str) -> None:
    brought = bring(VLRouterBenchImporter(), write(tmp_path) / part)
    assert sorted(brought.table.instance_id) == sorted(WHOLE)
    cell = brought.cell("MathVista_12", "GPT4o")
    assert (cell["utility"], cell["cost"], cell["status"]) == (0.0, pytest.approx(0.02), Status.OK)
    assert (cell["dataset"], cell["category"]) == ("mathvista", "vqa_mc")
    assert cell["question"] == "What about MathVista_MINI/12.0?"
    assert [model.name for model in brought.table.models] == ["GPT4o", "qwen2.5-vl-72b"]
    free = brought.cell("MathVista_12", "qwen2.5-vl-72b")
    assert (free["utility"], free["status"]) == (1.0, Status.MISSING)
    assert math.isnan(free["cost"])
    origin = brought.origin("mathvista", "MathVista_12", "GPT4o")
    assert (origin["row"], origin["native_id"]) == (2, "MathVista_MINI/12.0")
    assert origin["source"].endswith("Y.npz")


def test_the_pickled_index_says_the_order_where_it_may_be_read(bring: Callable[..., Any], tmp_path: Path) -> None:
    root = write(tmp_path)
    as_pickle(root / "data/matrices/sample_ids.pkl", np.array(IDS[::-1], dtype=object))
    assert bring(VLRouterBenchImporter(), root).cell("MMStar_7", "GPT4o")["cost"] == pytest.approx(0.01)
    turned = bring(VLRouterBenchImporter(), root, allow_pickle=True)
    assert turned.cell("MMStar_7", "GPT4o")["cost"] == pytest.approx(0.04)
    assert turned.cell("MMStar_7", "GPT4o")["category"] == "vqa_mc"


def test_without_a_registry_pickles_are_asked_for(
    bring: Callable[..., Any], peek: Callable[..., Any], tmp_path: Path
) -> None:
    root = write(tmp_path)
    (root / "data/registry/meta.parquet").unlink()
    with pytest.raises(DataError, match=r"no registry/meta\.parquet.*--allow-pickle"):
        peek(VLRouterBenchImporter(), root)
    (root / "data/registry/models.txt").unlink()
    with pytest.raises(DataError, match=r"no registry/models\.txt.*--allow-pickle"):
        peek(VLRouterBenchImporter(), root)
    brought = bring(VLRouterBenchImporter(), root, allow_pickle=True)
    assert brought.cell("DocVQA_VAL_a/b", "GPT4o")["utility"] == 1.0


def test_models_may_be_named_in_json(bring: Callable[..., Any], tmp_path: Path) -> None:
    root = write(tmp_path)
    (root / "data/registry/models.txt").unlink()
    (root / "data/registry/models.json").write_text(json.dumps({"models": [{"name": name} for name in MODELS]}))
    assert bring(VLRouterBenchImporter(), root).table.columns == tuple(MODELS)


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        (None, "has no C.npy"),
        (COSTS[:3], r"expected shape (4, 2) as in Y.npz, got (3, 2)"),
        (np.array([["a"]]), "expected a matrix of numbers"),
        (np.array([object()]), "is not an array, or was cut short"),
    ],
)
def test_costs_that_cannot_be_used_are_unknown_and_told(
    bring: Callable[..., Any], tmp_path: Path, costs: Any, words: str
) -> None:
    brought = bring(VLRouterBenchImporter(), write(tmp_path, costs=costs))
    assert np.isnan(brought.table.cost).all()
    assert len(brought.known()) == 8
    assert any(words in line and "costs are unknown" in line for line in brought.lines)


def test_images_are_those_that_lie_in_the_folder(bring: Callable[..., Any], tmp_path: Path) -> None:
    root = write(tmp_path / "bench")
    (root / "images").mkdir()
    for place in (root / "images/7.png", tmp_path / "secret.png"):
        place.write_bytes(b"x")
    assets = {
        IDS[0]: [{"type": "image_tsv", "tsv_file": "a.tsv", "index": 1}, {"type": "image", "uri": "images/7.png"}],
        IDS[1]: [{"type": "image", "path": str(tmp_path / "secret.png")}],
        IDS[2]: [{"type": "image", "uri": "../secret.png"}, None],
        IDS[3]: [{"type": "image", "path": "images/absent.png"}],
    }
    lines = [json.dumps({"sample_id": name, "prompt": "?", "assets": found}) for name, found in assets.items()]
    faulty = ['{"prompt": "no id"}', '{"sample_id": ']
    (root / "BENCHMARKS/vqa_mc/mmstar_samples.jsonl").write_text("\n".join([*lines, *faulty]))
    brought = bring(VLRouterBenchImporter(), root)
    images = dict(zip(brought.table.instance_id, brought.table.image, strict=True))
    assert {name: None if path is None else Path(path).name for name, path in images.items()} == {
        "MMStar_7": "7.png",
        "MathVista_12": None,
        "DocVQA_VAL_a/b": None,
        "MMStar_3": None,
    }
    text = "\n".join(brought.lines)
    assert "mmstar_samples.jsonl, row 5: has no sample_id" in text
    assert "mmstar_samples.jsonl, row 6: is not JSON" in text


def test_unknown_and_impossible_scores_are_unknown(bring: Callable[..., Any], tmp_path: Path) -> None:
    scores = SCORES.astype(float)
    scores[0, 0], scores[1, 0] = math.nan, -1
    brought = bring(VLRouterBenchImporter(), write(tmp_path, scores=scores))
    assert len(brought.known()) == 6
    assert brought.origin("mmstar", "MMStar_7", "GPT4o")["status"] == "unscored"
    assert any("row 2: utility -1.0 is outside" in line for line in brought.lines)


class Runs:
    """Calls a function when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch mark",)


def test_hostile_pickles_and_arrays_run_nothing(
    peek: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = write(tmp_path / "bench")
    as_pickle(root / "data/matrices/sample_ids.pkl", [Runs()])
    with pytest.raises(DataError, match=r"asks for posix\.system"):
        peek(VLRouterBenchImporter(), root, allow_pickle=True)
    np.savez(root / "data/matrices/Y.npz", Y=np.array([[Runs()]], dtype=object))
    with pytest.raises(DataError, match="is not an archive of arrays"):
        peek(VLRouterBenchImporter(), root, allow_pickle=True)
    assert not (tmp_path / "mark").exists()


ARCHIVES: dict[str, dict[str, Any]] = {
    "sparse": {"data": [1], "indices": [0], "indptr": [0, 1], "shape": [1, 1]},
    "unnamed": {"a": SCORES, "b": SCORES},
    "flat": {"Y": SCORES.ravel()},
    "more rows": {"Y": np.vstack([SCORES, SCORES])},
    "more columns": {"Y": np.hstack([SCORES, SCORES])},
}
REGISTRIES = {
    "registry without ids": {"a": [1]},
    "a sample twice": {"sample_id": [IDS[0]] * 4},
    "a sample of nothing": {"sample_id": list("abcd")},
}


def damage(root: Path, what: str) -> None:
    matrix, meta = root / "data/matrices/Y.npz", root / "data/registry/meta.parquet"
    whole = matrix.read_bytes()
    if what in ARCHIVES:
        np.savez(matrix, **ARCHIVES[what])
    elif what in REGISTRIES:
        pd.DataFrame(REGISTRIES[what]).to_parquet(meta)
    elif what == "damaged registry":
        meta.write_bytes(b"PAR1")
    elif what == "one array":
        with matrix.open("wb") as stream:
            np.save(stream, SCORES)
    else:
        matrix.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "foreign": b"PK no archive"}[what])


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("empty", "is not an archive of arrays, or was cut short"),
        ("cut", "or was cut short"),
        ("foreign", "or was cut short"),
        ("one array", "is one array, not an archive"),
        ("sparse", "has a sparse matrix"),
        ("unnamed", "has no array 'Y'; it has a, b"),
        ("flat", r"expected a matrix of numbers, got int8 \(8,\)"),
        ("more rows", "has 8 rows, but 4 samples are named"),
        ("more columns", "has 4 columns, but 2 models are named"),
        ("damaged registry", r"has a registry/meta\.parquet that cannot be read"),
        ("registry without ids", "without sample_id"),
        ("a sample twice", "has a sample twice"),
        ("a sample of nothing", "the dataset of sample 'a' is not stated"),
    ],
)
def test_what_is_damaged_is_said(peek: Callable[..., Any], tmp_path: Path, what: str, words: str) -> None:
    root = write(tmp_path)
    damage(root, what)
    with pytest.raises(DataError, match=words):
        peek(VLRouterBenchImporter(), root)


def embeddings(root: Path, kind: str, rows: dict[str, list[float]]) -> None:
    file = root / "EMBEDDINGS" / kind / "some-encoder.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"sample_id": list(rows), "embedding": list(rows.values())}).to_parquet(file, index=False)


def test_embeddings_become_features_of_the_table(bring: Callable[..., Any], tmp_path: Path) -> None:
    root = write(tmp_path / "bench")
    embeddings(root, "text", {name: [n + 1.0, 2.0] for n, name in enumerate(IDS)} | {"Other/1": [9.0, 9.0]})
    embeddings(root, "vision", {IDS[1]: [0.5, 0.25]})
    table = bring(VLRouterBenchImporter(), root).table
    out = tmp_path / "features.npz"
    assert export_features(root, table, out, text="some-encoder", image="some-encoder") == 4
    with np.load(out) as written:
        text = dict(zip(written["ids"].tolist(), written["text"].tolist(), strict=True))
        image = dict(zip(written["ids"].tolist(), written["image"].tolist(), strict=True))
    assert text == {name: [n + 1.0, 2.0] for n, name in enumerate(WHOLE)}
    assert image == {name: [0.5, 0.25] if name == "MathVista_12" else [0.0, 0.0] for name in WHOLE}
    PrecomputedFeatures.from_file(out)


def test_the_documented_way_to_features_works(
    bring: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = write(tmp_path / "VL-RouterBench")
    embeddings(root, "text", {name: [1.0, 2.0] for name in IDS})
    embeddings(root, "vision", {name: [1.0, 2.0] for name in IDS})
    page = (Path(__file__).parents[3] / "docs/importing.md").read_text(encoding="utf-8")
    code = next(block for block in page.split("```python\n")[1:] if "export_features" in block).partition("```")[0]
    bring(VLRouterBenchImporter(), root).store.folder.rename("store")
    exec(code.replace("TEXT-ENCODER", "some-encoder").replace("VISION-ENCODER", "some-encoder"), {})
    PrecomputedFeatures.from_file(tmp_path / "features.npz")


def test_embeddings_that_cannot_be_used_are_an_error(bring: Callable[..., Any], tmp_path: Path) -> None:
    root = write(tmp_path / "bench")
    table, out = bring(VLRouterBenchImporter(), root).table, tmp_path / "features.npz"
    with pytest.raises(UsageError, match="no encoder is named"):
        export_features(root, table, out)
    with pytest.raises(FeatureError, match=r"some-encoder\.parquet: cannot be read"):
        export_features(root, table, out, text="some-encoder")
    embeddings(root, "text", {"Other/1": [1.0], "MMStar/": [1.0]})
    with pytest.raises(FeatureError, match="has no embedding of an instance"):
        export_features(root, table, out, text="some-encoder")
    embeddings(root, "text", {IDS[0]: [math.nan]})
    with pytest.raises(FeatureError, match="not a number"):
        export_features(root, table, out, text="some-encoder")
    assert not out.exists()


NAMES = st.tuples(st.sampled_from(["MMStar", "New Set"]), st.integers(0, 99))
MATRICES = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.int8, (n, 2), elements=st.integers(0, 1)),
        arrays.arrays(np.float64, (n, 2), elements=st.floats(0, 10)),
        st.lists(NAMES, min_size=n, max_size=n, unique=True),
    )
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(matrices=MATRICES, allow=st.booleans())
def test_any_matrices_come_back(
    bring: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, matrices: Any, allow: bool
) -> None:
    scores, costs, samples = matrices
    ids = [f"{dataset}/{index}" for dataset, index in samples]
    root = write(tmp_path_factory.mktemp("bench"), scores=scores, costs=costs, ids=ids)
    brought = bring(VLRouterBenchImporter(), root, allow_pickle=allow)
    assert len(brought.table) == len(ids)
    for (dataset, index), utilities, paid in zip(samples, scores, costs, strict=True):
        for model, utility, cost in zip(("GPT4o", "qwen2.5-vl-72b"), utilities, paid, strict=True):
            cell = brought.cell(f"{dataset.replace(' ', '_')}_{index}", model)
            assert cell["utility"] == utility
            assert cell["cost"] == cost or (cost == 0 and math.isnan(cell["cost"]))
