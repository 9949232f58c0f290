"""Routing data of LLMRouter become the cells that they state."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.errors import DataError
from mmr_core.outcomes import Status
from mmr_core.pricing import read_price_sheet, reprice
from mmr_plugins.importers.llmrouter import LLMRouterImporter

QWEN, LLAMA = "qwen2.5-7b-instruct", "llama3-chatqa-1.5-8b"


def line(query: str, model: str = QWEN, performance: Any = 1.0, **more: Any) -> dict[str, Any]:
    """One line, with the fields that the kit writes."""
    return {
        "task_name": "gsm8k",
        "query": query,
        "ground_truth": "#### 4",
        "metric": "GSM8K",
        "choices": None,
        "task_id": None,
        "model_name": model,
        "response": "It is 4.",
        "token_num": 453,
        "input_tokens": 449,
        "output_tokens": 4,
        "response_time": 1.75,
        "api_key_used": "",
        "performance": performance,
        "embedding_id": 42,
        "user_id": None,
        "fig_id": None,
        **more,
    }


def write(file: Path, *lines: dict[str, Any], text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(each) + "\n" for each in lines) + text)
    return file


def test_every_line_is_a_cell_with_its_tokens(bring: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "default_routing_train_data.jsonl", line("2+2?"), line("2+2?", LLAMA, 0.5))
    write(tmp_path / "default_routing_test_data.jsonl", line("3+1?", LLAMA, 0, task_name="mmlu", embedding_id=43))
    brought = bring(LLMRouterImporter(), tmp_path)
    sums = next(i for i, q in zip(brought.table.instance_id, brought.table.question, strict=True) if q == "2+2?")
    assert sums.startswith("GSM8K_")
    cell = brought.cell(sums, QWEN)
    assert (cell["utility"], cell["input_tokens"], cell["output_tokens"]) == (1.0, 449, 4)
    assert (cell["question"], cell["answer"]) == ("2+2?", "#### 4")
    assert math.isnan(cell["cost"])
    assert brought.cell(sums, LLAMA)["utility"] == 0.5
    origin = brought.origin("gsm8k", sums, LLAMA)
    assert (origin["source"], origin["row"]) == ("default_routing_train_data.jsonl", 2)
    assert (origin["native_id"], origin["metric"], origin["token_source"]) == ("42", "GSM8K", "unknown")
    assert sorted(brought.table.dataset.tolist()) == ["gsm8k", "mmlu"]


def test_queries_are_told_apart_as_the_kit_tells_them(bring: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", line("a"), line("a", ground_truth="5"), line("a", LLAMA), line("b"))
    brought = bring(LLMRouterImporter(), path)
    assert len(brought.table) == 3
    assert len(brought.known()) == 4


def test_a_call_that_failed_has_no_outcome(bring: Callable[..., Any], tmp_path: Path) -> None:
    failed = {"performance": 0.0, "token_num": 0, "input_tokens": 0, "output_tokens": 0}
    path = write(
        tmp_path / "x.jsonl",
        line("a", response="ERROR: timeout", **failed),
        line("b", response="API Error: 500", **failed),
        line("c", response="", performance=0.0),
        line("d", performance=None),
        line("e", performance=float("nan"), input_tokens=None, output_tokens=None),
    )
    brought = bring(LLMRouterImporter(), path)
    word = {
        str(question): brought.origin("gsm8k", str(instance), QWEN)["status"]
        for question, instance in zip(brought.table.question, brought.table.instance_id, strict=True)
    }
    assert word == {"a": "infer_failed", "b": "infer_failed", "c": "empty", "d": "unscored", "e": "unscored"}
    by_question = dict(zip(brought.table.question, brought.table.status[:, 0], strict=True))
    assert by_question["a"] == Status.ERROR
    assert list(brought.known().values()) == [0.0]
    known = dict(zip(brought.table.question, brought.table.input_tokens[:, 0], strict=True))
    assert {question for question, count in known.items() if math.isnan(count)} == {"a", "b", "e"}


def test_a_price_sheet_gives_the_costs_that_the_kit_does_not_state(bring: Callable[..., Any], tmp_path: Path) -> None:
    table = bring(LLMRouterImporter(), write(tmp_path / "x.jsonl", line("a"))).table
    sheet = tmp_path / "prices.toml"
    sheet.write_text(f'version = "1"\n[models."{QWEN}"]\ninput = 2.0\noutput = 10.0\n')
    priced = reprice(table, read_price_sheet(sheet))
    np.testing.assert_allclose(priced.cost, [[(449 * 2 + 4 * 10) / 1e6]])


def test_lines_that_say_too_little_are_left_out_one_by_one(bring: Callable[..., Any], tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl",
        line("a"),
        line("b", task_name=""),
        line("c", model_name=None),
        line("d", performance="good"),
        line("e", performance={"pass@1": 1}),
        {**line("f"), "query": 7},
        text='[1]\n{"task_name": "gsm8k", "que',
    )
    brought = bring(LLMRouterImporter(), path)
    assert len(brought.known()) == 1
    text = "\n".join(brought.lines)
    assert "x.jsonl, row 2: has no task_name" in text
    assert "x.jsonl, row 3: has no model_name" in text
    assert "x.jsonl, row 4: 'good' is not a number" in text
    assert "x.jsonl, row 5: a dict is not a number" in text
    assert "x.jsonl, row 6: has no query" in text
    assert "x.jsonl: and 2 more rows" in text


def test_foreign_and_empty_files_are_told_and_left_out(bring: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", line("a"))
    write(tmp_path / "b.jsonl")
    write(tmp_path / "query_data_train.jsonl", {"task_name": "gsm8k", "query": "a"})
    (tmp_path / "c.jsonl").write_bytes(b"\xff\x00")
    brought = bring(LLMRouterImporter(), tmp_path)
    told = {each.partition(":")[0] for each in brought.lines if "does not begin with" in each}
    assert told == {"b.jsonl", "query_data_train.jsonl", "c.jsonl"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"a": 1}\n', b"[" * 100_000])
def test_a_file_that_is_nothing_is_an_error(peek: Callable[..., Any], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=r"nothing that can be used: x\.jsonl"):
        peek(LLMRouterImporter(), tmp_path / "x.jsonl")


COUNT = st.none() | st.integers(0, 10**6)
LINES = st.dictionaries(
    st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from([QWEN, LLAMA])),
    st.tuples(st.none() | st.floats(0, 1), COUNT, COUNT),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES)
def test_any_lines_come_back(
    bring: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, lines: dict[tuple[str, str], Any]
) -> None:
    path = write(
        tmp_path_factory.mktemp("lines") / "x.jsonl",
        *(
            line(query, model, utility, input_tokens=input_, output_tokens=output)
            for (query, model), (utility, input_, output) in lines.items()
        ),
    )
    brought = bring(LLMRouterImporter(), path)
    ids = dict(zip(brought.table.question, brought.table.instance_id, strict=True))
    assert len(ids) == len({query for query, _ in lines})
    for (query, model), (utility, input_, output) in lines.items():
        cell = brought.cell(ids[query], model)
        assert cell["utility"] == utility or (utility is None and math.isnan(cell["utility"]))
        wanted = (input_, output) if input_ or output else (None, None)
        for count, found in zip(wanted, (cell["input_tokens"], cell["output_tokens"]), strict=True):
            assert count == found or (count is None and math.isnan(found))
