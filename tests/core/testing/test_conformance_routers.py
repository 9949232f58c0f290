"""A router that breaks a promise is found out by the check of that promise, in words that help."""

from __future__ import annotations

import gc
import random
import threading
from pathlib import Path

import numpy as np
import pytest

from mmr_core.contracts import Decisions, Prediction
from mmr_core.errors import UsageError
from mmr_core.numerics.means import training_means
from mmr_core.registry import Registry
from mmr_core.store import OutcomeStore
from mmr_core.testing.contract_check import run_check
from mmr_core.testing.practice_data import Practice
from mmr_core.testing.router_checks import ROUTER_CHECKS
from mmr_core.testing.subjects import RouterSubject, of_class

REGISTRY = Registry.discover()
CHECKS = {check.name: check for check in ROUTER_CHECKS}


class Means:
    """A router without faults.

    :param tilt: how much longer questions are worth to the last model.
    """

    default_fusion = None

    def __init__(self, *, seed=0, tilt=1e-3):
        self.seed = seed
        self.tilt = tilt

    def fit(self, training):
        self.utility_, self.cost_ = training_means(training.utility, training.cost)
        return self

    def predict(self, queries):
        length = queries.light.text_length[:, None] * np.arange(len(self.utility_))
        return Prediction(
            utility=self.utility_ + self.tilt * length + self.odd(queries)[:, None] * np.arange(len(self.utility_)),
            cost=np.tile(self.cost_, (len(queries), 1)),
        )

    def odd(self, queries):
        """What a faulty router adds to the last model's utility, [n]."""
        return np.zeros(len(queries))


class Stateful(Means):
    def state(self):
        return {"utility": self.utility_, "cost": self.cost_}

    def restore(self, state):
        self.utility_, self.cost_ = state["utility"], state["cost"]
        return self


class Unsure(Means):
    """Decides by rows of probabilities."""

    predict = None

    def __getattribute__(self, name):
        if name == "predict":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def decide(self, queries, trade_off):
        return Decisions(probabilities=np.tile(np.eye(len(self.utility_))[0], (len(queries), 1)))


def outcome(router, check, folder, **parameters):
    subject = of_class("router", router, REGISTRY, folder, parameters=parameters)
    assert isinstance(subject, RouterSubject)
    return run_check(CHECKS[check], subject)


def faulty(**methods):
    return type("Faulty", (Means,), {"__doc__": Means.__doc__, **methods})


@pytest.mark.parametrize("router", [Means, Stateful, Unsure])
@pytest.mark.parametrize("check", CHECKS)
def test_routers_without_faults_pass(router, check, tmp_path):
    found = outcome(router, check, tmp_path)
    unregistered = check == "import-cost" or (check == "save-and-load" and router is not Stateful)
    assert found.verdict == ("skipped" if unregistered else "passed"), found


GLOBAL_NUMBERS = {"odd": lambda self, queries: np.full(len(queries), random.random())}
LAST_QUERY_COUNTS = {"odd": lambda self, queries: np.eye(len(queries))[-1] * 5}
BATCH_COUNTS = {"odd": lambda self, queries: np.full(len(queries), float(len(queries) == 1))}
IDS_COUNT = {"odd": lambda self, queries: np.array([float(name.startswith("r")) for name in queries.ids])}


def _no_pictures(self, queries):
    raise ValueError("no picture") if None in queries.images else None
    return np.zeros(len(queries))


def _at_most_ten(self, training):
    if len(training.queries.pool) > 10:
        raise IndexError("too many models")
    return Means.fit(self, training)


def _nan_means(self, training):
    self.utility_, self.cost_ = training.utility.mean(axis=0), training.cost.mean(axis=0)
    return self


def _no_return(self, training):
    Means.fit(self, training)


def _one_wide(self, queries):
    return Prediction(utility=np.zeros((len(queries), 1)), cost=np.zeros((len(queries), 1)))


@pytest.mark.parametrize(
    ("check", "methods", "came"),
    [
        ("interface", {"default_fusion": "no-such-fusion"}, "no-such-fusion"),
        ("interface", {"fit": _no_return}, "fit returned None"),
        ("finite-answers", {"predict": _one_wide}, "utility of shape (40, 1), expected (40, 4)"),
        ("same-seed-same-numbers", GLOBAL_NUMBERS, "two fits with seed=3 gave different numbers"),
        ("order-does-not-matter", LAST_QUERY_COUNTS, "queries changed when the queries were shuffled"),
        ("batch-does-not-matter", BATCH_COUNTS, "queries changed when a query came alone"),
        ("ids-do-not-matter", IDS_COUNT, "queries changed when the queries had other ids"),
        ("missing-modalities", {"odd": _no_pictures}, "ValueError: no picture"),
        ("pool-of-one-and-of-a-hundred", {"fit": _at_most_ten}, "IndexError: too many models"),
        ("missing-outcomes", {"fit": _nan_means}, "not finite"),
        ("standard-job", {"fit": _at_most_ten, "predict": _one_wide}, "of shape (2000, 1)"),
    ],
)
def test_a_fault_is_found_with_what_was_expected_what_came_and_where_the_contract_is(check, methods, came, tmp_path):
    found = outcome(faulty(**methods), check, tmp_path)
    assert found.verdict == "failed"
    assert came in found.came
    assert found.expected
    assert found.contract.startswith("mmr_core.")
    assert found.explanation().splitlines()[1] == f"came: {found.came}"


def test_a_router_that_tries_to_exit_fails_its_check_alone(tmp_path):
    def exits(self, training):
        raise SystemExit(4)

    found = outcome(faulty(fit=exits), "finite-answers", tmp_path)
    assert (found.verdict, found.came) == ("failed", "SystemExit: 4")
    assert "raise SystemExit(4)" in found.details


def test_a_router_without_predict_or_decide_is_told_what_it_has(tmp_path):
    class Bare:
        default_fusion = None

        def __init__(self, *, seed=0):
            pass

        def fit(self, training):
            return self

    assert outcome(Bare, "interface", tmp_path).came == "it has default_fusion, fit"


def test_a_router_that_looks_for_the_test_split_in_memory_is_found(tmp_path):
    def peeks(self, queries):
        worlds = [thing for thing in gc.get_objects() if type(thing) is Practice and thing.hidden.size]
        return worlds[0].hidden[: len(queries), 0]

    assert "answers changed with the outcomes" in outcome(faulty(odd=peeks), "no-access-to-outcomes", tmp_path).came


def test_a_router_that_keeps_the_test_split_is_found(tmp_path):
    def keeps(self, queries):
        worlds = [thing for thing in gc.get_objects() if type(thing) is Practice and thing.hidden.size]
        self.deep = {"in": [worlds[0].hidden[:5].astype(np.float32)]}
        return np.zeros(len(queries))

    assert "it keeps 40 outcomes" in outcome(faulty(odd=keeps), "no-access-to-outcomes", tmp_path).came


def test_a_router_that_opens_an_outcome_table_is_found_wherever_it_lies(tmp_path, table):
    published = tmp_path / "MMR_Bench.csv"
    published.write_text("dataset_idx,question,answer,A_correct,A_cost\nX_1,q,a,1,0.1\n")
    OutcomeStore(tmp_path / "store").add(table(instances=10))
    [stored, *_] = sorted((tmp_path / "store" / "outcomes").rglob("*.parquet"))
    for number, path in enumerate((published, stored)):

        def reads(self, queries, path=path):
            path.read_bytes()
            return np.zeros(len(queries))

        folder = tmp_path / str(number)
        folder.mkdir()
        found = outcome(faulty(odd=reads), "no-access-to-outcomes", folder)
        assert found.came == f"it opened {path}, which holds outcomes"


def test_reading_what_holds_no_outcomes_is_nobodys_business(tmp_path):
    path = tmp_path / "weights.json"
    path.write_text('{"weights": [1, 2]}')

    def reads(self, queries):
        Path(path).read_text()
        return np.zeros(len(queries))

    found = outcome(faulty(odd=reads), "no-access-to-outcomes", tmp_path)
    assert found.verdict == "passed"
    assert "not visible here: files opened by compiled code" in found.note


def test_files_of_other_times_are_not_held_against_a_router(tmp_path):
    published = tmp_path / "MMR_Bench.csv"
    published.write_text("dataset_idx,question,answer,A_correct,A_cost\nX_1,q,a,1,0.1\n")
    published.read_text()
    assert outcome(Means, "no-access-to-outcomes", tmp_path).verdict == "passed"


@pytest.mark.parametrize(
    ("make", "came"),
    [
        (lambda self, *, seed=0, hidden_size=3: None, "no docstring of the class mentions 'hidden_size'"),
        (lambda self, *, seed=0, tilt: None, "'tilt' has no default"),
        (lambda self, seed=0, /, tilt=0: None, "'seed' cannot be passed by keyword"),
        (lambda self, *, tilt=0: None, "it takes no seed"),
    ],
)
def test_parameters_are_set_by_keyword_have_defaults_and_are_described(make, came, tmp_path):
    assert outcome(faulty(__init__=make), "parameters", tmp_path).came == came


def test_a_default_that_cannot_be_given_is_found(tmp_path):
    def make(self, *, seed=0, tilt=None):
        if tilt is not None or seed:
            raise UsageError("tilt is refused")

    assert outcome(faulty(__init__=make), "parameters", tmp_path).verdict == "passed"

    def odd(self, *, seed=0, tilt=-1):
        raise UsageError("tilt is refused")

    assert "tilt is refused" in outcome(faulty(__init__=odd), "parameters", tmp_path).came


def test_a_state_that_is_no_plain_data_or_forgets_something_is_found(tmp_path):
    def unplain(self):
        return {"lock": threading.Lock()}

    def forgets(self, state):
        self.utility_, self.cost_ = state["utility"] * 0, state["cost"]
        return self

    plain = Stateful.state
    assert (
        "neither an array nor JSON" in outcome(faulty(state=unplain, restore=forgets), "save-and-load", tmp_path).came
    )
    assert "answers differently" in outcome(faulty(state=plain, restore=forgets), "save-and-load", tmp_path).came
    assert outcome(faulty(state=plain), "save-and-load", tmp_path).came == "it has only state"


def test_random_numbers_of_the_process_stand_where_they_stood(tmp_path):
    random.seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    outcome(Means, "same-seed-same-numbers", tmp_path)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
