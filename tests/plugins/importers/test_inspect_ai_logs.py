"""Logs of inspect_ai, written in its layout, become the cells that they state."""

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
from mmr_core.errors import DataError, MMRError
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_core.outcomes import Status
from mmr_core.store import OutcomeStore
from mmr_plugins.datasets import DATASETS
from mmr_plugins.importers import inspect_ai
from mmr_plugins.importers.inspect_ai import InspectAIImporter, grade

CANDIDATE, GRADER = "openai/gpt-5-mini", "anthropic/claude"
CREATED, LATER = "2025-06-01T10:11:12+00:00", "2025-07-01T00:00:00+00:00"
Write = Callable[..., Path]


def usage(asked: int = 100, written: int = 20, **more: Any) -> dict[str, Any]:
    return {"input_tokens": asked, "output_tokens": written, "total_tokens": asked + written, **more}


def sample(number: Any, value: Any = "C", *, scorer: str = "match", epoch: int = 1, **more: Any) -> dict[str, Any]:
    """One sample, with the fields that the kit writes."""
    message = {"role": "assistant", "content": f"It is {number}."}
    return {
        "id": number,
        "epoch": epoch,
        "input": f"Question {number}?",
        "target": str(number),
        "messages": [],
        "output": {
            "model": CANDIDATE,
            "choices": [{"message": message, "stop_reason": "stop"}],
            "completion": f"It is {number}.",
        },
        "scores": {scorer: {"value": value, "answer": "x"}},
        "metadata": {"subject": "algebra"},
        "model_usage": {CANDIDATE: usage(), GRADER: usage(7, 7)},
        **more,
    }


def log(samples: list[Any], **evaluation: Any) -> dict[str, Any]:
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "run_id": "r",
            "eval_id": "e",
            "task_id": "t",
            "created": CREATED,
            "task": "inspect_evals/gsm8k",
            "model": CANDIDATE,
            "dataset": {"name": "gsm8k"},
            "config": {},
            **evaluation,
        },
        "results": {"scores": []},
        "samples": samples,
    }


def result(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "scorer": name, "metrics": {"accuracy": {"name": "accuracy", "value": value}}, **more}


@pytest.fixture
def context(tmp_path: Path) -> ImportContext:
    return ImportContext(datasets=DATASETS, models=(), cache=tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a log, and gives the folder of logs."""

    def call(content: Any, name: str = "a.json") -> Path:
        folder = tmp_path / "logs"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=2))
        return folder

    return call


def imported(path: Path, context: ImportContext, *select: str, responses: bool = False) -> Any:
    seen = inspect_log(InspectAIImporter(), path, context, select=select, responses=responses)
    assert seen.open == ()
    return import_log(seen, context)


def known(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


def test_scores_and_the_tokens_of_the_candidate_alone_are_read(write: Write, context: ImportContext) -> None:
    spent = usage(80, 30, input_tokens_cache_read=15, input_tokens_cache_write=5, reasoning_tokens=9, total_cost=0.02)
    path = write(log([sample(1), sample(2, "I", model_usage={CANDIDATE: spent})]))
    found = imported(path, context, responses=True).assembled
    table = found.table
    assert table.instance_id.tolist() == ["GSM8K_1", "GSM8K_2"]
    assert table.utility[:, 0].tolist() == [1.0, 0.0]
    assert table.input_tokens[:, 0].tolist() == [100.0, 85.0]
    assert known(table.cached_tokens[:, 0]) == [None, 15.0]
    assert table.output_tokens[:, 0].tolist() == [20.0, 30.0]
    assert known(table.cost[:, 0]) == [None, 0.02]
    assert table.question.tolist() == ["Question 1?", "Question 2?"]
    assert table.category.tolist() == ["algebra", "algebra"]
    assert table.response[:, 0].tolist() == ["It is 1.", "It is 2."]
    assert known(found.origins("gsm8k", CANDIDATE).reasoning_tokens) == [None, 9.0]


@pytest.mark.parametrize(
    ("value", "utility"),
    [
        *(("C", 1.0), ("P", 0.5), ("I", 0.0), ("N", 0.0), (True, 1.0), (0.25, 0.25), ("0.75", 0.75), ("yes", 1.0)),
        *((math.nan, None), (None, None), ("great", None), ([1, 0], None), ("nan", None)),
    ],
)
def test_grades_are_numbers_or_unknown(value: object, utility: float | None) -> None:
    assert grade(value) == utility


def test_what_became_of_samples_is_told(write: Write, context: ImportContext) -> None:
    cut = {"choices": [{"message": {"role": "assistant", "content": "x"}, "stop_reason": "max_tokens"}]}
    samples = [
        sample(1),
        sample(2, error={"message": "timeout"}),
        sample(3, "I", output=cut),
        sample(4, "I", limit={"type": "token", "limit": 9}),
        sample(5, math.nan),
        sample(6, "I", output={"choices": []}),
        {**sample(7), "scores": None},
    ]
    found = imported(write(log(samples)), context).assembled
    origins = found.origins("gsm8k", CANDIDATE)
    by_id = dict(zip(origins.instance_id.tolist(), origins.status.tolist(), strict=True))
    assert [by_id[f"GSM8K_{i}"] for i in range(1, 8)] == [
        *("ok", "infer_failed", "truncated", "truncated", "unscored", "empty", "unscored"),
    ]
    assert known(found.table.utility[:, 0]) == [1.0, None, 0.0, 0.0, None, 0.0, None]
    assert found.table.status[1, 0] == Status.ERROR
    assert known(found.table.output_tokens[:2, 0]) == [20.0, None]


def test_epochs_are_attempts_and_scorers_are_asked_for(write: Write, context: ImportContext) -> None:
    samples = [sample(1, value, epoch=epoch) for epoch, value in ((1, "C"), (2, "I"))]
    for each in samples:
        each["scores"]["judge"] = {"value": {"style": 1, "truth": 0.5}}
    path = write(log(samples))
    keys = {
        question.key: list(question.candidates) for question in inspect_log(InspectAIImporter(), path, context).open
    }
    assert keys == {
        "metric": ["none", "style", "truth"],
        "scorer": ["match", "judge"],
        "repeat": ["mean", "first", "1", "2"],
    }
    table = imported(path, context, "scorer=match", "repeat=mean").assembled.table
    assert table.utility[:, 0].tolist() == [0.5]
    table = imported(path, context, "scorer=judge", "metric=truth", "repeat=first").assembled.table
    assert table.utility[:, 0].tolist() == [0.5]


def test_runs_are_asked_for_and_the_latest_can_be_taken(write: Write, context: ImportContext) -> None:
    write(log([sample(1, "I")]))
    path = write(log([sample(1, "C")], created=LATER), "b.json")
    assert [question.key for question in inspect_log(InspectAIImporter(), path, context).open] == ["run"]
    assert imported(path, context, "run=latest").assembled.table.utility[:, 0].tolist() == [1.0]


@pytest.mark.parametrize(
    ("roles", "scorer", "params", "tokens"),
    [
        ({}, "match", {}, 20.0),
        ({"grader": {"model": GRADER}}, "model_graded_qa", {}, 20.0),
        ({}, "model_graded_qa", {"model": GRADER}, 20.0),
        ({}, "model_graded_qa", {}, None),
        ({}, "inspect_ai/model_graded_fact", {"model": None}, None),
        ({}, "model_graded_qa", {"model": [GRADER, CANDIDATE]}, None),
        ({"grader": {"model": CANDIDATE}}, "mine", {}, None),
    ],
)
def test_tokens_that_a_grader_of_the_same_name_may_have_spent_are_unknown(
    write: Write, context: ImportContext, roles: Any, scorer: str, params: Any, tokens: float | None
) -> None:
    content = log([sample(1, scorer=scorer)], model_roles=roles)
    content["results"]["scores"] = [result(scorer, 1.0, params=params)]
    table = imported(write(content), context).assembled.table
    assert known(table.output_tokens[:, 0]) == [tokens]


def test_means_of_the_kit_are_compared(write: Write, context: ImportContext) -> None:
    content = log([sample(1), sample(2, "I")])
    content["results"]["scores"] = [result("match", 0.5), result("match", 1.0, reducer="max")]
    assert [(one.kit, one.agrees) for one in imported(write(content), context).agreements] == [(0.5, True)]
    content["results"]["scores"] = [result("match", 0.75)]
    assert [(one.kit, one.agrees) for one in imported(write(content), context).agreements] == [(0.75, False)]


def test_turns_parts_and_attachments_give_the_question(write: Write, context: ImportContext) -> None:
    turns = [
        {"role": "system", "content": "Be good."},
        {"role": "user", "content": [{"type": "image", "image": "data:"}, {"type": "text", "text": "attachment://h"}]},
    ]
    path = write(log([sample(1, input=turns, attachments={"h": "A long question"}, target=["a", "b"])]))
    table = imported(path, context).assembled.table
    assert (table.question[0], table.answer[0]) == ("A long question", "a, b")


def test_evaluations_that_were_not_finished_are_named_and_left_out(write: Write, context: ImportContext) -> None:
    write({**log([sample(1)]), "status": "error"}, "b.json")
    path = write(log([sample(1)]))
    lines = notices_of(inspect_log(InspectAIImporter(), path, context))
    assert [line for line in lines if line.startswith("b.json") and "'error'" in line]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"version": 2, "status": "success"', '{"version": 2, "status": "success"}', "\x00"]
)
def test_a_broken_log_alone_is_an_error(tmp_path: Path, context: ImportContext, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"a\.json"):
        inspect_log(InspectAIImporter(), tmp_path / "a.json", context)


def test_a_faulty_sample_costs_that_sample(write: Write, context: ImportContext) -> None:
    path = write(log([sample(1), 3, sample(None), sample(4, epoch=0), sample(5)]))
    seen = inspect_log(InspectAIImporter(), path, context)
    assert [line.partition(":")[0] for line in notices_of(seen) if line.startswith("a.json")] == [
        *("a.json, row 2", "a.json, row 3", "a.json, row 4"),
    ]
    assert import_log(seen, context).assembled.table.instance_id.tolist() == ["GSM8K_1", "GSM8K_5"]


def test_only_logs_are_recognised(write: Write, tmp_path: Path) -> None:
    assert InspectAIImporter().sniff(write(log([sample(1)])))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.json").write_text('{"version": 2, "kind": "note"}')
    (tmp_path / "other" / "b.eval").write_text("what I think")
    assert not InspectAIImporter().sniff(tmp_path / "other")


def test_packed_logs_without_the_package_say_what_to_install(
    tmp_path: Path, context: ImportContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.eval").write_bytes(b"PK\x03\x04")
    monkeypatch.setattr(inspect_ai, "find_spec", lambda name: None)
    with pytest.raises(MMRError, match=r"pip install 'mmr-bench\[inspect\]'"):
        inspect_log(InspectAIImporter(), tmp_path, context)


def test_packed_logs_give_what_their_json_gives(write: Write, context: ImportContext, tmp_path: Path) -> None:
    package = pytest.importorskip("inspect_ai.log", reason="reading .eval needs the extra 'inspect'")
    samples = [sample(1), sample(2, "I", epoch=1), sample(3, "I", error=None)]
    content = log(samples)
    content["results"] |= {"total_samples": 3, "completed_samples": 3, "scores": [result("match", 1 / 3)]}
    path = write(content)
    packed = tmp_path / "packed"
    packed.mkdir()
    package.write_eval_log(package.read_eval_log(str(path / "a.json")), str(packed / "a.eval"))
    assert InspectAIImporter().sniff(packed)
    by_hand, by_package = imported(path, context, responses=True), imported(packed, context, responses=True)
    for name in ("instance_id", "utility", "input_tokens", "output_tokens", "question", "answer", "response"):
        left, right = (getattr(one.assembled.table, name).tolist() for one in (by_hand, by_package))
        assert left == right
    assert [one.agrees for one in by_package.agreements] == [True]
    (packed / "b.eval").write_bytes((packed / "a.eval").read_bytes()[:200])
    assert any(line.startswith("b.eval") for line in notices_of(inspect_log(InspectAIImporter(), packed, context)))


def test_an_import_goes_through_the_store_and_back(write: Write, tmp_path: Path) -> None:
    path = write(log([sample(1), sample(2, "I")]))
    assert main(["data", "import", str(path), "--out", str(tmp_path / "store")]) == 0
    assert OutcomeStore.open(tmp_path / "store").table().utility[:, 0].tolist() == [1.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(
    outcomes=st.dictionaries(
        st.tuples(st.integers(0, 30), st.sampled_from(["a/b", "c"])),
        st.tuples(st.none() | st.floats(0, 1), st.integers(1, 10_000)),
        min_size=1,
    )
)
def test_random_samples_come_back_as_they_were_written(
    outcomes: dict[tuple[int, str], tuple[float | None, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("logs")
    for model in {model for _, model in outcomes}:
        samples = [
            sample(i, utility, model_usage={model: usage(written=written)})
            for (i, of), (utility, written) in outcomes.items()
            if of == model
        ]
        (root / f"{model.replace('/', '_')}.json").write_text(json.dumps(log(samples, model=model)))
    table = imported(root, ImportContext(datasets=DATASETS, models=(), cache=root)).assembled.table
    columns = {model.name: j for j, model in enumerate(table.models)}
    rows = {instance: i for i, instance in enumerate(table.instance_id)}
    for (index, model), (utility, written) in outcomes.items():
        cell = rows[f"GSM8K_{index}"], columns[model]
        assert known([table.utility[cell], table.output_tokens[cell]]) == [utility, float(written)]
