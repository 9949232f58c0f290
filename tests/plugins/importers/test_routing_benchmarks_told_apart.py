"""A file of one routing benchmark is taken by the importer of that benchmark, and by no other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmr_core.errors import DataError
from mmr_core.logs.table_sources import importer_of
from mmr_core.registry import Registry
from mmr_plugins.importers.log_fields import columns_of, fields_of, number_in

FILES = {
    "routerbench": ("x.csv", "sample_id,prompt,eval_name,m,m|model_response,m|total_cost\n"),
    "embedllm": ("x.csv", "prompt_id,model_id,category_id,label,model_name,category,prompt\n"),
    "llmrouter": ("x.jsonl", json.dumps({"task_name": "", "query": "", "model_name": "", "performance": 1}) + "\n"),
    "mixinstruct": ("x.jsonl", json.dumps({"id": "", "instruction": "", "candidates": []}) + "\n"),
    "routereval": ("mmlu_router_dataset.pkl", "x"),
    "vl-routerbench": ("data/matrices/Y.npz", "x"),
}


@pytest.fixture(scope="module")
def built_in() -> Registry:
    return Registry.discover()


@pytest.mark.parametrize("name", [*FILES, "routerbench, pickled"])
@pytest.mark.parametrize("folder", [False, True])
def test_each_is_recognised_by_its_own_importer_alone(
    built_in: Registry, tmp_path: Path, name: str, folder: bool
) -> None:
    place, content = FILES.get(name, ("routerbench_0shot.pkl", "x"))
    file = tmp_path / "log" / place
    file.parent.mkdir(parents=True)
    file.write_text(content)
    importer = importer_of(None, tmp_path / "log" if folder else file, built_in)
    assert type(importer) is type(built_in.importers.create(name.partition(",")[0]))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\x00", b'"', b"[1]\n", b"3\n", b"{", b"[" * 10_000])
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_nothing_is_recognised_in_what_is_damaged(
    built_in: Registry, tmp_path: Path, content: bytes, name: str
) -> None:
    (tmp_path / name).write_bytes(content)
    wanted = {"sample_id", "prompt_id", "candidates", "task_name"}
    assert not wanted & {*columns_of(tmp_path / name), *fields_of(tmp_path / name)}
    with pytest.raises(DataError, match="no importer knows its format"):
        importer_of(None, tmp_path / name, built_in)
    assert columns_of(tmp_path / "absent") == ()
    assert fields_of(tmp_path / "absent") == frozenset()


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("0.5", 0.5),
        (" 1 ", 1.0),
        ("TRUE", 1.0),
        ("false", 0.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        ("", None),
        ("NaN", None),
        ("None", None),
        ("n/a", None),
        (None, None),
        (np.nan, None),
    ],
)
def test_a_cell_is_a_number_or_unknown(cell: object, number: float | None) -> None:
    assert number_in(cell) == number


@pytest.mark.parametrize("cell", ["one", "1,5", "1/2", [1], {}, b"1", 1j])
def test_a_cell_of_anything_else_is_refused(cell: object) -> None:
    with pytest.raises(DataError, match="is not a number"):
        number_in(cell)
