"""Sample logs of lmms-eval, written in its layout, become the cells that they state."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.cli import main
from mmr_core.contracts import ImportContext
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_core.outcomes import Status
from mmr_core.store import OutcomeStore
from mmr_plugins.datasets import DATASETS
from mmr_plugins.importers.lm_eval import LMEvalImporter
from mmr_plugins.importers.lmms_eval import LMMSEvalImporter, tokens_of
from mmr_plugins.models import MODELS

DATE = "20250601_101112"
MODEL = "Qwen__Qwen2.5-VL-3B-Instruct"

Write = Callable[..., Path]


def sample(doc_id: int, **metrics: Any) -> dict[str, Any]:
    """One line, with the fields that the kit writes."""
    return {
        "doc_id": doc_id,
        "target": "B",
        "filtered_resps": ["B"],
        "doc_hash": "h" * 64,
        **metrics,
        "input": f"<image>\nQuestion {doc_id}",
    }


@pytest.fixture
def context(tmp_path: Path) -> ImportContext:
    return ImportContext(datasets=DATASETS, models=MODELS, cache=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a task's samples and the run's means, and gives the output folder."""

    def call(task: str, samples: list[dict[str, Any]], *, model: str = MODEL, means: Any = None) -> Path:
        folder = tmp_path / "out" / model
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{DATE}_samples_{task}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in samples))
        if means is not None:
            stated = {"results": {task: {"alias": task, **means}}, "model_name": model.replace("__", "/")}
            (folder / f"{DATE}_results.json").write_text(json.dumps(stated))
        return tmp_path / "out"

    return call


def imported(path: Path, context: ImportContext, *select: str) -> Any:
    seen = inspect_log(LMMSEvalImporter(), path, context, select=select)
    assert seen.open == ()
    return import_log(seen, context)


TASKS = {
    "mmstar": (
        "MMStar_907",
        {
            "coarse perception": {"question_id": 907, "l2_category": "coarse perception", "score": 1.0},
            "average": {"question_id": 907, "l2_category": "coarse perception", "score": 1.0},
        },
    ),
    "realworldqa": ("RealWorldQA_5", {"exact_match": 1.0}),
    "ocrbench": ("OCRBench_5", {"ocrbench_accuracy": {"question_type": "Doc-oriented VQA", "score": 1}}),
    "seedbench_2_plus": (
        "SEEDBench2_Plus_77",
        {
            "seedbench_2_plus_Chart": {"pred": "b", "answer": "B", "question_id": "77"},
            "seedbench_2_plus_all": {"pred": "b ", "answer": "B", "question_id": "77"},
        },
    ),
    "mathvista_testmini_cot": (
        "MathVista_12",
        {"llm_as_judge_eval": {"question_id": "12", "true_false": True, "extraction": "4"}, "submission": {"x": 1}},
    ),
    "mathverse_testmini_vision_only": (
        "MathVerse_3",
        {"gpt_eval_score": 1, "submission": {"sample_index": "3", "true_false": True}},
    ),
    "mathvision_test": ("MathVision_5", {"mathvision_standard_eval": {"response": ["B"], "scores": [True]}}),
}


@pytest.mark.parametrize("task", TASKS)
def test_the_score_and_the_id_of_a_known_task_are_found(write: Write, context: ImportContext, task: str) -> None:
    instance, metrics = TASKS[task]
    done = imported(write(task, [sample(5, **metrics)]), context).assembled
    assert done.table.instance_id.tolist() == [instance]
    assert done.table.utility.tolist() == [[1.0]]
    assert [model.name for model in done.table.models] == ["qwen2.5-vl-3b"]
    assert [spec.name for spec in done.table.datasets] == [
        spec.name for spec in DATASETS if instance.startswith(f"{spec.id_prefix}_") and not spec.members
    ]
    assert any("images" in notice for notice in done.notices)


@pytest.mark.parametrize("task", TASKS)
def test_a_sample_of_a_known_task_without_its_score_is_unscored_or_a_fault(
    write: Write, context: ImportContext, task: str
) -> None:
    instance, metrics = TASKS[task]
    path = write(task, [sample(5, **metrics), sample(6, exact="x")])
    seen = inspect_log(LMMSEvalImporter(), path, context)
    table = import_log(seen, context).assembled.table
    assert table.utility[table.instance_id == instance].tolist() == [[1.0]]
    assert np.isnan(table.utility[table.instance_id != instance]).all()
    told = any("row 2: has no id of the dataset" in line for line in notices_of(seen))
    assert told == (len(table) == 1)


def test_a_choice_is_compared_as_the_kit_compares_it(write: Write, context: ImportContext) -> None:
    pairs = [("B", "b"), ("A", "B"), ("", "B"), ("B", None)]
    rows = [
        sample(i, seedbench_2_plus_all={"pred": p, "answer": a, "question_id": i}) for i, (p, a) in enumerate(pairs)
    ]
    utility = imported(write("seedbench_2_plus", rows), context).assembled.table.utility[:, 0]
    np.testing.assert_array_equal(utility, [1.0, 0.0, 0.0, np.nan])


def test_prompts_of_mathvista_are_asked_for(write: Write, context: ImportContext) -> None:
    for prompt, right in (("cot", True), ("format", False)):
        row = sample(0, llm_as_judge_eval={"question_id": "1", "true_false": right})
        path = write(f"mathvista_testmini_{prompt}", [row])
    seen = inspect_log(LMMSEvalImporter(), path, context)
    assert [(q.key, list(q.candidates)) for q in seen.open] == [
        ("scorer", ["mathvista_testmini_cot", "mathvista_testmini_format"])
    ]
    table = imported(path, context, "scorer=mathvista_testmini_format").assembled.table
    assert table.utility.tolist() == [[0.0]]


def test_lines_that_nothing_tells_apart_are_asked_about_by_their_order(write: Write, context: ImportContext) -> None:
    """The kit writes GSM8K's two filters as two lines per id, and names neither."""
    rows = [sample(i, exact_match=float(second)) for second in (0, 1) for i in range(4)]
    means = {"exact_match,strict-match": 0.0, "exact_match,flexible-extract": 1.0}
    path = write("gsm8k", rows, means=means)
    seen = inspect_log(LMMSEvalImporter(), path, context)
    assert [(q.key, dict(q.candidates)) for q in seen.open] == [
        ("filter", {"line-1": "4 cells, mean 0.0000", "line-2": "4 cells, mean 1.0000"})
    ]
    done = imported(path, context, "filter=line-2")
    assert done.assembled.table.utility[:, 0].tolist() == [1.0] * 4
    assert done.agreements == ()


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ([{"input_tokens": 5, "output_tokens": 2, "reasoning_tokens": 1}], (5, 2, 1, "reported")),
        ([{"input_tokens": 5, "output_tokens": 2}, {"input_tokens": 1, "output_tokens": 1}], (6, 3, None, "reported")),
        ([{"output_tokens": 7}], (None, 7, None, "unknown")),
        ([{"output_tokens": 7}, None], (None, None, None, "unknown")),
        ([None], (None, None, None, "unknown")),
        ([], (None, None, None, "unknown")),
        (None, (None, None, None, "unknown")),
        ([{"input_tokens": "5", "output_tokens": True}], (None, None, None, "unknown")),
    ],
)
def test_tokens_are_known_where_every_request_says(counts: Any, wanted: tuple[Any, ...]) -> None:
    found = tokens_of(counts)
    assert (found.input, found.output, found.reasoning, found.source) == wanted


def test_an_answer_that_never_came_is_an_error_and_not_a_zero(write: Write, context: ImportContext) -> None:
    rows = [
        sample(0, exact_match=0.0) | {"filtered_resps": ["[LMMS_EVAL_BUDGET_EXCEEDED]"]},
        sample(1, exact_match=0.0) | {"resps": [["[LMMS_EVAL_BUDGET_EXCEEDED]"]]},
        sample(2, exact_match=0.0) | {"filtered_resps": [""]},
    ]
    done = imported(write("realworldqa", rows), context).assembled
    np.testing.assert_array_equal(done.table.utility[:, 0], [np.nan, np.nan, 0.0])
    assert done.table.status[:2, 0].tolist() == [Status.ERROR] * 2
    assert done.origins("realworldqa", "qwen2.5-vl-3b").status.tolist() == ["infer_failed", "infer_failed", "empty"]


def test_means_are_compared_in_whichever_scale_they_are(write: Write, context: ImportContext) -> None:
    rows = [
        sample(i, mathvision_standard_eval={"scores": [bool(i % 3)], "response": ["x"]}, other=0.5) for i in range(9)
    ]
    path = write("mathvision_test", rows, means={"mathvision_standard_eval,none": 66.67, "other,none": 0.5})
    agreements = imported(path, context).agreements
    assert [(found.kit, found.agrees) for found in agreements] == [(pytest.approx(0.6667), True)]
    path = write("mathvision_test", rows, means={"mathvision_standard_eval,none": 66.6})
    assert [found.agrees for found in imported(path, context).agreements] == [False]


def test_an_unknown_task_offers_every_number(write: Write, context: ImportContext) -> None:
    row = sample(0, one=1, two={"score": 0.5, "id": 3}, three="x", four=[1])
    path = write("brand_new", [row])
    seen = inspect_log(LMMSEvalImporter(), path, context)
    assert [(q.key, list(q.candidates)) for q in seen.open] == [("metric", ["one", "two"])]
    assert imported(path, context, "metric=two").assembled.table.utility.tolist() == [[0.5]]


def test_the_two_kits_are_not_taken_for_each_other(write: Write, tmp_path: Path) -> None:
    path = write("realworldqa", [sample(0, exact_match=1.0)])
    assert LMMSEvalImporter().sniff(path)
    assert not LMEvalImporter().sniff(path)
    assert LMMSEvalImporter().sniff(path / MODEL / f"{DATE}_samples_realworldqa.jsonl")
    assert not LMMSEvalImporter().sniff(tmp_path / "absent")


def test_faulty_lines_and_files_cost_no_others(write: Write, context: ImportContext) -> None:
    path = write("realworldqa", [sample(0, exact_match=1.0), {"exact_match": 1.0}])
    with (path / MODEL / f"{DATE}_samples_realworldqa.jsonl").open("a") as lines:
        lines.write('{"doc_id": 2, "exact_m')
    (path / MODEL / f"{DATE}_samples_mmstar.jsonl").touch()
    seen = inspect_log(LMMSEvalImporter(), path, context)
    assert import_log(seen, context).assembled.table.instance_id.tolist() == ["RealWorldQA_0"]
    told = "\n".join(notices_of(seen))
    for words in ("mmstar.jsonl: is empty", "row 2: None is not an id", "row 3: is not JSON", "cut short"):
        assert words in told


def test_prices_make_costs_of_tokens(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {"token_counts": [{"input_tokens": 1000, "output_tokens": 200, "reasoning_tokens": 50}]}
    path = write("realworldqa", [sample(0, exact_match=1.0, **counted), sample(1, exact_match=0.0, token_counts=None)])
    (tmp_path / "prices.toml").write_text(
        'version = "1"\n[models."qwen2.5-vl-3b"]\ninput = 2.0\noutput = 10.0\nimage = 5.0\n'
    )
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))
    words = ["data", "import", str(path), "--out", str(tmp_path / "s"), "--prices", str(tmp_path / "prices.toml")]
    assert main(words) == 0
    store = OutcomeStore.open(tmp_path / "s")
    table = store.table()
    np.testing.assert_allclose(table.cost[:, 0], [(1000 * 2 + 200 * 10) / 1e6, np.nan])
    assert table.status[:, 0].tolist() == [Status.OK, Status.MISSING]
    origins = store.origins("realworldqa", "qwen2.5-vl-3b")
    assert origins is not None
    assert origins.token_source.tolist() == ["reported", "unknown"]
    assert main(["data", "reprice", "--data", str(tmp_path / "s"), "--prices", str(tmp_path / "prices.toml"),
                 "--out", str(tmp_path / "again")]) == 0  # fmt: skip
    assert OutcomeStore.open(tmp_path / "again").origins("realworldqa", "qwen2.5-vl-3b") is not None


@settings(max_examples=30, deadline=None)
@given(
    cells=st.dictionaries(
        st.tuples(st.sampled_from(["m1", "org__m2"]), st.integers(0, 30)),
        st.tuples(st.integers(0, 1), st.none() | st.integers(0, 10**6), st.none() | st.integers(0, 10**6)),
        min_size=1,
    )
)
def test_any_samples_written_in_the_layout_come_back(
    tmp_path_factory: pytest.TempPathFactory, cells: dict[tuple[str, int], tuple[int, int | None, int | None]]
) -> None:
    root = tmp_path_factory.mktemp("round")
    for (model, doc_id), (score, asked, given_back) in cells.items():
        counts = {k: v for k, v in (("input_tokens", asked), ("output_tokens", given_back)) if v is not None}
        line = sample(doc_id, exact_match=float(score), token_counts=[counts or None])
        (root / "out" / model).mkdir(parents=True, exist_ok=True)
        with (root / "out" / model / f"{DATE}_samples_realworldqa.jsonl").open("a") as lines:
            lines.write(json.dumps(line) + "\n")
    context = ImportContext(datasets=DATASETS, models=MODELS, cache=root)
    done = imported(root / "out", context).assembled
    OutcomeStore(root / "store").add(done.table, origins=done.origins)
    table = OutcomeStore.open(root / "store").table()
    at = {instance: i for i, instance in enumerate(table.instance_id)}
    assert (~np.isnan(table.utility)).sum() == len(cells)
    for (model, doc_id), wanted in cells.items():
        position = at[f"RealWorldQA_{doc_id}"], table.columns.index(model)
        for array, value in zip((table.utility, table.input_tokens, table.output_tokens), wanted, strict=True):
            np.testing.assert_equal(array[position], np.nan if value is None else value)
