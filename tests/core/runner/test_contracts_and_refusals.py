"""Routers that break their contract fail alone; tables that cannot be measured are refused by name."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from mmr_core.contracts import Decisions, Prediction
from mmr_core.errors import DegenerateError, PluginError, UnknownNameError, UsageError
from mmr_core.plugins import Contribution, Discovery
from mmr_core.registry import Registry
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.executor import Call, executor
from mmr_core.runner.lineup import all_entrants
from mmr_core.runner.options import Options
from mmr_core.specs import ComponentSpec
from mmr_core.splits import train_mask


def test_a_router_that_gives_up_is_reported_and_the_others_go_on(table, run):
    column = run(table(models=3, instances=100, datasets=("alpha",)), "raises", "mean")
    [failure] = column.failures
    assert (failure.router, failure.reason) == ("raises", "SystemExit: giving up")
    assert "Traceback" in failure.traceback
    assert column.whole.row("mean").metrics["nauc"].value is not None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda good: good.utility, "not a Prediction"),
        (lambda good: Prediction(utility=good.utility[:, :1], cost=good.cost), "predicted utility of shape"),
        (lambda good: Prediction(utility=good.utility, cost=good.cost * np.nan), "cost that is not finite"),
    ],
)
def test_a_prediction_that_breaks_the_contract_is_a_failure_that_says_how(
    table, run, plugin, monkeypatch, answer, message
):
    monkeypatch.setattr(plugin.Breaks, "answer", staticmethod(answer))
    [failure] = run(table(models=3, instances=100, datasets=("alpha",)), "breaks").failures
    assert message in failure.reason


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n, models: None, "by choice or by probabilities"),
        (lambda n, models: Decisions(), "by choice or by probabilities"),
        (lambda n, models: Decisions(choice=np.full(n, models)), "one model index from 0 to 2"),
        (lambda n, models: Decisions(choice=np.zeros(n)), "one model index from 0 to 2"),
        (lambda n, models: Decisions(probabilities=np.full((n, models), -1.0)), "finite and not negative"),
        (lambda n, models: Decisions(probabilities=np.full((n, models), 1.0)), "do not add up to 1"),
    ],
)
def test_a_decision_that_breaks_the_contract_is_a_failure_that_says_how(
    table, run, plugin, monkeypatch, answer, message
):
    monkeypatch.setattr(plugin.BreaksDecision, "answer", staticmethod(answer))
    own = table(models=3, instances=100, datasets=("alpha",))
    [failure] = run(own, "breaks-decision").failures
    assert message in failure.reason


def test_a_policy_router_is_swept_on_the_grid_and_mixes_by_probability(table, run):
    own = table(models=3, instances=300, datasets=("alpha",))
    column = run(own, "coin")
    train = train_mask(own.dataset, own.instance_id)
    reached = column.whole.row("coin").curves[0]
    assert reached.cost.max() == pytest.approx(own.cost[~train][:, 2].mean())
    assert reached.cost.min() == pytest.approx(own.cost[~train].mean())


def test_work_that_ends_its_process_gets_one_line():
    with pytest.raises(PluginError, match=r"fitting: a process died.*--jobs 1"), executor(2, None) as workers:
        list(workers.work(os._exit, [Call(key="0", own=3, shared=()), Call(key="1", own=3, shared=())], "fitting"))


def test_no_router_takes_the_place_of_a_reference(table, run):
    with pytest.raises(UsageError, match="'oracle' is the name of a reference row"):
        run(table(models=3, instances=100, datasets=("alpha",)), "oracle")


def test_a_router_named_like_a_reference_enters_under_its_whole_name(registry):
    spec = ComponentSpec(kind="router", name="oracle", target="watching_plugin:Mean", summary="")
    provider = registry.discovery.providers[0]
    contribution = Contribution(word="router", spec=spec, provider=provider)
    found = Registry(Discovery(providers=(provider,), contributions=(contribution,), failures=()))
    assert [entrant.name for entrant in all_entrants(found.routers)[0]] == ["mmr-watch/oracle"]


def test_a_table_of_one_model_is_refused_before_anything_is_fitted(table, run, handed):
    with pytest.raises(DegenerateError, match="one model"):
        run(table(models=1, instances=100, datasets=("alpha",)), "mean")
    assert not [thing for thing in handed if hasattr(thing, "validation")]


def test_an_empty_training_split_is_a_named_error(table, run):
    own = table(models=3, instances=100, datasets=("alpha",))
    with pytest.raises(DegenerateError, match="training split"):
        run(own.take(~train_mask(own.dataset, own.instance_id)), "mean")


def test_a_test_split_without_a_complete_instance_is_a_named_error(table, run):
    own = table(models=3, instances=100, datasets=("alpha",))
    utility = own.utility.copy()
    utility[~train_mask(own.dataset, own.instance_id), 0] = np.nan
    own = dataclasses.replace(own, utility=utility)
    with pytest.raises(DegenerateError, match="no test instance has the outcomes of all models"):
        run(own, "mean", allow_incomplete=True)


def test_a_dataset_that_the_table_does_not_have_is_named_with_those_it_has(table, registry, source):
    own = table(models=3, instances=100, datasets=("alpha",))
    other = dataclasses.replace(own.spec_of("alpha"), name="gamma")
    with pytest.raises(UnknownNameError, match="no instance of dataset 'gamma'; it has alpha"):
        evaluate(own, other, [], source=source, registry=registry)


def test_options_without_seeds_or_draws_are_refused():
    with pytest.raises(UsageError, match="no seed"):
        Options(seeds=())
    with pytest.raises(UsageError, match="draws"):
        Options(draws=0)
