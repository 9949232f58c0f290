"""What plugins are handed: nothing that leads to a test outcome, and nothing they could spoil for others."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmr_core.splits import train_mask, validation_mask


def reachable(root: Any) -> Iterator[Any]:
    """Everything that can be reached by attributes, containers and the bases of arrays."""
    seen: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType | types.FunctionType):
            continue
        seen[id(thing)] = thing
        yield thing
        if isinstance(thing, np.ndarray):
            waiting.append(thing.base)
            waiting.extend(thing.ravel() if thing.dtype == object else [])
        elif isinstance(thing, dict):
            waiting.extend([*thing.keys(), *thing.values()])
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting.extend(thing)
        elif not isinstance(thing, str | bytes | int | float | Path):
            waiting.extend(getattr(thing, "__dict__", {}).values())
            waiting.extend(getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ()))


def numbers_in(root: Any) -> set[float]:
    found: set[float] = set()
    for thing in reachable(root):
        if isinstance(thing, float):
            found.add(thing)
        elif isinstance(thing, np.ndarray | np.generic) and thing.dtype.kind == "f":
            found.update(np.asarray(thing, dtype=np.float64).ravel().tolist())
    return found


def with_unique_outcomes(table):
    """The same table with outcomes that occur nowhere else, so that each can be told by its value."""
    rng = np.random.default_rng(5)
    shape = table.utility.shape
    return dataclasses.replace(table, utility=rng.random(shape), cost=rng.random(shape))


def test_nothing_a_plugin_is_handed_leads_to_a_test_outcome(table, run, handed):
    own = with_unique_outcomes(table(models=3, instances=80, datasets=("alpha",), images=True))
    column = run(own, "mean", "coin", seeds=(0, 1))
    assert column.failures == ()
    train = train_mask(own.dataset, own.instance_id)
    test_outcomes = set(np.concatenate([own.utility[~train].ravel(), own.cost[~train].ravel()]).tolist())
    train_outcomes = set(own.utility[train].ravel().tolist())
    seen = numbers_in(handed)
    assert train_outcomes <= seen
    assert not test_outcomes & seen


def test_nothing_a_plugin_is_handed_names_the_dataset_or_holds_an_answer(table, run, handed):
    own = table(models=3, instances=80, datasets=("secretname",), images=True)
    own = dataclasses.replace(own, answer=np.array([f"answer-{i}" for i in range(80)], dtype=object))
    run(own, "mean", dataset="secretname")
    words = [thing for thing in reachable(handed) if isinstance(thing, str)]
    assert any("show?" in word for word in words)
    assert not [word for word in words if "secretname" in word or "answer-" in word]


def test_a_fit_that_chooses_the_operating_point_sees_no_validation_row(table, run, handed):
    own = table(models=3, instances=300, datasets=("alpha",))
    run(own, "mean")
    trainings = [thing for thing in handed if hasattr(thing, "validation")]
    validation = validation_mask(own.dataset, own.instance_id)
    train = train_mask(own.dataset, own.instance_id)
    assert [len(t) for t in trainings] == [(train & ~validation).sum(), train.sum()]
    assert [int(t.validation.sum()) for t in trainings] == [0, validation.sum()]
    assert trainings[0].cost_scale == trainings[1].cost_scale == own.cost[train].max()


def test_a_router_that_mutates_what_it_is_handed_does_not_disturb_the_next(table, run, plugin, monkeypatch):
    own = table(models=3, instances=100, datasets=("alpha",))
    alone = run(own, "mean").whole.row("mean")

    def vandal(self, training):
        training.utility[:] = 0
        training.queries.z[:] = 0
        return plugin.Coin.__dict__["fit"](self, training)

    monkeypatch.setattr(plugin.Raises, "fit", vandal)
    monkeypatch.setattr(plugin.Raises, "predict", plugin.Mean.predict)
    beside = run(own, "raises", "mean").whole.row("mean")
    assert beside.metrics == alone.metrics
