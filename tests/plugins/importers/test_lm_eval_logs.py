"""Sample logs of lm-evaluation-harness, written in its layout, become the cells that they state."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.cli import main
from mmr_core.contracts import ImportContext
from mmr_core.logs.import_report import summary
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_core.outcomes import Status
from mmr_core.store import OutcomeStore
from mmr_plugins.datasets import DATASETS
from mmr_plugins.importers.lm_eval import MMLU_SUBJECTS, LMEvalImporter
from mmr_plugins.models import MODELS

DATE, LATER = "2025-06-01T10-11-12.123456", "2025-07-01T00-00-00.000001"
QWEN = "Qwen__Qwen2.5-VL-7B-Instruct"

Write = Callable[..., Path]


def sample(doc_id: int, metrics: dict[str, Any], *, filter_name: str = "none", **more: Any) -> dict[str, Any]:
    """One line, with the fields that the kit writes."""
    return {
        "doc_id": doc_id,
        "doc": {"question": f"Q{doc_id}?", "answer": f"work\n#### {doc_id}"},
        "target": str(doc_id),
        "arguments": {"gen_args_0": {"arg_0": f"Shots. Q{doc_id}?", "arg_1": {"until": ["\n"]}}},
        "resps": [[f"The answer is {doc_id}."]],
        "filtered_resps": [str(doc_id)],
        "filter": filter_name,
        "metrics": list(metrics),
        "doc_hash": "d" * 64,
        "prompt_hash": "p" * 64,
        "target_hash": "t" * 64,
        **metrics,
        **more,
    }


@pytest.fixture
def context(tmp_path: Path) -> ImportContext:
    return ImportContext(datasets=DATASETS, models=MODELS, cache=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a task's samples and the run's means, and gives the output folder."""

    def call(
        task: str, samples: list[dict[str, Any]], *, model: str = QWEN, date: str = DATE, means: Any = None
    ) -> Path:
        folder = tmp_path / "out" / model
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(line) + "\n" for line in samples)
        (folder / f"samples_{task}_{date}.jsonl").write_text(lines)
        if means is not None:
            stated = {"results": {task: {"alias": task, **means}}, "model_name": model.replace("__", "/")}
            (folder / f"results_{date}.json").write_text(json.dumps(stated))
        return tmp_path / "out"

    return call


def imported(path: Path, context: ImportContext, *select: str) -> Any:
    seen = inspect_log(LMEvalImporter(), path, context, select=select)
    assert seen.open == ()
    return import_log(seen, context)


def gsm8k(scores: dict[str, list[float]]) -> list[dict[str, Any]]:
    return [
        sample(i, {"exact_match": score}, filter_name=name) for name, of in scores.items() for i, score in enumerate(of)
    ]


SCORES = {"strict-match": [0.0, 0.0, 1.0], "flexible-extract": [0.0, 1.0, 1.0]}
MEANS = {"exact_match,strict-match": 1 / 3, "exact_match_stderr,strict-match": 0.3, "exact_match,flexible-extract": 0.9}


def test_filters_of_gsm8k_are_asked_for_and_compared_with_the_means(write: Write, context: ImportContext) -> None:
    path = write("gsm8k", gsm8k(SCORES), means=MEANS)
    seen = inspect_log(LMEvalImporter(), path, context)
    assert [(question.key, list(question.candidates)) for question in seen.open] == [("filter", list(SCORES))]
    strict = imported(path, context, "filter=strict-match")
    table = strict.assembled.table
    assert table.instance_id.tolist() == ["GSM8K_0", "GSM8K_1", "GSM8K_2"]
    assert [model.name for model in table.models] == ["qwen2.5-vl-7b"]
    assert table.utility[:, 0].tolist() == SCORES["strict-match"]
    assert table.question.tolist() == ["Q0?", "Q1?", "Q2?"]
    assert table.answer.tolist() == ["0", "1", "2"]
    assert [(found.kit, found.agrees) for found in strict.agreements] == [(pytest.approx(1 / 3), True)]
    flexible = imported(path, context, "filter:gsm8k=flexible-extract")
    assert [(found.kit, found.agrees) for found in flexible.agreements] == [(0.9, False)]


def test_costs_stay_unknown_because_the_kit_counts_no_tokens(write: Write, context: ImportContext) -> None:
    table = imported(write("toy", [sample(0, {"acc": 1.0})]), context).assembled.table
    assert np.isnan(table.cost).all()
    assert np.isnan(table.output_tokens).all()
    assert (table.status == Status.MISSING).all()


def test_subjects_become_one_dataset_with_categories(write: Write, context: ImportContext) -> None:
    for subject in ("anatomy", "astronomy"):
        path = write(f"mmlu_{subject}", [sample(i, {"acc": float(i)}) for i in range(2)], means={"acc,none": 0.5})
    table = imported(path, context).assembled.table
    assert table.instance_id.tolist() == ["MMLU_anatomy_0", "MMLU_anatomy_1", "MMLU_astronomy_0", "MMLU_astronomy_1"]
    assert table.category.tolist() == ["anatomy", "anatomy", "astronomy", "astronomy"]
    assert len(MMLU_SUBJECTS) == 57
    means = imported(path, context).agreements
    assert [(found.category, found.agrees) for found in means] == [("astronomy", True)]


def test_both_metrics_of_arc_are_asked_for(write: Write, context: ImportContext) -> None:
    path = write("arc_challenge", [sample(i, {"acc": 1.0, "acc_norm": 0.0}) for i in range(3)])
    seen = inspect_log(LMEvalImporter(), path, context)
    assert [(q.key, list(q.candidates)) for q in seen.open] == [("metric", ["acc", "acc_norm"])]
    table = imported(path, context, "metric=acc_norm").assembled.table
    assert table.instance_id[0] == "ARC_challenge_0"
    assert table.utility.tolist() == [[0.0]] * 3


def test_two_runs_are_asked_for(write: Write, context: ImportContext) -> None:
    write("toy", [sample(0, {"acc": 0.0})], date=DATE)
    path = write("toy", [sample(0, {"acc": 1.0})], date=LATER)
    assert [q.key for q in inspect_log(LMEvalImporter(), path, context).open] == ["run"]
    done = imported(path, context, "run=latest").assembled
    assert done.table.utility.tolist() == [[1.0]]
    assert done.origins("toy", "qwen2.5-vl-7b").of("toy_0")["run"] == LATER


def test_another_task_is_a_dataset_of_its_own_and_other_prompts_are_scorers(
    write: Write, context: ImportContext
) -> None:
    write("gsm8k", [sample(0, {"exact_match": 1.0})])
    path = write("gsm8k_cot", [sample(0, {"exact_match": 0.0})])
    assert [q.key for q in inspect_log(LMEvalImporter(), path, context).open] == ["scorer"]
    path = write("mmlu_pro_biology", [sample(0, {"exact_match": 1.0})])
    table = imported(path, context, "scorer=gsm8k_cot").assembled.table
    assert [spec.name for spec in table.datasets] == ["gsm8k", "mmlu_pro_biology"]


def test_a_log_beside_its_results_takes_the_model_from_them(tmp_path: Path, context: ImportContext) -> None:
    """Where the output path is a file, samples lie in no folder of the model."""
    (tmp_path / f"samples_toy_{DATE}.jsonl").write_text(json.dumps(sample(0, {"acc": 1.0})) + "\n")
    stated = {"results": {"toy": {"acc,none": 1.0}}, "model_name": "org/thing"}
    (tmp_path / f"mine_{DATE}.json").write_text(json.dumps(stated))
    done = imported(tmp_path, context)
    assert done.assembled.table.columns == ("org__thing",)
    assert [found.agrees for found in done.agreements] == [True]


def test_older_logs_do_not_name_their_metrics(write: Write, context: ImportContext) -> None:
    line = sample(0, {"acc": True})
    del line["metrics"]
    assert imported(write("toy", [line]), context).assembled.table.utility.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("more", "word", "utility"),
    [
        ({"resps": [[" "]], "acc": 0.0}, "empty", 0.0),
        ({"resps": [[[-3.2, False]], [[-4.0, True]]]}, "ok", 1.0),
        ({"acc": None}, "unscored", math.nan),
        ({"acc": math.nan}, "unscored", math.nan),
    ],
)
def test_what_became_of_a_sample_is_kept(
    write: Write, context: ImportContext, more: dict[str, Any], word: str, utility: float
) -> None:
    done = imported(write("toy", [sample(0, {"acc": 1.0}, **more)]), context).assembled
    np.testing.assert_equal(done.table.utility[0, 0], utility)
    assert done.origins("toy", "qwen2.5-vl-7b").of("toy_0")["status"] == word


def test_faulty_lines_and_files_cost_no_others(write: Write, context: ImportContext) -> None:
    path = write("toy", [sample(0, {"acc": 1.0}), sample(1, {}), {"acc": 1.0}], means={"acc,none": 1.0})
    with (path / QWEN / f"samples_toy_{DATE}.jsonl").open("a") as lines:
        lines.write('{"doc_id": 3, "do')
    (path / QWEN / f"samples_void_{DATE}.jsonl").touch()
    (path / QWEN / f"samples_foreign_{DATE}.jsonl").write_bytes(b"\x89PNG\r\n\x1a\n")
    (path / QWEN / f"results_{LATER}.json").write_text('{"results"')
    (path / QWEN / "notes.jsonl").write_text("{}")
    seen = inspect_log(LMEvalImporter(), path, context)
    assert import_log(seen, context).assembled.table.instance_id.tolist() == ["toy_0"]
    lines_told = [line.removeprefix(f"{QWEN}/") for line in notices_of(seen)]
    file = f"samples_toy_{DATE}.jsonl"
    for start in (f"{file}, row 2: has no metric", f"{file}, row 3: None is not an id", f"{file}, row 4: is not JSON"):
        assert any(line.startswith(start) for line in lines_told), start
    assert any(line == f"samples_void_{DATE}.jsonl: is empty" for line in lines_told)
    assert any(line.startswith(f"samples_foreign_{DATE}.jsonl, row 1") for line in lines_told)
    assert any(line.startswith(f"results_{LATER}.json: is not JSON") for line in lines_told)


@settings(max_examples=30, deadline=None)
@given(
    scores=st.dictionaries(
        st.tuples(st.sampled_from(["m1", "org__m2"]), st.integers(0, 30)), st.floats(0, 1), min_size=1
    )
)
def test_any_scores_written_in_the_layout_come_back(
    tmp_path_factory: pytest.TempPathFactory, scores: dict[tuple[str, int], float]
) -> None:
    root = tmp_path_factory.mktemp("round")
    for (model, doc_id), score in scores.items():
        (root / "out" / model).mkdir(parents=True, exist_ok=True)
        with (root / "out" / model / f"samples_toy_{DATE}.jsonl").open("a") as lines:
            lines.write(json.dumps(sample(doc_id, {"acc": score})) + "\n")
    context = ImportContext(datasets=DATASETS, models=MODELS, cache=root)
    done = imported(root / "out", context).assembled
    OutcomeStore(root / "store").add(done.table, origins=done.origins)
    table = OutcomeStore.open(root / "store").table()
    found = {
        (table.columns[j], int(instance.removeprefix("toy_"))): table.utility[i, j]
        for i, instance in enumerate(table.instance_id)
        for j in range(len(table.models))
        if not np.isnan(table.utility[i, j])
    }
    assert found == scores


@pytest.fixture
def mmr(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs a command and gives its exit code, stdout and stderr."""
    monkeypatch.setenv("MMR_CACHE_DIR", str(tmp_path / "cache"))

    def call(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_command_asks_imports_and_traces(mmr: Any, write: Write, tmp_path: Path) -> None:
    path, store = write("gsm8k", gsm8k(SCORES), means=MEANS), tmp_path / "store"
    code, out, err = mmr("data", "import", path, "--out", store)
    assert (code, store.exists()) == (2, False)
    assert "lm-evaluation-harness, 1 file, 6 records" in out
    choose = [line for line in err.splitlines() if line.startswith("choose: ")]
    assert len(choose) == 1
    assert "strict-match (3 cells, mean 0.3333); flexible-extract (3 cells, mean 0.6667)" in choose[0]
    assert choose[0].endswith("add --select filter=strict-match or --select filter=flexible-extract")
    assert mmr("data", "import", path, "--show")[0] == 0
    code, out, err = mmr("data", "import", "lm-eval", path, "--out", store, "--select", "filter=strict-match")
    assert code == 0
    assert f"added to {store}: dataset gsm8k, 3 instances, 1 model" in out
    assert "1 of 1 means agree" in err
    code, out, _ = mmr("data", "origin", store, "gsm8k", "2", "--json")
    assert code == 0
    origin = json.loads(out)["origins"][0]
    assert (origin["source"], origin["row"]) == (f"{QWEN}/samples_gsm8k_{DATE}.jsonl", 3)
    code, out, _ = mmr("data", "origin", store, "gsm8k", "GSM8K_2", "qwen2.5-vl-7b")
    assert f"{QWEN}/samples_gsm8k_{DATE}.jsonl, row 3" in out
    assert mmr("data", "origin", store, "gsm8k", "99")[0] == 1
    assert mmr("data", "origin", store, "mmlu", "2")[0] == 1


def test_a_mean_that_is_not_the_kits_own_is_told_and_strictness_refuses_it(
    mmr: Any, write: Write, tmp_path: Path
) -> None:
    path, store = write("gsm8k", gsm8k(SCORES), means=MEANS), tmp_path / "store"
    words = ["data", "import", path, "--out", store, "--select", "filter=flexible-extract"]
    code, out, _ = mmr(*words, "--strict", "--json")
    assert (code, store.exists()) == (1, False)
    assert json.loads(out)["means"][0]["agrees"] is False
    code, _, err = mmr(*words)
    assert code == 0
    assert "the mean of 3 utilities, 0.6667, is not the kit's 0.9000" in err


def test_json_says_what_is_open_and_what_was_added(mmr: Any, write: Write, tmp_path: Path) -> None:
    path, store = write("gsm8k", gsm8k(SCORES)), tmp_path / "store"
    code, out, _ = mmr("data", "import", path, "--out", store, "--json")
    seen = json.loads(out)
    assert code == 2
    assert seen["open"][0]["select"] == "filter"
    assert seen["coverage"][0]["cells"] == 3
    code, out, _ = mmr("data", "import", path, "--out", store, "--json", "--select", "filter=strict-match")
    assert code == 0
    assert json.loads(out)["added"]["outcomes"] == [["gsm8k", "qwen2.5-vl-7b"]]


def test_options_for_logs_are_refused_for_tables(mmr: Any, tmp_path: Path) -> None:
    (tmp_path / "MMR_Bench.csv").write_text("dataset_idx,question,answer,a_correct,a_cost\nToy_1,Q,A,1,0.5\n")
    code, _, err = mmr("data", "import", tmp_path / "MMR_Bench.csv", "--out", tmp_path / "s", "--select", "run=x")
    assert code == 2
    assert "finished table, not a log" in err
    code, out, _ = mmr("data", "import", tmp_path / "MMR_Bench.csv", "--show")
    assert code == 0
    assert "1 instances, 1 models" in out
    code, _, err = mmr("data", "import", tmp_path / "MMR_Bench.csv")
    assert code == 2
    assert "give --out STORE" in err


def test_one_of_a_thing_is_counted_in_the_singular(write: Write, context: ImportContext) -> None:
    seen = inspect_log(LMEvalImporter(), write("toy", [sample(0, {"acc": 1.0})]), context)
    assert "1 file, 1 record, 1 dataset, 1 model, no means" in summary(seen)
