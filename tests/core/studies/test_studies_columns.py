"""What a cell learns from and is asked about: shares, transfer, newcomers, and that nobody sees test outcomes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.errors import UnknownNameError, UsageError
from mmr_core.runner.learning import Learning, known_only_from
from mmr_core.runner.options import Options
from mmr_core.runner.prepare import parted, prepare
from mmr_core.runner.situations import Situation, Situations
from mmr_core.splits import train_mask, validation_mask
from mmr_core.studies import Cell


def ids(column, rows):
    return set(zip(column.table.dataset[rows], column.table.instance_id[rows], strict=True))


def own(setting, name):
    return next(spec for spec in setting.columns if spec.name == name)


@pytest.fixture(scope="module")
def wide(table):
    made = table(models=3, instances=400, datasets=("alpha", "beta"))
    return made, made.spec_of("alpha")


@settings(deadline=None, max_examples=40)
@given(shares=st.lists(st.floats(0.01, 1.0), min_size=2, max_size=4))
def test_smaller_shares_of_the_training_split_lie_in_larger_ones_with_the_same_test_rows(wide, shares):
    made, spec = wide
    whole = parted(made, spec, Options())
    before = set()
    for share in sorted(shares):
        part = parted(made, spec, Options(), Learning(share=share))
        now = ids(part, part.train)
        assert before <= now <= ids(whole, whole.train)
        assert ids(part, part.test) == ids(whole, whole.test)
        before = now


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0.01, 1.0))
def test_a_share_is_taken_of_the_validation_part_and_of_the_rest_alike(wide, share):
    made, spec = wide
    whole, part = parted(made, spec, Options()), parted(made, spec, Options(), Learning(share=share))
    for rows_of in (lambda c: c.validation, lambda c: c.train & ~c.validation):
        kept, all_rows = rows_of(part).sum(), rows_of(whole).sum()
        assert share * all_rows - 1e-6 <= kept < share * all_rows + 1


def test_each_dataset_of_a_mixture_gives_its_share(setting):
    part = parted(setting.table, own(setting, "both"), Options(), Learning(share=0.5))
    for name in ("alpha", "beta", "gamma"):
        whole = parted(setting.table, own(setting, name), Options())
        mine = part.train & (part.table.dataset == name)
        assert whole.train.sum() / 2 <= mine.sum() <= whole.train.sum() / 2 + 2


def test_a_transfer_column_is_the_training_rows_of_some_datasets_and_the_test_rows_of_another(setting, source_for):
    table = setting.table
    learning = Learning(sources=(own(setting, "alpha"), own(setting, "beta")))
    column = prepare(table, own(setting, "gamma"), source_for(None), Options(), learning)
    split = train_mask(table.dataset, table.instance_id)
    taught = split & np.isin(table.dataset.astype(str), ["alpha", "beta"])
    asked = ~split & (table.dataset == "gamma") & table.complete
    by_name = {(d, i): row for row, (d, i) in enumerate(zip(table.dataset, table.instance_id, strict=True))}
    for mask, expected in ((column.train, taught), (column.test, asked)):
        rows = [by_name[pair] for pair in zip(column.table.dataset[mask], column.table.instance_id[mask], strict=True)]
        assert sorted(rows) == np.flatnonzero(expected).tolist()
        np.testing.assert_array_equal(column.table.utility[mask], table.utility[rows])
        np.testing.assert_array_equal(column.table.cost[mask], table.cost[rows])
    assert len(column.table) == taught.sum() + asked.sum()
    assert column.cost_scale == table.cost[taught].max()
    validation = validation_mask(table.dataset, table.instance_id)
    assert column.validation.sum() == (taught & validation).sum()


def test_the_test_rows_of_a_transfer_stand_in_the_order_of_the_datasets_own_column(setting):
    here = parted(setting.table, own(setting, "beta"), Options())
    there = parted(setting.table, own(setting, "beta"), Options(), Learning(sources=(own(setting, "gamma"),)))
    assert here.table.instance_id[here.test].tolist() == there.table.instance_id[there.test].tolist()


def test_learning_from_oneself_by_name_is_learning_from_oneself(setting, run, assert_equal_records):
    plain, named = (
        run([Cell(test="alpha", router="tilted")]),
        run([Cell(test="alpha", router="tilted", learn_from=("alpha",))]),
    )
    assert named.records[0].cell.is_in_domain
    assert_equal_records(plain.records[0], replace(named.records[0], cell=plain.records[0].cell))


@pytest.mark.parametrize("calibration", [0, 1, 5])
def test_of_a_newcomer_routers_see_the_calibration_instances_alone(run, toys, calibration):
    toys.HANDED.clear()
    run([Cell(test="both", router="tilted", newcomer="model-2", calibration=calibration)])
    (training,) = toys.HANDED
    for outcomes in (training.utility, training.cost):
        known = ~np.isnan(outcomes)
        assert known[:, 2].sum() == calibration
        assert known[:, [0, 1, 3]].all()
    assert training.cost_scale == np.nanmax(training.cost)


def test_smaller_sets_of_calibration_instances_lie_in_larger_ones(setting):
    column = parted(setting.table, own(setting, "both"), Options())
    before: set[int] = set()
    for calibration in range(0, int(column.train.sum()) + 1, 3):
        hidden = known_only_from(column.table, column.train, "model-1", calibration)
        now = set(np.flatnonzero(column.train & ~np.isnan(hidden.utility[:, 1])))
        assert len(now) == calibration
        assert before <= now
        before = now


def test_a_newcomers_test_outcomes_stay_as_they_are(setting):
    spec = own(setting, "alpha")
    whole = parted(setting.table, spec, Options())
    part = parted(setting.table, spec, Options(), Learning(newcomer="model-0", calibration=2))
    np.testing.assert_array_equal(part.test, whole.test)
    np.testing.assert_array_equal(part.table.utility[part.test], whole.table.utility[whole.test])
    np.testing.assert_array_equal(part.table.cost[part.test], whole.table.cost[whole.test])


def test_an_outcome_that_was_never_known_does_not_count_as_calibration(table):
    made = table(models=3, instances=300, missing=0.1, datasets=("alpha",))
    spec = made.spec_of("alpha")
    part = parted(made, spec, Options(allow_incomplete=True), Learning(newcomer="model-1", calibration=12))
    known = ~np.isnan(part.table.utility[part.train, 1]) & ~np.isnan(part.table.cost[part.train, 1])
    assert known.sum() == 12


def test_more_calibration_than_there_are_training_outcomes_is_refused(setting):
    with pytest.raises(UsageError, match=r"expected at least .* known training outcomes of model"):
        parted(setting.table, own(setting, "alpha"), Options(), Learning(newcomer="model-0", calibration=10_000))


def test_a_newcomer_that_no_table_knows_is_refused(setting):
    with pytest.raises(UnknownNameError, match="no model 'gpt'"):
        parted(setting.table, own(setting, "alpha"), Options(), Learning(newcomer="gpt"))


def test_no_training_data_reaches_a_test_outcome(setting, run, toys):
    """Every outcome that a router was handed is that of a training row, told by costs that occur once in the table."""
    rng = np.random.default_rng(0)
    cost = rng.random(setting.table.cost.shape) + 0.01
    marked = replace(setting, table=replace(setting.table, cost=cost))
    split = train_mask(marked.table.dataset, marked.table.instance_id)
    secret = set(cost[~split].ravel().tolist())
    toys.HANDED.clear()
    run(
        [
            Cell(test="both", router="tilted"),
            Cell(test="alpha", router="tilted", learn_from=("beta", "gamma")),
            Cell(test="both", router="tilted", train_share=0.3),
            Cell(test="both", router="tilted", newcomer="model-3", calibration=4),
        ],
        on=marked,
    )
    assert len(toys.HANDED) == 4
    for training in toys.HANDED:
        whole = training.cost if training.cost.base is None else training.cost.base
        assert len(training) > 0
        assert not secret & set(whole.ravel().tolist())


def test_situations_that_differ_in_newcomer_or_modality_encode_once(setting, source_for):
    calls = []

    class Counting:
        def features(self, table, train):
            calls.append(len(table))
            return source_for(None).features(table, train)

        def describe(self):
            return {}

    situations = Situations(setting, lambda pair: Counting(), Options(draws=5))
    cells = [
        Cell(test="both", router="tilted"),
        Cell(test="both", router="tilted", modality="text"),
        Cell(test="both", router="tilted", newcomer="model-1", calibration=3),
        Cell(test="both", router=None),
    ]
    for cell in cells:
        situations.column(Situation.of(cell))
    assert len(calls) == 1
    situations.column(Situation.of(Cell(test="both", router="tilted", train_share=0.5)))
    assert len(calls) == 2


def test_routers_see_the_modality_of_the_cell_in_training_and_in_testing(setting, source_for, table):
    made = table(models=3, instances=60, datasets=("alpha",), images=True)
    pictured = replace(setting, table=made, columns=made.datasets)
    situations = Situations(pictured, source_for, Options(draws=5))
    column = situations.column(
        Situation.of(Cell(test="alpha", router="tilted", modality="text", train_modality="multimodal"))
    )
    assert column.features_train.embeddings.mask.all()
    assert column.features_test.embeddings.mask[:, 0].all()
    assert not column.features_test.embeddings.mask[:, 1].any()
    assert column.features_test.images == (None,) * 60
