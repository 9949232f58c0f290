"""Cached prompt tokens have a price of their own, where a log tells them from the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmr_core.errors import DataError
from mmr_core.pricing import ModelPrice, PriceSheet, reprice

Build = Callable[..., Any]


def sheet(table: Any, **prices: float) -> PriceSheet:
    return PriceSheet(version="1", models={model.name: ModelPrice(**prices) for model in table.models})


@pytest.fixture
def counted(table: Build) -> Any:
    """One model, two instances without images; the second does not tell cached tokens apart."""
    made = table(models=1, instances=2)
    tokens = {name: np.full((2, 1), value) for name, value in (("input_tokens", 100.0), ("output_tokens", 10.0))}
    return replace(made, **tokens, cached_tokens=np.array([[1000.0], [np.nan]]))


@pytest.mark.parametrize(
    ("prices", "cost"),
    [
        ({"output": 1.0, "input": 2.0, "cached": 0.5}, [10 + 200 + 500, 10 + 200]),
        ({"output": 1.0, "input": 2.0}, [10 + 200 + 2000, 10 + 200]),
        ({"output": 1.0, "input": 2.0, "cached": 0.0}, [10 + 200, 10 + 200]),
        ({"output": 1.0}, [10, 10]),
    ],
)
def test_cached_tokens_cost_their_price_or_that_of_others(
    counted: Any, prices: dict[str, float], cost: list[float]
) -> None:
    np.testing.assert_allclose(reprice(counted, sheet(counted, **prices)).cost[:, 0] * 1e6, cost)


def test_a_table_that_does_not_tell_them_apart_is_priced_as_before(counted: Any) -> None:
    plain = replace(counted, cached_tokens=None)
    np.testing.assert_allclose(reprice(plain, sheet(plain, output=1.0, input=2.0, cached=0.1)).cost[:, 0], 210 / 1e6)


def test_cached_tokens_follow_rows_and_models(counted: Any) -> None:
    np.testing.assert_array_equal(counted.take(np.array([1, 0])).cached_tokens, [[np.nan], [1000.0]])
    assert counted.take_models([counted.models[0].name]).cached_tokens.shape == (2, 1)


@pytest.mark.parametrize("wrong", [np.zeros(2), np.array([[-1.0], [0.0]]), np.array([[np.inf], [0.0]])])
def test_cached_tokens_that_cannot_be_are_an_error(counted: Any, wrong: Any) -> None:
    with pytest.raises(DataError, match="cached_tokens"):
        replace(counted, cached_tokens=wrong)
