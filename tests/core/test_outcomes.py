"""An outcome table is valid once it exists, and taking parts of it loses and shares nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, Status, object_array, unknown_numbers

Build = Callable[..., OutcomeTable]
Same = Callable[[OutcomeTable, OutcomeTable], None]


def with_cell(table: OutcomeTable, name: str, value: float) -> OutcomeTable:
    changed = getattr(table, name).copy()
    changed[3, 1] = value
    return replace(table, **{name: changed})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("utility", 1.7, r"utility 1\.7 of model 'model-1' is outside \[0, 1\]"),
        ("utility", -0.1, r"outside \[0, 1\]"),
        ("cost", -1e-9, "cost -1e-09 of model 'model-1' is negative or infinite"),
        ("cost", float("inf"), "negative or infinite"),
        ("output_tokens", -1, "output_tokens -1.0"),
        ("status", 4, "status 4 of model 'model-1' is not known"),
    ],
)
def test_a_number_out_of_range_is_named_with_its_model_and_instance(
    table: Build, name: str, value: float, words: str
) -> None:
    with pytest.raises(DataError, match=words) as raised:
        with_cell(table(), name, value)
    assert "instance 'beta_3'" in str(raised.value)


def test_an_instance_occurs_once_per_dataset(table: Build) -> None:
    whole = table(datasets=("alpha",))
    ids = whole.instance_id.copy()
    ids[4] = ids[2]
    with pytest.raises(DataError, match="instance 'alpha_2' occurs twice"):
        replace(whole, instance_id=ids)


def test_two_datasets_may_use_the_same_id(table: Build) -> None:
    whole = table(instances=2)
    assert len(replace(whole, instance_id=object_array(["1", "1"]))) == 2


def test_a_model_occurs_once(table: Build) -> None:
    whole = table()
    with pytest.raises(DataError, match="model 'model-0' occurs twice"):
        replace(whole, models=(whole.models[0], whole.models[0], whole.models[2]))


@pytest.mark.parametrize("name", ["question", "cost", "status", "response"])
def test_arrays_of_another_shape_are_refused(table: Build, name: str) -> None:
    with pytest.raises(DataError, match=f"{name}: expected shape"):
        replace(table(), **{name: np.zeros((2, 2))})


def test_every_model_needs_the_name_of_its_column(table: Build) -> None:
    with pytest.raises(DataError, match="1 column names for 3 models"):
        replace(table(), columns=("a",))


def test_every_dataset_needs_its_spec(table: Build) -> None:
    whole = table()
    with pytest.raises(DataError, match="no spec for dataset 'beta'"):
        replace(whole, datasets=whole.datasets[:1])


def test_the_spec_of_an_absent_dataset_is_an_error(table: Build) -> None:
    assert table().spec_of("beta").title == "Beta"
    with pytest.raises(DataError, match="no dataset 'gamma'"):
        table().spec_of("gamma")


def test_complete_instances_have_every_utility_and_every_cost(table: Build) -> None:
    whole = with_cell(table(), "cost", float("nan"))
    assert np.flatnonzero(~whole.complete).tolist() == [3]


@pytest.mark.parametrize("response", [False, True])
def test_rows_are_taken_in_the_order_given(table: Build, response: bool) -> None:
    whole = table(missing=0.2, images=True)
    if response:
        whole = replace(whole, response=np.full(whole.utility.shape, "yes", dtype=object))
    rows = np.array([7, 3, 11])
    part = whole.take(rows)
    assert part.instance_id.tolist() == ["beta_7", "beta_3", "beta_11"]
    np.testing.assert_array_equal(part.utility, whole.utility[rows])
    assert (part.response is not None) == response
    assert part.dataset_names == ("beta",)


def test_a_mask_takes_what_its_indices_take(table: Build, assert_same: Same) -> None:
    whole = table(missing=0.2)
    mask = whole.dataset == "beta"
    assert_same(whole.take(mask), whole.take(np.flatnonzero(mask)))


def test_a_part_shares_no_memory_with_the_whole(table: Build) -> None:
    whole = table()
    for part in (whole.take(np.arange(len(whole))), whole.take(slice(None)), whole.take_models(["model-0"])):
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray) and value.ndim == 2:
                assert not np.shares_memory(value, getattr(whole, field.name))


def test_models_are_taken_in_the_order_given(table: Build) -> None:
    whole = table(missing=0.1)
    part = whole.take_models(["model-2", "model-0"])
    assert part.columns == ("Model-2", "Model-0")
    np.testing.assert_array_equal(part.cost, whole.cost[:, [2, 0]])


def test_an_absent_model_cannot_be_taken(table: Build) -> None:
    with pytest.raises(DataError, match="no model 'model-9' in the table"):
        table().take_models(["model-0", "model-9"])


def test_the_canonical_order_is_by_dataset_and_then_by_id(table: Build) -> None:
    whole = table(instances=24)
    order = whole.canonical_order()
    pairs = list(zip(whole.dataset[order], whole.instance_id[order], strict=True))
    assert pairs == sorted(pairs)


@given(order=st.permutations(range(12)))
def test_the_digest_ignores_the_order_of_rows(table: Build, order: list[int]) -> None:
    whole = table(instances=12, missing=0.2)
    assert whole.take(np.array(order)).digest() == whole.digest()


def test_the_digest_tells_apart_what_matters(table: Build) -> None:
    whole = table(missing=0.1)
    others = [
        table(missing=0.1, seed=1),
        with_cell(whole, "cost", 0.5),
        with_cell(whole, "utility", 0.5),
        replace(whole, question=whole.question + "?"),
        replace(whole, category=whole.category + "?"),
        whole.take_models(["model-1", "model-0", "model-2"]),
        whole.take(np.arange(len(whole) - 1)),
    ]
    assert len({whole.digest(), *(other.digest() for other in others)}) == 1 + len(others)


def test_the_digest_knows_one_nan_and_one_zero(table: Build) -> None:
    whole = table()
    negative_nan = -np.float64("nan")
    assert with_cell(whole, "cost", negative_nan).digest() == with_cell(whole, "cost", np.nan).digest()
    assert with_cell(whole, "cost", -0.0).digest() == with_cell(whole, "cost", 0.0).digest()


def test_statuses_have_the_numbers_they_have_always_had() -> None:
    assert [(status.name, status.value) for status in Status] == [
        ("OK", 0),
        ("MISSING", 1),
        ("ERROR", 2),
        ("TRUNCATED", 3),
    ]


def test_numbers_that_are_unknown_everywhere_stay_without_memory_in_parts_of_a_table(table: Build) -> None:
    whole = table(models=3, instances=6)
    whole = replace(whole, input_tokens=unknown_numbers((6, 3)))
    for part in (whole.take(np.array([4, 1])), whole.take(np.arange(6) < 2), whole.take_models(["model-2", "model-0"])):
        assert part.input_tokens.shape == part.cost.shape
        assert np.isnan(part.input_tokens).all()
        assert part.input_tokens.strides == (0, 0)


def test_one_number_for_all_outcomes_is_checked_and_kept(table: Build) -> None:
    whole = table(models=2, instances=4)
    same = replace(whole, cost=np.broadcast_to(np.float64(0.5), (4, 2)))
    assert same.take(np.array([1, 2])).cost.tolist() == [[0.5, 0.5]] * 2
    with pytest.raises(DataError, match=r"cost -1\.0 of model"):
        replace(whole, cost=np.broadcast_to(np.float64(-1), (4, 2)))
