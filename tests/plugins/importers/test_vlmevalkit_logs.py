"""Work directories of VLMEvalKit, written in its layout, become the cells that they state."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from mmr_core.cli import main
from mmr_core.contracts import ImportContext
from mmr_core.errors import DataError, MMRError
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_core.outcomes import Status
from mmr_core.store import OutcomeStore
from mmr_plugins.datasets import DATASETS
from mmr_plugins.importers.vlmevalkit import VLMEvalKitImporter, kit_importer
from mmr_plugins.importers.vlmevalkit.kit_files import CELL_LIMIT
from mmr_plugins.models import MODELS

MODEL, RUN, LATER = "Qwen2.5-VL-7B-Instruct", "T20250601-101112", "T20250701-000000"
Write = Callable[..., Path]


def row(index: Any, **more: Any) -> dict[str, Any]:
    """One row of multiple choice, with the columns that the kit writes."""
    return {
        "index": index,
        "question": f"Question {index}?",
        "A": "None",
        "B": "N/A",
        "answer": "A",
        "category": "coarse",
        "prediction": "A",
        **more,
    }


def judged(index: Any, hit: Any, **more: Any) -> dict[str, Any]:
    return row(index, **{"hit": hit, "log": "Match Log: A. ", **more})


def write_table(file: Path, rows: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for each in rows for name in each))
    cells = [columns, *([each.get(name) for name in columns] for each in rows)]
    if file.suffix == ".xlsx":
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Sheet1")
        for line in cells:
            sheet.append(line)
        book.save(file)
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows))
    else:
        with file.open("w", newline="") as target:
            delimiter = "\t" if file.suffix == ".tsv" else ","
            csv.writer(target, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(cells)


@pytest.fixture
def context(tmp_path: Path) -> ImportContext:
    return ImportContext(datasets=DATASETS, models=MODELS, cache=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes `<model>_<name>` into the folder of a run, and gives the work directory."""

    def call(name: str, rows: list[dict[str, Any]], *, model: str = MODEL, run: str = RUN) -> Path:
        write_table(tmp_path / "outputs" / model / run / f"{model}_{name}", rows)
        return tmp_path / "outputs"

    return call


def imported(path: Path, context: ImportContext, *select: str, responses: bool = False) -> Any:
    seen = inspect_log(VLMEvalKitImporter(), path, context, select=select, responses=responses)
    assert seen.open == ()
    return import_log(seen, context)


def asked(path: Path, context: ImportContext, *select: str) -> dict[str, list[str]]:
    return {q.key: list(q.candidates) for q in inspect_log(VLMEvalKitImporter(), path, context, select=select).open}


def cells(table: Any) -> dict[str, float]:
    """Utility by id, of a table of one model."""
    return dict(zip(table.instance_id.tolist(), table.utility[:, 0].tolist(), strict=True))


def words(found: Any, dataset: str) -> dict[str, str]:
    origins = found.assembled.origins(dataset, found.assembled.table.models[0].name)
    return dict(zip(origins.instance_id.tolist(), origins.status.tolist(), strict=True))


@pytest.mark.parametrize("suffix", [".xlsx", ".tsv", ".csv", ".json"])
def test_hits_of_multiple_choice_are_read_with_their_texts(write: Write, context: ImportContext, suffix: str) -> None:
    rows = [judged(7, 1, prediction="N/A"), judged(8, 0, prediction="None", question=None)]
    path = write(f"MMStar_exact_matching_result{suffix}", rows)
    write(f"MMStar{suffix}", [row(7), row(8)])
    table = imported(path, context, responses=True).assembled.table
    assert cells(table) == {"MMStar_7": 1.0, "MMStar_8": 0.0}
    assert [model.name for model in table.models] == ["qwen2.5-vl-7b"]
    assert table.question.tolist() == ["Question 7?", ""]
    assert table.category.tolist() == ["coarse", "coarse"]
    assert table.response[:, 0].tolist() == ["N/A", "None"]
    assert all(math.isnan(cost) for cost in table.cost[:, 0])
    assert all(math.isnan(tokens) for tokens in table.output_tokens[:, 0])


def test_a_number_with_a_point_and_one_without_are_one_id(write: Write, context: ImportContext) -> None:
    write("MMStar_exact_matching_result.xlsx", [judged(12.0, 1)])
    path = write("MMStar_exact_matching_result.tsv", [judged("12.0", 0)], model="InternVL3-78B")
    table = imported(path, context).assembled.table
    assert table.instance_id.tolist() == ["MMStar_12"]
    assert sorted(table.utility[0].tolist()) == [0.0, 1.0]


def test_links_in_the_folder_of_the_model_are_not_read_again(write: Write, context: ImportContext) -> None:
    path = write("MMStar_exact_matching_result.xlsx", [judged(1, 1)])
    target = path / MODEL / RUN / f"{MODEL}_MMStar_exact_matching_result.xlsx"
    (path / MODEL / target.name).symlink_to(target)
    assert VLMEvalKitImporter().files(inspect_log(VLMEvalKitImporter(), path, context).source) == [target]
    assert cells(imported(path, context).assembled.table) == {"MMStar_1": 1.0}


@pytest.mark.parametrize("run", [RUN, "T20240601_G1a2b3c4d", "."])
def test_new_old_and_flat_layouts_are_read(write: Write, context: ImportContext, run: str) -> None:
    path = write("RealWorldQA_gpt-4o-mini_result.xlsx", [judged(1, 1)], run=run)
    found = imported(path, context)
    assert cells(found.assembled.table) == {"RealWorldQA_1": 1.0}
    origins = found.assembled.origins("realworldqa", "qwen2.5-vl-7b")
    assert origins.run.tolist() == ["" if run == "." else run]
    assert origins.judge.tolist() == ["gpt-4o-mini"]


@pytest.mark.parametrize("part", [f"{MODEL}/{RUN}", f"{MODEL}/{RUN}/{MODEL}_MMStar_gpt-4_result.xlsx", MODEL])
def test_one_model_one_run_and_one_file_can_be_read(write: Write, context: ImportContext, part: str) -> None:
    path = write("MMStar_gpt-4_result.xlsx", [judged(1, 1)]) / part
    assert VLMEvalKitImporter().sniff(path)
    table = imported(path, context).assembled.table
    assert [model.name for model in table.models] == ["qwen2.5-vl-7b"]


def test_a_folder_of_another_name_still_tells_models_by_known_datasets(write: Write, context: ImportContext) -> None:
    path = write("SEEDBench2_Plus_openai_result.xlsx", [judged(1, 1)])
    moved = path / "results of mine"
    (path / MODEL / RUN).rename(moved)
    table = imported(moved, context).assembled.table
    assert (table.instance_id.tolist(), [m.name for m in table.models]) == (["SEEDBench2_Plus_1"], ["qwen2.5-vl-7b"])


def test_several_runs_are_asked_for_and_the_latest_can_be_taken(write: Write, context: ImportContext) -> None:
    write("MMStar_exact_matching_result.xlsx", [judged(1, 0)])
    path = write("MMStar_exact_matching_result.xlsx", [judged(1, 1)], run=LATER)
    assert asked(path, context) == {"run": [RUN, LATER, "latest"]}
    assert cells(imported(path, context, "run=latest").assembled.table) == {"MMStar_1": 1.0}


def test_several_judges_are_asked_for_and_named_by_their_models(write: Write, context: ImportContext) -> None:
    write("MMStar_exact_matching_result.xlsx", [judged(1, 0)])
    path = write("MMStar_openai_result.xlsx", [judged(1, 1)])
    assert asked(path, context) == {"judge": ["exact_matching", "chatgpt-0125"]}
    assert cells(imported(path, context, "judge=chatgpt-0125").assembled.table) == {"MMStar_1": 1.0}


def test_names_that_begin_with_other_names_are_kept_apart(write: Write, context: ImportContext) -> None:
    for name in ("MathVision", "MathVision_MINI", "Own", "Own_Long"):
        write(f"{name}.xlsx", [row(1)])
        path = write(f"{name}_gpt-4o.xlsx", [row(1, res="A", log="Succeed", score=int(name.count("_")))])
    table = imported(path, context).assembled.table
    assert dict(zip(table.dataset_names, table.utility[:, 0].tolist(), strict=True)) == {
        "mathvision": 0.0,
        "mathvision_mini": 1.0,
        "own": 0.0,
        "own_long": 1.0,
    }


def test_status_json_names_datasets_that_nothing_else_tells(write: Write, context: ImportContext) -> None:
    path = write("My_Set_of_gpt-4_result.xlsx", [judged(1, 1)])
    stated = {"model_name": MODEL, "datasets": {"My_Set": {"judge_model": "of_gpt-4"}}}
    (path / MODEL / RUN / "status.json").write_text(json.dumps(stated))
    found = imported(path, context)
    assert found.assembled.table.dataset_names == ("my_set",)
    assert found.assembled.origins("my_set", "qwen2.5-vl-7b").judge.tolist() == ["of_gpt-4"]


def test_what_became_of_answers_is_told_and_no_label_is_made_up(write: Write, context: ImportContext) -> None:
    rows = [
        judged(1, 1),
        judged(2, 0, prediction="Failed to obtain answer via API. "),
        judged(3, 1, log="Match Log: Failed to predict, thus randomly generate one. . "),
        judged(4, 0, log="Try 0: output is x, failed to parse.\nAll 5 retries failed.\n"),
        judged(5, 0, prediction=None),
        judged(6, 1, prediction="x" * CELL_LIMIT),
        judged(7, None),
    ]
    found = imported(write("MMStar_gpt-4_result.xlsx", rows), context)
    table = found.assembled.table
    assert words(found, "mmstar") == {
        "MMStar_1": "ok",
        "MMStar_2": "infer_failed",
        "MMStar_3": "judge_random",
        "MMStar_4": "judge_failed",
        "MMStar_5": "empty",
        "MMStar_6": "truncated",
        "MMStar_7": "unscored",
    }
    assert [None if math.isnan(u) else u for u in table.utility[:, 0]] == [1.0, None, None, None, 0.0, 1.0, None]
    assert table.status[1, 0] == Status.ERROR
    assert table.status[5, 0] == Status.TRUNCATED


def test_rotations_are_attempts_where_each_was_scored(write: Write, context: ImportContext) -> None:
    rows = [judged(i, hit) for i, hit in ((5, 1), (9, 1), (1_000_005, 0), (2_000_005, 1), (1_000_009, 1))]
    path = write("MMStar_gpt-4_result.xlsx", rows)
    assert asked(path, context) == {"repeat": ["mean", "first", "1", "2", "3"]}
    assert cells(imported(path, context, "repeat=mean").assembled.table) == {
        "MMStar_5": pytest.approx(2 / 3),
        "MMStar_9": 1.0,
    }


def test_groups_of_rotations_say_so_and_large_ids_are_no_rotations(write: Write, context: ImportContext) -> None:
    path = write("MMStar_gpt-4_result.xlsx", [judged(5, 1, g_index=5), judged(3_000_007, 0, g_index=7)])
    found = imported(path, context)
    assert cells(found.assembled.table) == {"MMStar_5": 1.0, "MMStar_3000007": 0.0}
    assert set(found.assembled.origins("mmstar", "qwen2.5-vl-7b").scorer) == {"hit of all rotations"}


def test_images_are_found_where_the_kit_put_them(write: Write, context: ImportContext, tmp_path: Path) -> None:
    path = write("MMStar_gpt-4_result.xlsx", [judged(1, 1), judged(2, 1), judged(3, 1)])
    folder = tmp_path / "LMUData" / "images" / "MMStar"
    folder.mkdir(parents=True)
    for name in ("1.jpg", "2_1.jpg"):
        (folder / name).write_bytes(b"")
    table = imported(path, context, f"lmudata={tmp_path / 'LMUData'}").assembled.table
    assert [image and image.name for image in table.image] == ["1.jpg", "2_1.jpg", None]
    with pytest.raises(MMRError, match="has no folder 'images'"):
        imported(path, context, f"lmudata={tmp_path / 'elsewhere'}")


def test_answers_that_nobody_judged_stay_unscored(write: Write, context: ImportContext) -> None:
    path = write("MMStar.xlsx", [row(1), row(2, prediction="Failed to obtain answer")])
    found = imported(path, context)
    assert words(found, "mmstar") == {"MMStar_1": "unscored", "MMStar_2": "infer_failed"}
    assert any("does not state which answers are correct" in line for line in notices_of(look_of(path, context)))


def look_of(path: Path, context: ImportContext) -> Any:
    return inspect_log(VLMEvalKitImporter(), path, context)


def test_means_of_the_kit_are_compared(write: Write, context: ImportContext, tmp_path: Path) -> None:
    write("MMStar_gpt-4_result.xlsx", [judged(1, 1), judged(2, 0)])
    write("MMStar_acc.csv", [{"split": "none", "Overall": "0.5", "coarse": "0.5"}])
    write("MathVerse_MINI_Vision_Only_gpt-4_score.xlsx", [row(1, score=True), row(2, score=False)])
    write("MathVerse_MINI_Vision_Only_gpt-4_score.csv", [{"accuracy": "50.0", "correct": "1", "total": "2"}])
    write("MathVista_MINI_gpt-4.xlsx", [row(1, res="A", log="", hit=True), row(2, res="B", log="", hit=False)])
    path = write("MathVista_MINI_gpt-4_score.csv", [{"Task&Skill": "Overall", "tot": "2", "acc": "75.0"}])
    found = imported(path, context)
    assert {one.dataset: (one.kit, one.imported, one.agrees) for one in found.agreements} == {
        "mmstar": (0.5, 0.5, True),
        "mathverse": (0.5, 0.5, True),
        "mathvista": (0.75, 0.5, False),
    }


def test_a_mean_that_every_judge_overwrites_is_compared_with_the_last_judge_alone(
    write: Write, context: ImportContext
) -> None:
    write("MMStar_exact_matching_result.xlsx", [judged(1, 0)])
    write("MMStar_openai_result.xlsx", [judged(1, 1)])
    path = write("MMStar_acc.csv", [{"split": "none", "Overall": "1.0"}])
    assert imported(path, context, "judge=chatgpt-0125").agreements == ()
    stated = {"datasets": {"MMStar": {"judge_model": "chatgpt-0125"}}}
    (path / MODEL / RUN / "status.json").write_text(json.dumps(stated))
    assert [one.agrees for one in imported(path, context, "judge=chatgpt-0125").agreements] == [True]
    assert imported(path, context, "judge=exact_matching").agreements == ()


@pytest.mark.parametrize("suffix", [".xlsx", ".tsv", ".json"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign"])
def test_a_broken_file_costs_a_line_and_the_rest_goes_on(
    write: Write, context: ImportContext, suffix: str, damage: str
) -> None:
    path = write("RealWorldQA_gpt-4_result.xlsx", [judged(1, 1)])
    write(f"MMStar_gpt-4_result{suffix}", [judged(i, 1) for i in range(40)])
    broken = path / MODEL / RUN / f"{MODEL}_MMStar_gpt-4_result{suffix}"
    content = broken.read_bytes()
    broken.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "foreign": b"\xff\xfe\x00{"}[damage])
    lines = notices_of(look_of(path, context))
    assert [line for line in lines if broken.name in line]
    assert "realworldqa" in imported(path, context).assembled.table.dataset_names


def test_a_faulty_row_costs_that_row(write: Write, context: ImportContext) -> None:
    path = write("MMStar_gpt-4_result.xlsx", [judged(1, 1), judged(None, 1), judged(3, "perhaps")])
    assert cells(imported(path, context).assembled.table) == {"MMStar_1": 1.0}
    lines = [line for line in notices_of(look_of(path, context)) if "row" in line]
    assert [("row 2" in lines[0]), ("row 3" in lines[1]), "'perhaps' is not a number" in lines[1]] == [True] * 3


def test_a_folder_with_nothing_usable_is_an_error(write: Write, context: ImportContext) -> None:
    path = write("MMStar_gpt-4_result.xlsx", [row(None)])
    with pytest.raises(DataError, match="nothing that can be used"):
        look_of(path, context)


def test_other_folders_are_not_taken_for_this_format(tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    write_table(tmp_path / "accounts" / "2025.xlsx", [{"amount": 3}])
    (tmp_path / "accounts" / "accounts_notes.json").write_text("[]")
    assert not VLMEvalKitImporter().sniff(tmp_path)


def test_spreadsheets_without_openpyxl_say_what_to_install(
    write: Write, context: ImportContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("MMStar_gpt-4_result.xlsx", [judged(1, 1)])
    monkeypatch.setattr(kit_importer, "find_spec", lambda name: None)
    with pytest.raises(MMRError, match=r"pip install 'mmr-bench\[vlmevalkit\]'"):
        look_of(path, context)


def test_an_import_goes_through_the_store_and_back(write: Write, tmp_path: Path) -> None:
    path = write("MMStar_gpt-4_result.xlsx", [judged(1, 1), judged(2, 0)])
    assert main(["data", "import", str(path), "--out", str(tmp_path / "store")]) == 0
    table = OutcomeStore.open(tmp_path / "store").table()
    assert cells(table) == {"MMStar_1": 1.0, "MMStar_2": 0.0}
    assert main(["data", "origin", str(tmp_path / "store"), "mmstar", "2"]) == 0


def instances() -> st.SearchStrategy[Iterable[int]]:
    return st.lists(st.integers(0, 999_999), min_size=1, max_size=12, unique=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_results_come_back_as_they_were_written(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("kit")
    suffix = data.draw(st.sampled_from([".xlsx", ".tsv", ".json"]))
    text = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=20)
    expected: dict[tuple[str, str], float | None] = {}
    for model in data.draw(st.lists(st.sampled_from(["a_b", "a", "gpt-4"]), min_size=1, unique=True)):
        rows = []
        for index in data.draw(instances()):
            hit = data.draw(st.sampled_from([0, 1, None]))
            expected[f"MMStar_{index}", model] = hit
            rows.append(judged(index, hit, prediction=data.draw(text), question=data.draw(text)))
        write_table(folder / model / RUN / f"{model}_MMStar_gpt-4_result{suffix}", rows)
    context = ImportContext(datasets=DATASETS, models=(), cache=folder)
    table = imported(folder, context).assembled.table
    got = {
        (instance, model.name): None if math.isnan(table.utility[i, j]) else table.utility[i, j]
        for i, instance in enumerate(table.instance_id)
        for j, model in enumerate(table.models)
        if (instance, model.name) in expected
    }
    assert got == expected
