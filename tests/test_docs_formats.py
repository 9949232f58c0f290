"""docs/formats.md stays true: its examples are read, and files and schemas have the fields that it names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mmr_core.cli import main
from mmr_core.contracts import ImportContext
from mmr_core.features import PrecomputedFeatures
from mmr_core.pricing import read_price_sheet, reprice
from mmr_core.registry import Registry
from mmr_core.store import OutcomeStore, store_manifest
from mmr_core.store.outcome_files import Origins

PAGE = (Path(__file__).parents[1] / "docs" / "formats.md").read_text("utf-8")


def example(language: str) -> str:
    [block] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    return block


def named(row: str) -> list[str]:
    """The names in code of the last cell of a table's row that begins so."""
    [cell] = re.findall(rf"^\| {re.escape(row)} \| ([^|]+) \|$", PAGE, flags=re.MULTILINE)
    return re.findall(r"`(\w+)`", cell.split(";")[0].split(":")[0])


def section(title: str) -> str:
    [text] = re.findall(rf"^### {title}\n(.*?)(?=^##|\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
    return text


@pytest.fixture
def published(tmp_path):
    """The table of the page, as the registry's importer of the format reads it."""
    path = tmp_path / "MMR_Bench.csv"
    path.write_text(example("csv"))
    registry = Registry.discover()
    importers = (registry.importers.create(name) for name in registry.importers.names())
    [importer] = [one for one in importers if not one.embedded and one.sniff(path)]
    context = ImportContext(datasets=registry.datasets.all(), models=(), cache=tmp_path)
    return importer.read(path, context)


def test_the_published_table_of_the_page_is_read(published):
    assert published.instance_id.tolist() == ["MathVision_1", "MathVision_2", "MathVision_3"]
    assert [model.name for model in published.models] == ["Small", "Large"]
    np.testing.assert_array_equal(published.utility, [[1, 1], [0, 1], [np.nan, 1]])
    assert published.category.tolist() == ["geometry", "geometry", "counting"]
    assert published.output_tokens[1].tolist() == [55, 170]


def test_the_price_sheet_of_the_page_prices_a_table(published, tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(example("toml"))
    sheet = read_price_sheet(path)
    assert (sheet.version, sheet.models["Small"].cached, sheet.models["Large"].image) == ("2025-08", 0.025, None)
    said: list[str] = []
    assert np.isnan(reprice(published, sheet, warn=said.append).cost).all()
    assert "not all their tokens are known" in said[0]


def test_the_features_of_the_page_are_read(published, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(example("python"), {})
    text, image = PrecomputedFeatures.from_file(tmp_path / "features.npz").raw(published)
    assert text.shape == image.shape == (3, 8)


def test_a_store_has_the_columns_of_the_page(table, tmp_path):
    import pyarrow.parquet as pq

    store = OutcomeStore(tmp_path / "store")
    store.add(table(models=2, instances=20, datasets=("alpha",)))
    for row, file in (
        ("instances", "instances/alpha.parquet"),
        ("outcomes", "outcomes/alpha/model-0.parquet"),
    ):
        assert named(row) == pq.read_schema(store.folder / file).names
    assert named("origins") == list(Origins.__dataclass_fields__)


def test_a_manifest_has_the_fields_of_the_page():
    [rows] = re.findall(r"^\| field of `manifest.json`.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)
    tops = re.findall(r"^\| `(\w+)` \|", rows, flags=re.MULTILINE)
    assert tops == list(store_manifest.StoreManifest.model_fields)
    assert named("`outcomes` of a dataset") == list(store_manifest.StoredOutcomes.model_fields)
    assert set(store_manifest.StoredDataset.model_fields) == set(named("`datasets`")) - {"DatasetSpec"}


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """The folder of a small run."""
    folder = tmp_path_factory.mktemp("run")
    store = OutcomeStore(folder / "store")
    store.add(table(models=3, instances=120, datasets=("alpha",)))
    out = folder / "out"
    words = ["--data", str(store.folder), "--router", "linear,knn", "--draws", "20", "--out", str(out)]
    assert main(["run", *words]) == 0
    return out


def test_results_have_the_fields_of_the_page(run):
    content = json.loads((run / "results.json").read_text())
    [column] = content["columns"]
    row = column["whole"]["rows"][0]
    parts = {
        "top": content,
        "`data`": content["data"],
        "`intervals`": content["intervals"],
        "`lineup[]`": content["lineup"][0],
        "`columns[]`": column,
        "`whole`, `slices[]`": column["whole"],
        "`rows[]`": row,
        "`metrics`": row["metrics"],
        "`chosen`": row["chosen"],
        "`differences[]`": content["differences"][0],
    }
    assert {name: named(name) for name in parts} == {name: list(part) for name, part in parts.items()}


def test_a_run_leaves_the_files_and_columns_of_the_page(run):
    import pyarrow.parquet as pq

    for name in ("curves.parquet", "draws.parquet"):
        described = section(name).split(": ", 1)[1].split(". ")[0]
        assert re.findall(r"`(\w+)`", described) == pq.read_schema(run / name).names
    header = (run / "table.csv").read_text().splitlines()[0].split(",")
    assert re.findall(r"`(\w+)`", section("Tables and plots").split(": ")[1].split(". ")[0]) == header
    shown = set(re.findall(r"`((?:table|frontier|curves|draws|results)\.\w+)`", PAGE)) | {"curves.parquet"}
    assert {path.name for path in run.iterdir()} == shown | {"draws.parquet", "results.json"}
