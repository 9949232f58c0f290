"""Tables of EmbedLLM become the cells that they state."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.errors import DataError
from mmr_core.outcomes import Status
from mmr_plugins.importers.embedllm import EmbedLLMImporter

COLUMNS = ("prompt_id", "model_id", "category_id", "label", "model_name", "category", "prompt")
YI, QWEN = "01-ai/Yi-6B", "Qwen/Qwen1.5-7B"


def write(file: Path, rows: list[tuple[Any, ...]]) -> Path:
    """A table of (prompt_id, label, model_name, category), whose other columns follow from these."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(COLUMNS)
        for prompt, label, model, category in rows:
            writer.writerow((prompt, 0, 0, label, model, category, f'Question "{prompt}",\nwith a line more'))
    return file


def test_every_row_is_a_cell_and_the_splits_are_one(bring: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "train.csv", [(8, 1, YI, "mmlu_anatomy"), (8, 0, QWEN, "mmlu_anatomy"), (11, 1, YI, "piqa")])
    write(tmp_path / "test.csv", [(9, 1, QWEN, "gsm8k")])
    brought = bring(EmbedLLMImporter(), tmp_path)
    assert brought.known() == {("MMLU_8", YI): 1.0, ("MMLU_8", QWEN): 0.0, ("piqa_11", YI): 1.0, ("GSM8K_9", QWEN): 1.0}
    cell = brought.cell("MMLU_8", YI)
    assert (cell["dataset"], cell["category"]) == ("mmlu", "anatomy")
    assert cell["question"] == 'Question "8",\nwith a line more'
    assert math.isnan(cell["cost"])
    assert cell["status"] == Status.MISSING
    origin = brought.origin("gsm8k", "GSM8K_9", QWEN)
    assert (origin["source"], origin["row"], origin["status"]) == ("test.csv", 1, "ok")


def test_rows_that_say_too_little_are_left_out_one_by_one(bring: Callable[..., Any], tmp_path: Path) -> None:
    rows = [(1, 1, YI, "piqa"), ("", 1, YI, "piqa"), (2, "x", YI, "piqa"), (3, 1, " ", "piqa"), (4, 1, YI, "")]
    brought = bring(EmbedLLMImporter(), write(tmp_path / "x.csv", [*rows, (5, "", YI, "piqa"), (6, 7, YI, "piqa")]))
    assert brought.known() == {("piqa_1", YI): 1.0}
    text = "\n".join(brought.lines)
    for line in (
        "row 2: an id is empty",
        "row 3: 'x' is not a number",
        "row 4: has no model_name",
        "row 5: has no categ",
    ):
        assert line in text
    assert "row 7: utility 7.0 is outside" in text


def test_a_prompt_in_two_files_is_asked_about(peek: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "train.csv", [(1, 1, YI, "piqa")])
    write(tmp_path / "test.csv", [(1, 0, YI, "piqa")])
    assert [question.key for question in peek(EmbedLLMImporter(), tmp_path).open] == ["duplicates"]


def test_foreign_truncated_and_empty_files_cost_no_more_than_themselves(
    bring: Callable[..., Any], tmp_path: Path
) -> None:
    write(tmp_path / "a.csv", [(1, 1, YI, "piqa")])
    cut = write(tmp_path / "b.csv", [(2, 1, YI, "piqa"), (3, 1, YI, "piqa")])
    cut.write_bytes(cut.read_bytes()[:-8])
    (tmp_path / "c.csv").write_bytes(b"")
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\n")
    brought = bring(EmbedLLMImporter(), tmp_path)
    assert brought.known() == {("piqa_1", YI): 1.0, ("piqa_2", YI): 1.0}
    text = "\n".join(brought.lines)
    assert "b.csv: is not a table, or was cut short" in text
    assert "c.csv: does not begin with" in text
    assert "d.csv: does not begin with" in text


@pytest.mark.parametrize("content", [b"", b"prompt_id,label\n1,1\n", b"\xff\xfe\x00", b"prompt_id\x00,label"])
def test_a_file_that_is_nothing_is_an_error(peek: Callable[..., Any], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"nothing that can be used: x\.csv"):
        peek(EmbedLLMImporter(), tmp_path / "x.csv")


CELLS = st.dictionaries(
    st.tuples(st.integers(0, 20), st.sampled_from([YI, QWEN, "a b"])), st.sampled_from([0, 1]), min_size=1
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=CELLS, cut=st.integers(0, 61))
def test_any_table_comes_back_however_it_is_spread(
    bring: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    cells: dict[tuple[int, str], int],
    cut: int,
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    rows = [(prompt, label, model, "piqa") for (prompt, model), label in cells.items()]
    write(folder / "train.csv", rows[:cut])
    write(folder / "val.csv", rows[cut:])
    brought = bring(EmbedLLMImporter(), folder)
    assert brought.known() == {(f"piqa_{prompt}", model): label for (prompt, model), label in cells.items()}
