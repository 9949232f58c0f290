"""Dictionaries of RouterEval become the cells of the pool that was chosen; a hostile pickle runs nothing."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mmr_core.errors import DataError
from mmr_core.outcomes import Status
from mmr_plugins.importers.routereval import RouterEvalImporter

SIZES = {"train": 3, "val": 1, "test": 2}
STRONG, WEAK, MIXED = ("a/one", "b/two"), ("c/three", "d/four"), ("a/one", "d/four")


def pool(*models: str, base: float = 0.0, **more: Any) -> dict[str, Any]:
    """A pool in which the score of prompt i of a split by a model is base + (length of its name + i) / 20."""
    data = {
        f"{split}_score": base + (np.array([[len(model) for model in models]]) + np.arange(n)[:, None]) / 20
        for split, n in SIZES.items()
    }
    return {"data": {**data, **more}, "model": list(models)}


def dictionary(**more: Any) -> dict[str, Any]:
    """What a file holds, with three pools."""
    return {
        "easy": {2: {"all_strong": pool(*STRONG), "all_weak": pool(*WEAK)}},
        "hard": {2: {"strong_to_weak": pool(*MIXED)}},
        "split_index": {
            "train_indices": np.array([5, 0, 2]),
            "val_indices": np.array([1]),
            "test_indices": np.array([4, 3]),
        },
        "prompt": {f"{split}_prompt": [f"{split} question {i}" for i in range(n)] for split, n in SIZES.items()},
        "embedding": {f"{split}_embed": np.zeros((n, 4), dtype=np.float32) for split, n in SIZES.items()},
        **more,
    }


def write(folder: Path, content: Any, name: str = "mmlu") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}_router_dataset.pkl").write_bytes(pickle.dumps(content, protocol=4))
    return folder


def test_a_pool_is_asked_for_and_its_cells_are_read(
    bring: Callable[..., Any], peek: Callable[..., Any], tmp_path: Path
) -> None:
    folder = write(tmp_path / "router_dataset", dictionary())
    write(folder, dictionary(hard={}), name="winogrande")
    (question,) = peek(RouterEvalImporter(), folder, allow_pickle=True).open
    assert dict(question.candidates) == {
        "easy-2-all_strong": "2 models, 2 datasets",
        "easy-2-all_weak": "2 models, 2 datasets",
        "hard-2-strong_to_weak": "2 models, 1 dataset",
        "all": "every model of every pool",
    }
    brought = bring(RouterEvalImporter(), folder, "pool=easy-2-all_weak", allow_pickle=True)
    assert [model.name for model in brought.table.models] == ["c/three", "d/four"]
    assert len(brought.known()) == 2 * 2 * 6
    cell = brought.cell("MMLU_0", "c/three")
    assert cell["utility"] == (7 + 1) / 20
    assert (cell["dataset"], cell["question"], cell["status"]) == ("mmlu", "train question 1", Status.MISSING)
    assert math.isnan(cell["cost"])
    origin = brought.origin("mmlu", "MMLU_3", "d/four")
    assert (origin["source"], origin["row"]) == ("mmlu_router_dataset.pkl", 2)
    assert (origin["native_id"], origin["metric"]) == ("test 3", "score")
    assert brought.cell("winogrande_3", "d/four")["question"] == "test question 1"


def test_all_pools_give_each_model_once(bring: Callable[..., Any], tmp_path: Path) -> None:
    brought = bring(RouterEvalImporter(), write(tmp_path, dictionary()), "pool=all", allow_pickle=True)
    assert [model.name for model in brought.table.models] == [*STRONG, *WEAK]
    assert len(brought.known()) == 4 * 6
    assert not any("pool" in line for line in brought.lines)


def test_pools_that_contradict_each_other_are_told(bring: Callable[..., Any], tmp_path: Path) -> None:
    content = dictionary(hard={2: {"strong_to_weak": pool(*MIXED, base=0.25)}})
    brought = bring(RouterEvalImporter(), write(tmp_path, content), "pool=all", allow_pickle=True)
    assert brought.cell("MMLU_0", "a/one")["utility"] == (5 + 1) / 20
    assert any("'hard-2-strong_to_weak' has another train_score of 'a/one'" in line for line in brought.lines)


def test_a_single_pool_is_not_asked_for(bring: Callable[..., Any], tmp_path: Path) -> None:
    content = dictionary(easy={"3": {"all_strong": pool(*STRONG)}}, hard={})
    assert len(bring(RouterEvalImporter(), write(tmp_path, content), allow_pickle=True).known()) == 12


def test_labels_that_differ_from_scores_are_another_metric(
    bring: Callable[..., Any], peek: Callable[..., Any], tmp_path: Path
) -> None:
    labels = {f"{split}_label": np.tile([1, 0], (n, 1)) for split, n in SIZES.items()}
    folder = write(tmp_path, dictionary(easy={2: {"all_strong": pool(*STRONG, **labels)}}, hard={}))
    assert [question.key for question in peek(RouterEvalImporter(), folder, allow_pickle=True).open] == ["metric"]
    brought = bring(RouterEvalImporter(), folder, "metric=label", allow_pickle=True)
    assert {(model, value) for (_, model), value in brought.known().items()} == {("a/one", 1.0), ("b/two", 0.0)}


@pytest.mark.parametrize(
    "split_index", [None, {"train_indices": [0, 1, 2], "val_indices": [0], "test_indices": [0, 1]}]
)
def test_ids_name_the_split_where_numbers_alone_would_not_do(
    bring: Callable[..., Any], tmp_path: Path, split_index: Any
) -> None:
    content = dictionary(easy={2: {"all_strong": pool(*STRONG)}}, hard={}, split_index=split_index, prompt={})
    brought = bring(RouterEvalImporter(), write(tmp_path, content), allow_pickle=True)
    numbers = [f"MMLU_{split}_{i}" for split, n in SIZES.items() for i in range(n)]
    assert sorted(brought.table.instance_id) == sorted(numbers)
    assert set(brought.table.question) == {""}


def test_unknown_scores_stay_unknown(bring: Callable[..., Any], tmp_path: Path) -> None:
    one = pool(*STRONG)
    one["data"]["val_score"] = [[None, 1.5]]
    brought = bring(RouterEvalImporter(), write(tmp_path, dictionary(easy={2: {"x": one}}, hard={})), allow_pickle=True)
    assert not {instance for instance, _ in brought.known()} & {"MMLU_1"}
    assert brought.origin("mmlu", "MMLU_1", "a/one")["status"] == "unscored"
    assert any("row 1: utility 1.5 is outside [0, 1]" in line for line in brought.lines)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1], "holds a list, not a dictionary"),
        ({}, "has no pool under 'easy' or 'hard'"),
        ({"easy": 3}, "'easy' is a int"),
        ({"easy": {2: {"x": {"data": {}, "model": "ab"}}}}, "has no list of models"),
        ({"easy": {2: {"x": {"data": {}, "model": ["a", "a"]}}}}, "models without a name, or twice"),
        ({"easy": {2: {"x": {"data": {}, "model": ["a"]}}}}, "has no train_score"),
        (
            dictionary(easy={2: {"x": pool("a", val_score=[["good"]])}}, hard={}),
            "val_score has a value that is not",
        ),
        (dictionary(easy={2: {"x": pool("a", val_score=np.ones((1, 2)))}}, hard={}), r"shape \(1, 2\) for 1 models"),
        (
            dictionary(easy={2: {"x": pool("a", val_score=[[1], [0, 1]])}}, hard={}),
            "val_score has a value that is not",
        ),
        (dictionary(hard={}, easy={2: {"x": pool("a")}}, prompt={"val_prompt": []}), "'val_prompt' of another length"),
        (
            dictionary(hard={}, easy={2: {"x": pool("a")}}, split_index={"train_indices": [1]}),
            "'train_indices' of another length",
        ),
    ],
)
def test_a_pickle_of_something_else_is_refused(
    peek: Callable[..., Any], tmp_path: Path, content: Any, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        peek(RouterEvalImporter(), write(tmp_path, content), allow_pickle=True)


def test_a_pool_that_is_not_there_is_an_error_that_names_those_that_are(
    peek: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"has no pool 'easy-9'; it has easy-2-all_strong, easy-2-all_weak, hard-2"):
        peek(RouterEvalImporter(), write(tmp_path, dictionary()), "pool=easy-9", allow_pickle=True)


def test_pickles_are_left_alone_until_they_are_allowed(peek: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a pickle.*--allow-pickle"):
        peek(RouterEvalImporter(), write(tmp_path, dictionary()))


class Runs:
    """Calls a function when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch mark",)


def test_a_hostile_or_damaged_pickle_costs_itself_alone(
    bring: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "log", dictionary(hard={}, easy={2: {"x": pool("a")}}))
    write(folder, dictionary(prompt={"train_prompt": Runs()}), name="bad")
    whole = (folder / "mmlu_router_dataset.pkl").read_bytes()
    (folder / "cut_router_dataset.pkl").write_bytes(whole[: len(whole) // 2])
    (folder / "empty_router_dataset.pkl").write_bytes(b"")
    brought = bring(RouterEvalImporter(), folder, allow_pickle=True)
    assert set(brought.table.dataset) == {"mmlu"}
    text = "\n".join(brought.lines)
    assert "bad_router_dataset.pkl: asks for posix.system" in text
    assert "cut_router_dataset.pkl: is not a pickle, or is damaged" in text
    assert "empty_router_dataset.pkl: is not a pickle, or is damaged" in text
    assert not (tmp_path / "mark").exists()


SCORES = st.tuples(st.integers(1, 4), st.integers(1, 3)).flatmap(
    lambda shape: arrays.arrays(np.float64, shape, elements=st.floats(0, 1) | st.just(math.nan))
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=SCORES, data=st.data())
def test_any_scores_come_back_under_their_indices(
    bring: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, scores: Any, data: st.DataObject
) -> None:
    n, count = scores.shape
    first, second = sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))
    parts = {"train": slice(0, first), "val": slice(first, second), "test": slice(second, n)}
    indices = data.draw(st.permutations(range(100, 100 + n)))
    models = [f"m{j}" for j in range(count)]
    content = {
        "hard": {
            count: {"x": {"model": models, "data": {f"{name}_score": scores[rows] for name, rows in parts.items()}}}
        },
        "split_index": {f"{name}_indices": np.array(indices[rows], dtype=int) for name, rows in parts.items()},
    }
    brought = bring(RouterEvalImporter(), write(tmp_path_factory.mktemp("log"), content), allow_pickle=True)
    assert len(brought.table) == n
    for index, row in zip(indices, scores, strict=True):
        for model, score in zip(models, row, strict=True):
            np.testing.assert_equal(brought.cell(f"MMLU_{index}", model)["utility"], score)
