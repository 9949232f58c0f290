"""Results of LLMRouterBench, written in its layout, become the cells that they state."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.cli import main
from mmr_core.contracts import ImportContext
from mmr_core.errors import DataError
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_core.store import OutcomeStore
from mmr_plugins.datasets import DATASETS
from mmr_plugins.importers.llmrouterbench import LLMRouterBenchImporter

DATE, LATER = "20250601_101112", "20250701_000000"
Write = Callable[..., Path]


def record(index: int, score: float | None, **more: Any) -> dict[str, Any]:
    """One record, with the fields that the benchmark writes."""
    return {
        "index": index,
        "origin_query": f"Query {index}?",
        "prompt": f"Question: Query {index}?\nAnswer:",
        "prompt_tokens": 15,
        "completion_tokens": 5,
        "cost": 0.0001,
        "score": score,
        "prediction": "4",
        "ground_truth": "4",
        "raw_output": "It is 4.",
        "extra_fields": {},
        **more,
    }


def results(records: list[dict[str, Any]], *, model: str, dataset: str, split: str, **more: Any) -> dict[str, Any]:
    scores = [each["score"] for each in records if each["score"] is not None]
    return {
        "performance": sum(scores) / len(scores) if scores else 0.0,
        "time_taken": 1.5,
        "prompt_tokens": 15 * len(records),
        "completion_tokens": 5 * len(records),
        "cost": 0.0001 * len(records),
        "counts": len(records),
        "model_name": model,
        "dataset_name": dataset,
        "split": split,
        "demo": False,
        "extra_metrics": {},
        "data_fingerprint": "f" * 64,
        **more,
        "records": records,
    }


def write_results(
    root: Path,
    records: list[dict[str, Any]],
    *,
    model: str = "gpt-5",
    dataset: str = "gpqa",
    split: str = "test",
    date: str = DATE,
    **more: Any,
) -> Path:
    file = root / "results" / "bench" / dataset / split / model / f"{dataset}-{split}-{model}-{date}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results(records, model=model, dataset=dataset, split=split, **more), indent=2))
    return root / "results"


@pytest.fixture
def context(tmp_path: Path) -> ImportContext:
    return ImportContext(datasets=DATASETS, models=(), cache=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a file of results, and gives the folder `results`."""

    def call(records: list[dict[str, Any]], **facts: Any) -> Path:
        return write_results(tmp_path, records, **facts)

    return call


def imported(path: Path, context: ImportContext) -> Any:
    seen = inspect_log(LLMRouterBenchImporter(), path, context)
    assert seen.open == ()
    return import_log(seen, context)


def known(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


def test_scores_tokens_and_costs_are_read(write: Write, context: ImportContext) -> None:
    found = imported(write([record(1, 1.0), record(2, 0.5, cost=0.0003, prompt_tokens=20)]), context)
    table = found.assembled.table
    assert table.instance_id.tolist() == ["gpqa_1", "gpqa_2"]
    assert table.question.tolist() == ["Query 1?", "Query 2?"]
    assert table.utility[:, 0].tolist() == [1.0, 0.5]
    assert table.cost[:, 0].tolist() == [0.0001, 0.0003]
    assert table.input_tokens[:, 0].tolist() == [15.0, 20.0]
    assert table.output_tokens[:, 0].tolist() == [5.0, 5.0]
    assert [(one.kit, one.agrees) for one in found.agreements] == [(0.75, True)]
    assert found.assembled.origins("gpqa", "gpt-5").token_source.tolist() == ["reported", "reported"]


def test_a_score_of_null_is_missing_and_an_empty_answer_is_not(write: Write, context: ImportContext) -> None:
    found = imported(write([record(1, None), record(2, 0.0, raw_output=""), record(3, 1.0)]), context)
    assert known(found.assembled.table.utility[:, 0]) == [None, 0.0, 1.0]
    assert found.assembled.origins("gpqa", "gpt-5").status.tolist() == ["missing", "empty", "ok"]


def test_zero_is_no_cost_and_no_count(write: Write, context: ImportContext) -> None:
    path = write([record(1, 1.0, cost=0.0), record(2, 1.0, cost=0.0, prompt_tokens=0, completion_tokens=0)])
    table = imported(path, context).assembled.table
    assert known(table.cost[:, 0]) == [None, None]
    assert known(table.output_tokens[:, 0]) == [5.0, None]


def test_the_latest_file_counts_and_the_others_are_named(write: Write, context: ImportContext) -> None:
    write([record(1, 0.0)])
    write([record(1, 0.25)], date="20250801_000000", demo=True)
    path = write([record(1, 1.0)], date=LATER)
    found = imported(path, context)
    assert found.assembled.table.utility[:, 0].tolist() == [1.0]
    assert found.assembled.origins("gpqa", "gpt-5").run.tolist() == [LATER]
    lines = notices_of(inspect_log(LLMRouterBenchImporter(), path, context))
    assert sum("is older than" in line for line in lines) == 1
    assert sum("is a demonstration" in line for line in lines) == 1


def test_splits_other_than_test_are_datasets_of_their_own(write: Write, context: ImportContext) -> None:
    write([record(1, 0.0)], dataset="mmlupro", split="test")
    path = write([record(1, 1.0)], dataset="mmlupro", split="test_3000")
    table = imported(path, context).assembled.table
    assert table.dataset_names == ("mmlupro", "mmlupro-test_3000")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"records": 3}', b'{"records": []}', b"\xff\xfe"])
def test_a_broken_file_costs_a_line_and_the_rest_goes_on(write: Write, context: ImportContext, content: bytes) -> None:
    path = write([record(1, 1.0)])
    broken = path / "bench" / "gpqa" / "test" / "other" / f"gpqa-test-other-{DATE}.json"
    broken.parent.mkdir()
    broken.write_bytes(content)
    assert [line for line in notices_of(inspect_log(LLMRouterBenchImporter(), path, context)) if broken.name in line]
    assert [model.name for model in imported(path, context).assembled.table.models] == ["gpt-5"]


def test_a_faulty_record_costs_that_record(write: Write, context: ImportContext) -> None:
    path = write([record(1, 1.0), {**record(2, 1.0), "index": None}])
    assert imported(path, context).assembled.table.instance_id.tolist() == ["gpqa_1"]
    lines = notices_of(inspect_log(LLMRouterBenchImporter(), path, context))
    assert any("row 2" in line for line in lines)


def test_only_this_layout_is_recognised(write: Write, tmp_path: Path) -> None:
    importer = LLMRouterBenchImporter()
    assert importer.sniff(write([record(1, 1.0)]))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / f"notes-{DATE}.json").write_text("{}")
    assert not importer.sniff(tmp_path / "other")


def test_a_folder_without_results_is_an_error(tmp_path: Path, context: ImportContext) -> None:
    with pytest.raises(DataError, match="no file of this format"):
        inspect_log(LLMRouterBenchImporter(), tmp_path, context)


def test_an_import_goes_through_the_store_and_back(write: Write, tmp_path: Path) -> None:
    path = write([record(1, 1.0), record(2, 0.0)])
    assert main(["data", "import", "llmrouterbench", str(path), "--out", str(tmp_path / "store")]) == 0
    table = OutcomeStore.open(tmp_path / "store").table()
    assert table.utility[:, 0].tolist() == [1.0, 0.0]
    assert table.cost[:, 0].tolist() == [0.0001, 0.0001]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_results_come_back_as_they_were_written(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("bench")
    amounts = st.none() | st.floats(1e-9, 1.0)
    expected: dict[tuple[str, str], tuple[float | None, float | None]] = {}
    for model in data.draw(st.lists(st.sampled_from(["a", "a-b", "b"]), min_size=1, unique=True)):
        rows = {index: (data.draw(amounts), data.draw(amounts)) for index in data.draw(st.sets(st.integers(0, 99)))}
        records = [record(index, score, cost=cost) for index, (score, cost) in rows.items()]
        write_results(root, records or [record(0, 0.5, cost=None)], model=model)
        for index, (score, cost) in (rows or {0: (0.5, None)}).items():
            expected[f"gpqa_{index}", model] = (score, cost)
    context = ImportContext(datasets=DATASETS, models=(), cache=root)
    table = imported(root, context).assembled.table
    columns = {model.name: j for j, model in enumerate(table.models)}
    rows_of = {instance: i for i, instance in enumerate(table.instance_id)}
    for (instance, model), outcome in expected.items():
        cell = rows_of[instance], columns[model]
        assert tuple(known([table.utility[cell], table.cost[cell]])) == outcome
