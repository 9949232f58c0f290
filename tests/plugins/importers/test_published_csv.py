"""The published CSV is read as it is, and what is wrong with it is named by file, column, row and value."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.contracts import ImportContext, Importer, PartwiseImporter
from mmr_core.errors import DataError, UsageError
from mmr_core.outcomes import OutcomeTable, Status
from mmr_core.specs import DatasetSpec, ModelSpec
from mmr_plugins.datasets import DATASETS
from mmr_plugins.importers.published import PublishedImporter, published_csv
from mmr_plugins.importers.published.csv_sheet import BLOCK
from mmr_plugins.models import MODELS

REAL = Path(__file__).parents[4] / "shared" / "data" / "mathvision-real"

Row = dict[str, str]


def a_row(number: int = 1, prefix: str = "MathVision", **cells: str) -> Row:
    row = {
        "dataset_idx": f"{prefix}_{number}",
        "question": f"What is {number}?",
        "answer": str(number),
        "Gemma3-4B_correct": "1",
        "Gemma3-4B_cost": "0.001",
        "gpt-5-2025-08-07_correct": "0",
        "gpt-5-2025-08-07_cost": "0.02",
    }
    return row | {
        name.replace("cheap", "Gemma3-4B").replace("dear", "gpt-5-2025-08-07"): v for name, v in cells.items()
    }


def as_csv(rows: list[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(name for row in rows for name in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, rows: list[Row] | str | bytes, name: str = "MMR_Bench.csv") -> Path:
    content = rows if isinstance(rows, str | bytes) else as_csv(rows)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")


def read(
    path: Path,
    warnings: list[str] | None = None,
    datasets: tuple[DatasetSpec, ...] = DATASETS,
    models: tuple[ModelSpec, ...] = MODELS,
) -> OutcomeTable:
    lines: list[str] = []
    context = ImportContext(datasets=datasets, models=models, cache=path.parent, warn=lines.append)
    table = PublishedImporter().read(path, context)
    if warnings is None:
        assert lines == []
    else:
        warnings += lines
    return table


def fails(path: Path, *words: str) -> None:
    with pytest.raises(DataError) as raised:
        read(path, [])
    line = str(raised.value)
    assert "\n" not in line
    for word in words:
        assert word in line


# --- what is read


def test_the_importer_follows_its_contract() -> None:
    assert isinstance(PublishedImporter(), Importer)
    assert PublishedImporter.embedded is False


def test_a_table_is_read_in_the_order_of_its_rows_and_columns(folder: Path) -> None:
    rows = [
        a_row(7, cheap_correct="0.5", cheap_cost="1e-3", category="algebra"),
        a_row(3, "OCRBench", dear_correct="1", category="chart"),
        a_row(5, category=""),
    ]
    table = read(write(folder, rows))
    assert table.instance_id.tolist() == ["MathVision_7", "OCRBench_3", "MathVision_5"]
    assert table.dataset.tolist() == ["mathvision", "ocrbench", "mathvision"]
    assert table.question.tolist() == ["What is 7?", "What is 3?", "What is 5?"]
    assert table.answer.tolist() == ["7", "3", "5"]
    assert table.category.tolist() == ["algebra", "chart", ""]
    assert [model.name for model in table.models] == ["gemma3-4b", "gpt-5"]
    assert table.columns == ("Gemma3-4B", "gpt-5-2025-08-07")
    assert table.utility.tolist() == [[0.5, 0], [1, 1], [1, 0]]
    assert table.cost.tolist() == [[0.001, 0.02]] * 3
    assert (table.status == Status.OK).all()
    assert table.response is None
    assert {spec.name for spec in table.datasets} == {"mathvision", "ocrbench"}
    assert not table.synthetic


@pytest.mark.parametrize("name", ["MMR_Bench.csv", "MMR-Bench.csv"])
def test_both_spellings_of_the_name_are_found_in_a_folder(folder: Path, name: str) -> None:
    path = write(folder, [a_row()], name)
    assert PublishedImporter().sniff(folder)
    assert read(folder).digest() == read(path).digest()


def test_two_spellings_in_one_folder_ask_for_a_choice(folder: Path) -> None:
    write(folder, [a_row()], "MMR_Bench.csv")
    write(folder, [a_row()], "MMR-Bench.csv")
    fails(folder, "both MMR_Bench.csv and MMR-Bench.csv", "give the path")


def test_a_folder_of_one_csv_per_dataset_is_one_table(folder: Path) -> None:
    write(folder, [a_row(1, "OCRBench", dear_prediction="yes")], "ocrbench.csv")
    write(folder, [{k: v for k, v in a_row(2).items() if "gpt" not in k}, a_row(3)], "MathVision.csv")
    write(folder, "a,b\n1,2\n", "notes.csv")
    warnings: list[str] = []
    table = read(folder, warnings)
    assert table.instance_id.tolist() == ["MathVision_2", "MathVision_3", "OCRBench_1"]
    assert [model.name for model in table.models] == ["gemma3-4b", "gpt-5"]
    np.testing.assert_array_equal(table.utility, [[1, np.nan], [1, 0], [1, 0]])
    assert table.status[0].tolist() == [Status.OK, Status.MISSING]
    assert table.response is not None
    assert table.response[:, 1].tolist() == [None, None, "yes"]
    assert warnings == [f"{folder}: left out, because they are not outcome tables: notes.csv"]


def test_a_model_that_a_file_lacks_is_missing_there(folder: Path) -> None:
    def without(row: Row, model: str) -> Row:
        return {name: cell for name, cell in row.items() if model not in name}

    write(folder, [without(a_row(1), "gpt")], "a.csv")
    write(folder, [without(a_row(2), "Gemma")], "b.csv")
    table = read(folder)
    np.testing.assert_array_equal(table.utility, [[1, np.nan], [np.nan, 0]])
    np.testing.assert_array_equal(table.cost, [[0.001, np.nan], [np.nan, 0.02]])
    assert table.status.tolist() == [[Status.OK, Status.MISSING], [Status.MISSING, Status.OK]]


def test_an_id_in_two_files_is_an_error_that_names_both(folder: Path) -> None:
    write(folder, [a_row(1), a_row(2)], "a.csv")
    write(folder, [a_row(2)], "b.csv")
    fails(folder, "b.csv, row 1", "'MathVision_2'", "a.csv")


def test_an_unknown_dataset_in_two_files_has_images_if_one_of_them_has(folder: Path) -> None:
    touch(folder / "New" / "2.jpg")
    write(folder, [a_row(1, "New")], "a.csv")
    write(folder, [a_row(2, "New")], "b.csv")
    warnings: list[str] = []
    table = read(folder, warnings)
    assert table.spec_of("new").modalities == ("text", "image")
    assert table.image.tolist() == [None, folder / "New" / "2.jpg"]
    assert len(warnings) == 1


def test_unknown_prefixes_of_two_files_that_would_share_a_name_are_an_error(folder: Path) -> None:
    write(folder, [a_row(1, "My Set")], "a.csv")
    write(folder, [a_row(1, "My-Set")], "b.csv")
    fails(folder, "b.csv", "'My-Set' would become the dataset 'my-set', as would 'My Set'")


@pytest.mark.parametrize("text", ["nan", "None", "N/A", "null", "012", "1e5", "", " padded ", "a\r\nb", 'say "x", ok'])
def test_texts_stay_what_they_are(folder: Path, text: str) -> None:
    table = read(write(folder, [a_row(question=text, answer=text, category=text, cheap_prediction=text)]))
    assert table.question.tolist() == table.answer.tolist() == table.category.tolist() == [text]
    assert table.response is not None
    assert table.response[0].tolist() == [text, None]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
def test_any_text_stays_what_it_is(folder: Path, text: str) -> None:
    assert read(write(folder, [a_row(question=text)])).question.tolist() == [text]


def test_a_cell_may_be_longer_than_the_csv_module_likes(folder: Path) -> None:
    before = csv.field_size_limit()
    long = "x" * 300_000
    assert read(write(folder, [a_row(question=long)])).question.tolist() == [long]
    assert csv.field_size_limit() == before


def test_a_byte_order_mark_is_no_part_of_the_first_column(folder: Path) -> None:
    path = write(folder, b"\xef\xbb\xbf" + as_csv([a_row()]).encode())
    assert PublishedImporter().sniff(path)
    assert len(read(path)) == 1


def test_blank_lines_and_unnamed_columns_are_passed_over(folder: Path) -> None:
    lines = as_csv([a_row(1), a_row(2)]).splitlines()
    text = "\n".join(f"{i},{line},x" if i else f",{line}," for i, line in enumerate(lines)) + "\n\n\n"
    assert len(read(write(folder, text))) == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("0", 0), ("0.25", 0.25), ("True", 1), ("False", 0), ("true", 1), (" 1 ", 1), ("1e-1", 0.1)],
)
def test_correctness_is_a_number_or_a_truth(folder: Path, text: str, value: float) -> None:
    assert read(write(folder, [a_row(cheap_correct=text)])).utility[0, 0] == value


def test_subject_stands_in_for_category(folder: Path) -> None:
    assert read(write(folder, [a_row(subject="geometry", level="3")])).category.tolist() == ["geometry"]
    assert read(write(folder, [a_row(subject="geometry", category="c")])).category.tolist() == ["c"]


def test_tokens_are_output_tokens_and_unknown_where_empty(folder: Path) -> None:
    table = read(write(folder, [a_row(1, cheap_token="12"), a_row(2, cheap_token=""), a_row(3, cheap_token="3.0")]))
    np.testing.assert_array_equal(table.output_tokens[:, 0], [12, np.nan, 3])
    assert np.isnan(table.output_tokens[:, 1]).all()
    assert np.isnan(table.input_tokens).all()
    assert np.isnan(table.image_tokens).all()


# --- missing outcomes and costs


def test_what_is_known_of_an_outcome_is_kept_and_the_rest_is_missing(folder: Path) -> None:
    rows = [a_row(1, cheap_correct=""), a_row(2, cheap_cost=""), a_row(3, cheap_correct="", cheap_cost="")]
    table = read(write(folder, rows))
    np.testing.assert_array_equal(table.utility[:, 0], [np.nan, 1, np.nan])
    np.testing.assert_array_equal(table.cost[:, 0], [0.001, np.nan, np.nan])
    assert (table.status[:, 0] == Status.MISSING).all()
    assert (table.status[:, 1] == Status.OK).all()


def test_an_empty_cost_is_computed_from_tokens_and_said(folder: Path) -> None:
    rows = [a_row(1, cheap_cost="", cheap_token="500"), a_row(2, cheap_token="500"), a_row(3, cheap_cost="")]
    warnings: list[str] = []
    table = read(write(folder, rows), warnings)
    np.testing.assert_array_equal(table.cost[:, 0], [500 * 0.04 / 1e6, 0.001, np.nan])
    assert table.status[:, 0].tolist() == [Status.OK, Status.OK, Status.MISSING]
    assert warnings == ["empty costs computed as output tokens times price: gemma3-4b 1"]


# --- models


def test_an_unknown_model_keeps_its_name_with_one_warning_for_all(folder: Path) -> None:
    cells = {"my_model_correct": "1", "my_model_cost": "1", "M2_correct": "0", "M2_cost": "0"}
    warnings: list[str] = []
    table = read(write(folder, [a_row() | cells]), warnings)
    assert [model.name for model in table.models] == ["gemma3-4b", "gpt-5", "my_model", "M2"]
    assert len(warnings) == 1
    assert "my_model, M2" in warnings[0]


def test_a_model_is_also_known_by_its_canonical_name(folder: Path) -> None:
    table = read(write(folder, [a_row() | {"gemini-2.5-pro_correct": "1", "gemini-2.5-pro_cost": "1"}]))
    assert table.models[2].title == "Gemini 2.5 Pro"
    assert table.columns[2] == "gemini-2.5-pro"


def test_model_names_may_end_like_columns(folder: Path) -> None:
    cells = {"a_correct": "1", "a_cost": "2", "a_token": "3"}
    cells |= {"a_cost_correct": "0", "a_cost_cost": "4"}
    cells |= {"a_token_correct": "0.5", "a_token_cost": "5", "a_token_token": "6"}
    table = read(write(folder, [a_row() | cells]), [])
    assert table.columns[2:] == ("a", "a_cost", "a_token")
    assert table.utility[0, 2:].tolist() == [1, 0, 0.5]
    assert table.cost[0, 2:].tolist() == [2, 4, 5]
    np.testing.assert_array_equal(table.output_tokens[0, 2:], [3, np.nan, 6])


def test_columns_that_only_look_like_a_models_are_left_alone_with_a_warning(folder: Path) -> None:
    warnings: list[str] = []
    table = read(write(folder, [a_row() | {"draft_prediction": "x", "draft_token": "many"}]), warnings)
    assert len(table.models) == 2
    assert len(warnings) == 1
    assert "draft_prediction, draft_token" in warnings[0]


@pytest.mark.parametrize(
    ("dropped", "words"),
    [
        ("Gemma3-4B_cost", "column 'Gemma3-4B_correct' without 'Gemma3-4B_cost'"),
        ("Gemma3-4B_correct", "column 'Gemma3-4B_cost' without 'Gemma3-4B_correct'"),
        ("dataset_idx", "not an outcome table: it has no column 'dataset_idx'"),
        ("question", "no column 'question'"),
        ("answer", "no column 'answer'"),
    ],
)
def test_an_absent_column_is_named(folder: Path, dropped: str, words: str) -> None:
    path = write(folder, [{name: cell for name, cell in a_row().items() if name != dropped}])
    fails(path, str(path), words)


def test_a_csv_of_something_else_is_no_outcome_table(folder: Path) -> None:
    fails(write(folder, "name,age\nAda,36\n"), "is not an outcome table", "'<model>_correct'")


def test_one_model_under_two_names_is_an_error(folder: Path) -> None:
    cells = {"gemma3-4b_correct": "1", "gemma3-4b_cost": "1"}
    fails(write(folder, [a_row() | cells]), "the model 'gemma3-4b' twice, as 'Gemma3-4B' and 'gemma3-4b'")


def test_a_column_that_names_no_model_is_an_error(folder: Path) -> None:
    fails(write(folder, [a_row() | {"_correct": "1", "_cost": "1"}]), "names no model")
    fails(
        write(folder, [a_row() | {"a,b_correct": "1", "a,b_cost": "1"}]),
        "column 'a,b_correct'",
        "is not a valid name for a model",
    )


def test_two_plugins_that_claim_a_column_are_both_named(folder: Path) -> None:
    twin = ModelSpec(name="other-gemma", title="Other", csv_columns=("Gemma3-4B",))
    with pytest.raises(DataError, match="'Gemma3-4B' are claimed by the models 'gemma3-4b' and 'other-gemma'"):
        read(write(folder, [a_row()]), models=(*MODELS, twin))


# --- datasets


@pytest.mark.parametrize(
    ("idx", "dataset"),
    [
        ("SEEDBench2_Plus_17", "seedbench2plus"),
        ("MMStar_0", "mmstar"),
        ("MathVista_a_b_c", "mathvista"),
        ("GSM8K_5", "gsm8k"),
    ],
)
def test_ids_belong_to_the_dataset_of_their_prefix(folder: Path, idx: str, dataset: str) -> None:
    assert read(write(folder, [a_row(dataset_idx=idx)])).dataset.tolist() == [dataset]


@pytest.mark.parametrize(
    ("idx", "dataset", "prefix"),
    [
        ("MATH-V_3", "mathvision", "MATH-V"),
        ("mathvision_3", "mathvision", "mathvision"),
        ("MathVista_MINI_3", "mathvista", "MathVista_MINI"),
        ("ocr_bench_3", "ocrbench", "ocr_bench"),
    ],
)
def test_other_spellings_of_a_prefix_are_understood_and_said(folder: Path, idx: str, dataset: str, prefix: str) -> None:
    warnings: list[str] = []
    assert read(write(folder, [a_row(dataset_idx=idx)]), warnings).dataset.tolist() == [dataset]
    assert warnings == [f"id prefixes taken for registered datasets: {prefix!r} as {dataset!r}"]


def test_an_unknown_dataset_is_made_up_with_a_warning(folder: Path) -> None:
    rows = [a_row(1, "My Set_V2"), a_row(2, "My Set_V2"), a_row(1, "Plain")]
    touch(folder / "My Set_V2" / "1.PNG")
    warnings: list[str] = []
    table = read(write(folder, rows), warnings)
    assert table.dataset.tolist() == ["my-set_v2", "my-set_v2", "plain"]
    pictured, plain = table.datasets
    assert (pictured.scenario, pictured.modalities, pictured.title) == ("other", ("text", "image"), "My Set_V2")
    assert plain.modalities == ("text",)
    assert table.image.tolist() == [folder / "My Set_V2" / "1.PNG", None, None]
    assert warnings == [
        "no plugin knows these datasets; taken with scenario 'other': 'My Set_V2' as 'my-set_v2', 'Plain' as 'plain'"
    ]


def test_unknown_prefixes_that_would_share_a_name_are_an_error(folder: Path) -> None:
    fails(
        write(folder, [a_row(1, "My Set"), a_row(1, "My-Set")]), "row 2", "'My-Set' would become the dataset 'my-set'"
    )


@pytest.mark.parametrize("idx", ["17", "_17", "MathVision_"])
def test_an_id_without_a_dataset_is_an_error(folder: Path, idx: str) -> None:
    fails(write(folder, [a_row(1), a_row(dataset_idx=idx)]), "row 2", f"id {idx!r} names no dataset")


def test_a_prefix_of_which_no_name_can_be_made_is_an_error(folder: Path) -> None:
    fails(write(folder, [a_row(1, "数学")]), "no dataset name can be made of the id prefix '数学'")


def test_a_prefix_claimed_by_two_datasets_is_an_error(folder: Path) -> None:
    twin = DatasetSpec(name="twin", title="Twin", scenario="math", modalities=("text",), id_prefix="MathVision")
    with pytest.raises(DataError, match="'MathVision' is claimed by the datasets 'mathvision' and 'twin'"):
        read(write(folder, [a_row()]), datasets=(*DATASETS, twin))


# --- images


@pytest.mark.parametrize("name", ["1.jpg", "1.png", "1.jpeg", "1.webp", "1.JPG"])
def test_images_lie_in_the_folder_of_their_prefix(folder: Path, name: str) -> None:
    touch(folder / "MathVision" / name)
    assert read(write(folder, [a_row(1)])).image.tolist() == [folder / "MathVision" / name]


def test_a_dataset_may_have_a_folder_of_another_name(folder: Path) -> None:
    touch(folder / "SEEDBenchv2Plus" / "17.png")
    table = read(write(folder, [a_row(17, "SEEDBench2_Plus")]))
    assert table.image.tolist() == [folder / "SEEDBenchv2Plus" / "17.png"]


def test_of_two_images_jpg_is_preferred(folder: Path) -> None:
    touch(folder / "MathVision" / "1.png", folder / "MathVision" / "1.jpg", folder / "MathVision" / "11.jpg")
    assert read(write(folder, [a_row(1)])).image.tolist() == [folder / "MathVision" / "1.jpg"]


def test_an_absent_image_of_a_dataset_with_images_is_expected_where_it_should_be(folder: Path) -> None:
    table = read(write(folder, [a_row(1), a_row(1, "GSM8K")]))
    assert table.image.tolist() == [folder / "MathVision" / "1.jpg", None]


def test_img_path_says_where_images_are(folder: Path) -> None:
    touch(folder / "pictures" / "one.gif", folder / "MathVision" / "2.jpg")
    absolute = folder / "elsewhere.png"
    rows = [
        a_row(1, img_path="pictures/one.gif"),
        a_row(2, img_path=""),
        a_row(3, img_path=str(absolute)),
        a_row(4, img_path="gone.jpg"),
        a_row(5, "GSM8K", img_path="pictures/one.gif"),
        a_row(6, "New", img_path="pictures/one.gif"),
    ]
    table = read(write(folder, rows), [])
    one = folder / "pictures" / "one.gif"
    assert table.image.tolist() == [one, None, absolute, folder / "gone.jpg", one, one]
    assert table.spec_of("new").modalities == ("text", "image")


def test_a_stale_img_path_gives_way_to_the_image_in_the_folder(folder: Path) -> None:
    touch(folder / "MathVision" / "1.jpg")
    table = read(write(folder, [a_row(1, img_path="/their/machine/1.jpg")]))
    assert table.image.tolist() == [folder / "MathVision" / "1.jpg"]


def test_an_id_with_a_slash_names_an_image_in_a_folder_below(folder: Path) -> None:
    touch(folder / "MathVision" / "test" / "1.jpg")
    table = read(write(folder, [a_row(dataset_idx="MathVision_test/1")]))
    assert table.image.tolist() == [folder / "MathVision" / "test" / "1.jpg"]


# --- faulty cells and files


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("cheap_correct", "1.7", "correctness '1.7' is outside [0, 1]"),
        ("cheap_correct", "-0.5", "correctness '-0.5' is outside [0, 1]"),
        ("cheap_correct", "yes", "correctness 'yes' is not a number, True or False"),
        ("cheap_correct", "nan", "correctness 'nan' is not a number"),
        ("cheap_correct", "1_0", "is not a number"),
        ("cheap_cost", "-0.1", "cost '-0.1' is negative"),
        ("cheap_cost", "free", "cost 'free' is not a number"),
        ("cheap_cost", "inf", "cost 'inf' is not a number"),
        ("cheap_cost", "1e999", "cost '1e999' is not finite"),
        ("cheap_cost", "1,5", "cost '1,5' is not a number"),
        ("cheap_token", "many", "number of tokens 'many' is not a number"),
        ("cheap_token", "-3", "number of tokens '-3' is negative"),
    ],
)
def test_a_faulty_cell_is_named_by_file_column_row_id_and_value(
    folder: Path, column: str, value: str, words: str
) -> None:
    path = write(folder, [a_row(1, **{column: ""}), a_row(12, **{column: value})])
    fails(path, f"{path}, column '{column.replace('cheap', 'Gemma3-4B')}', row 2 (MathVision_12)", words)


def test_the_first_faulty_cell_is_named_and_the_others_are_counted(folder: Path) -> None:
    rows = [a_row(1), a_row(2, dear_cost="-1"), a_row(3, cheap_correct="7"), a_row(4, cheap_correct="7")]
    fails(write(folder, rows), "row 2 (MathVision_2)", "'-1' is negative (and 2 more faulty cells)")


def test_a_duplicated_id_names_both_rows(folder: Path) -> None:
    fails(write(folder, [a_row(1), a_row(2), a_row(1)]), "row 3", "id 'MathVision_1' occurs twice, first in row 1")


@pytest.mark.parametrize("idx", ["", "  "])
def test_an_empty_id_is_an_error(folder: Path, idx: str) -> None:
    fails(write(folder, [a_row(1), a_row(dataset_idx=idx)]), "column 'dataset_idx', row 2", "the id is empty")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00", "is not UTF-8 text"),
        (b"dataset_idx,\x00question\n", "zero byte"),
        ("dataset_idx,question".encode("utf-16"), "is not UTF-8 text"),
        ("dataset_idx,frage\nMathVision_1,Größe\n".encode("latin-1"), "is not UTF-8 text"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page, not a CSV file"),
        (b"\n<html>\n", "is a web page, not a CSV file"),
        (b"dataset_idx;question;answer\n1;2;3\n", "is separated by ';', not by commas"),
        (b"dataset_idx\tquestion\n1\t2\n", "is separated by"),
        (b"dataset_idx,question,question\n1,2,3\n", "has the column 'question' twice"),
        (b'dataset_idx,question\nMathVision_1,"cut off', "is not CSV: unexpected end of data (line 2)"),
        (b'dataset_idx,question\nMathVision_1,"a"b\n', "is not CSV"),
    ],
)
def test_what_is_no_csv_says_what_it_is(folder: Path, content: bytes, words: str) -> None:
    path = write(folder, content)
    fails(path, str(path), words)


@pytest.mark.parametrize("change", [lambda line: line + ",extra", lambda line: line.rpartition(",")[0]])
def test_a_row_of_another_length_is_named(folder: Path, change: Callable[[str], str]) -> None:
    lines = as_csv([a_row(1), a_row(2), a_row(3)]).splitlines()
    lines[2] = change(lines[2])
    fails(write(folder, "\n".join(lines)), "row 2 (MathVision_2)", "expected 7 cells as in the header, got ")


def test_a_header_without_rows_is_an_error(folder: Path) -> None:
    fails(write(folder, as_csv([a_row()]).splitlines()[0] + "\n"), "has a header but no rows")


def test_an_absent_path_is_named(folder: Path) -> None:
    fails(folder / "none.csv", "none.csv: there is no such file or folder")


def test_a_folder_without_tables_says_what_was_looked_for(folder: Path) -> None:
    write(folder, "a,b\n1,2\n", "notes.csv")
    fails(folder, "has neither MMR_Bench.csv nor a CSV of a dataset")
    assert not PublishedImporter().sniff(folder)


def test_a_path_is_needed() -> None:
    with pytest.raises(UsageError, match="give its path"):
        PublishedImporter().read(None, ImportContext(datasets=(), models=(), cache=Path()))


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"name,age\n", b'"dataset_idx'])
def test_sniffing_says_no_and_raises_nothing(folder: Path, content: bytes) -> None:
    assert PublishedImporter().sniff(write(folder, content, "x.csv")) is (b"dataset_idx" in content)
    assert not PublishedImporter().sniff(write(folder, as_csv([a_row()]), "x.txt"))
    assert not PublishedImporter().sniff(folder / "absent.csv")


def test_a_file_of_the_published_name_is_taken_at_its_name(folder: Path) -> None:
    assert PublishedImporter().sniff(write(folder, b""))


# --- in parts

PART = BLOCK


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_csv, "PART", PART)


def many_rows(count: int) -> list[Row]:
    return [a_row(i, "GSM8K" if i % 3 else "New", category=f"c{i % 5}") for i in range(count)]


def parts_of(path: Path, warnings: list[str]) -> list[OutcomeTable]:
    context = ImportContext(datasets=DATASETS, models=MODELS, cache=path.parent, warn=warnings.append)
    return list(PublishedImporter().read_parts(path, context))


@pytest.mark.usefixtures("small_parts")
def test_parts_have_the_rows_of_the_whole_table_in_its_order(folder: Path) -> None:
    touch(folder / "New" / f"{PART + 2}.jpg")
    path = write(folder, many_rows(PART + 10))
    warnings: list[str] = []
    parts, whole = parts_of(path, warnings), read(path, again := [])
    assert isinstance(PublishedImporter(), PartwiseImporter)
    assert [len(part) for part in parts] == [PART, 10]
    for name in ("dataset", "instance_id", "question", "answer", "category", "image", "utility", "cost", "status"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))
    assert {part.source for part in parts} == {whole.source}
    assert warnings == again
    assert parts[0].spec_of("new").modalities == ("text",)
    assert parts[1].spec_of("new") == whole.spec_of("new")
    assert whole.spec_of("new").modalities == ("text", "image")


def test_a_folder_of_one_csv_per_dataset_is_one_part(folder: Path) -> None:
    write(folder, [a_row(1, "OCRBench")], "ocrbench.csv")
    write(folder, [a_row(2)], "MathVision.csv")
    [part] = parts_of(folder, [])
    assert part.digest() == read(folder).digest()


@pytest.mark.usefixtures("small_parts")
def test_parts_stop_at_the_first_faulty_one_and_count_the_faults_of_the_others(folder: Path) -> None:
    rows = many_rows(PART + 10)
    rows[5]["Gemma3-4B_correct"] = rows[PART + 3]["Gemma3-4B_cost"] = "x"
    path = write(folder, rows)
    context = ImportContext(datasets=DATASETS, models=MODELS, cache=folder)
    with pytest.raises(DataError, match=r"row 6 .*'x' is not a number.*\(and 1 more faulty cell\)"):
        next(PublishedImporter().read_parts(path, context))


@pytest.mark.usefixtures("small_parts")
def test_an_id_that_comes_again_in_a_later_part_names_both_rows(folder: Path) -> None:
    rows = many_rows(PART + 10)
    rows[PART + 3]["dataset_idx"] = rows[5]["dataset_idx"]
    with pytest.raises(DataError, match=rf"row {PART + 4} .*occurs twice, first in row 6"):
        parts_of(write(folder, rows), [])


# --- the real table


@pytest.mark.skipif(not REAL.is_dir(), reason="the real table is not beside this checkout")
def test_the_real_table_is_read_with_its_edges() -> None:
    warnings: list[str] = []
    table = read(REAL, warnings)
    assert table.utility.shape == (3040, 12)
    assert table.dataset_names == ("mathvision",)
    assert table.complete.all()
    assert int((table.question == "").sum()) == 1
    assert table.utility.mean(axis=0).max() == pytest.approx(0.177, abs=5e-4)
    assert table.utility.max(axis=1).mean() == pytest.approx(0.598, abs=5e-4)
    assert "geometry" in " ".join(table.category)
    assert all(path.is_file() for path in table.image)
    np.testing.assert_allclose(table.cost[0, :2], [3e-6, 6e-5])
    assert table.response is not None
    assert len(warnings) == 1
    assert "GPT4-CoT-TextOnly" in warnings[0]
