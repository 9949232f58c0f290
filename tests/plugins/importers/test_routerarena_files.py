"""Predictions and cached results of RouterArena, written in its layout, become the cells that they state."""

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
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_core.outcomes import Status
from mmr_core.store import OutcomeStore
from mmr_plugins.importers.routerarena import RouterArenaImporter

Write = Callable[[str, Any], Path]


def entry(index: str, accuracy: float | None = 1.0, *, model: str = "deepseek/v4", **more: Any) -> dict[str, Any]:
    """One entry of a file of predictions."""
    return {
        "global index": index,
        "prompt": f"Prompt of {index}",
        "prediction": model,
        "generated_result": {
            "generated_answer": "\\boxed{A}",
            "success": True,
            "token_usage": {"input_tokens": 97, "output_tokens": 43, "total_tokens": 140},
            "finish_reason": "stop",
            "error": None,
        },
        "cost": 2.5e-05,
        "accuracy": accuracy,
        "for_optimality": False,
        **more,
    }


def cached(index: str, score: float, *, model: str = "haiku") -> dict[str, Any]:
    """One line of the results of a model."""
    return {
        "global_index": index,
        "question": f"Prompt of {index}",
        "llm_selected": model,
        "generated_answer": "\\boxed{A}",
        "token_usage": {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30},
        "success": True,
        "provider": "p",
        "error": None,
        "evaluation_result": {
            "extracted_answer": "A",
            "ground_truth": "A",
            "score": score,
            "metric": "mcq_accuracy",
            "inference_cost": 0.001,
        },
    }


@pytest.fixture
def context(tmp_path: Path) -> ImportContext:
    return ImportContext(datasets=(), models=(), cache=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a file of either sort, and gives the folder."""

    def call(name: str, content: Any) -> Path:
        file = tmp_path / "arena" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(line) + "\n" for line in content) if name.endswith("l") else json.dumps(content)
        file.write_text(lines)
        return tmp_path / "arena"

    return call


def imported(path: Path, context: ImportContext, *select: str) -> Any:
    seen = inspect_log(RouterArenaImporter(), path, context, select=select)
    assert seen.open == ()
    return import_log(seen, context).assembled


def known(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


def test_each_prediction_is_a_cell_of_the_model_that_was_chosen(write: Write, context: ImportContext) -> None:
    path = write("mine.json", [entry("AIME_1", 1.0), entry("WMT19_cs_2", 0.25, model="qwen/q")])
    table = imported(path, context).table
    assert table.instance_id.tolist() == ["RouterArena_AIME_1", "RouterArena_WMT19_cs_2"]
    assert table.category.tolist() == ["AIME", "WMT19_cs"]
    assert [model.name for model in table.models] == ["deepseek/v4", "qwen/q"]
    assert [known(row) for row in table.utility] == [[1.0, None], [None, 0.25]]
    assert [known(row) for row in table.cost] == [[2.5e-05, None], [None, 2.5e-05]]
    assert known(table.output_tokens[0]) == [43.0, None]


def test_entries_for_optimality_fill_the_other_models(write: Write, context: ImportContext) -> None:
    path = write("mine.json", [entry("AIME_1", 1.0), entry("AIME_1", 0.0, model="qwen/q", for_optimality=True)])
    assert known(imported(path, context).table.utility[0]) == [1.0, 0.0]


def test_cached_results_of_models_are_read(write: Write, context: ImportContext) -> None:
    path = write("cached_results/haiku.jsonl", [cached("AIME_1", 0.0), cached("ArcMMLU_2", 1.0)])
    table = imported(path, context).table
    assert table.utility[:, 0].tolist() == [0.0, 1.0]
    assert table.cost[:, 0].tolist() == [0.001, 0.001]
    assert table.answer.tolist() == ["A", "A"]


def test_models_that_failed_or_were_never_asked_have_no_score(write: Write, context: ImportContext) -> None:
    failed = entry("AIME_1", 0.0, cost=0)
    failed["generated_result"] |= {"success": False, "generated_answer": "", "token_usage": {}}
    cut = entry("AIME_2", 0.0)
    cut["generated_result"] |= {"finish_reason": "length"}
    path = write("mine.json", [failed, cut, entry("AIME_3", None, generated_result=None), entry("AIME_4", None)])
    found = imported(path, context)
    assert found.table.instance_id.tolist() == [f"RouterArena_AIME_{i}" for i in (1, 2, 4)]
    assert known(found.table.utility[:, 0]) == [None, 0.0, None]
    assert known(found.table.cost[:, 0]) == [None, 2.5e-05, 2.5e-05]
    assert found.table.status[:, 0].tolist() == [Status.ERROR, Status.TRUNCATED, Status.MISSING]
    assert found.origins("routerarena", "deepseek/v4").status.tolist() == ["infer_failed", "truncated", "unscored"]


def test_two_routers_that_chose_one_model_are_asked_about(write: Write, context: ImportContext) -> None:
    write("first.json", [entry("AIME_1", 1.0)])
    path = write("second.json", [entry("AIME_1", 0.0), entry("AIME_2", 0.0)])
    (question,) = inspect_log(RouterArenaImporter(), path, context).open
    assert question.key == "duplicates"
    assert imported(path, context, "duplicates=first").table.utility[:, 0].tolist() == [1.0, 0.0]
    assert imported(path, context, "duplicates=last").table.utility[:, 0].tolist() == [0.0, 0.0]


def test_rewritten_queries_and_other_files_are_left_out(write: Write, context: ImportContext) -> None:
    write("mine-robustness.json", [entry("AIME_9")])
    write("config.json", {"router": "mine"})
    path = write("mine.json", [entry("AIME_1")])
    assert [
        file.name for file in RouterArenaImporter().files(inspect_log(RouterArenaImporter(), path, context).source)
    ] == ["mine.json"]
    assert RouterArenaImporter().sniff(path)
    assert not RouterArenaImporter().sniff(path / "config.json")


def test_what_cannot_be_used_costs_a_line_and_the_rest_goes_on(write: Write, context: ImportContext) -> None:
    content = json.dumps([entry(f"AIME_{i}") for i in range(9)])
    path = write("whole.json", [entry("AIME_1"), 3, entry("AIME_2", model=""), {**entry("x"), "global index": None}])
    (path / "cut.json").write_text(content[: len(content) // 2])
    (path / "cut.jsonl").write_text(json.dumps(cached("AIME_1", 1.0)) + "\n" + json.dumps(cached("AIME_2", 1.0))[:50])
    (path / "empty.json").write_text("")
    seen = inspect_log(RouterArenaImporter(), path, context)
    faulty = [line.partition(":")[0] for line in notices_of(seen) if line.split(".")[0] in ("cut", "whole")]
    assert faulty == ["cut.json", "cut.jsonl, row 2", "whole.json, row 2", "whole.json, row 3", "whole.json, row 4"]
    assert import_log(seen, context).assembled.table.instance_id.tolist() == ["RouterArena_AIME_1"]


def test_an_import_goes_through_the_store_and_back(write: Write, tmp_path: Path) -> None:
    path = write("mine.json", [entry("AIME_1", 1.0), entry("AIME_2", 0.0)])
    assert main(["data", "import", str(path), "--out", str(tmp_path / "store")]) == 0
    assert OutcomeStore.open(tmp_path / "store").table().utility[:, 0].tolist() == [1.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(
    outcomes=st.dictionaries(
        st.tuples(st.integers(0, 20), st.sampled_from(["a", "b/c"])),
        st.tuples(st.none() | st.floats(0, 1), st.none() | st.floats(1e-9, 1)),
        min_size=1,
    )
)
def test_random_predictions_come_back_as_they_were_written(
    outcomes: dict[tuple[int, str], tuple[float | None, float | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("arena")
    entries = [entry(f"AIME_{i}", u, model=model, cost=cost) for (i, model), (u, cost) in outcomes.items()]
    (root / "mine.json").write_text(json.dumps(entries))
    table = imported(root, ImportContext(datasets=(), models=(), cache=root)).table
    columns = {model.name: j for j, model in enumerate(table.models)}
    rows = {instance: i for i, instance in enumerate(table.instance_id)}
    for (index, model), outcome in outcomes.items():
        cell = rows[f"RouterArena_AIME_{index}"], columns[model]
        assert tuple(known([table.utility[cell], table.cost[cell]])) == outcome
