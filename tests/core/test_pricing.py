"""Costs follow from tokens and a versioned price sheet, and nothing unknown becomes a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmr_core.errors import DataError, DegenerateError
from mmr_core.numerics.means import cost_scale
from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.pricing import ModelPrice, PriceSheet, read_price_sheet, reprice

Build = Callable[..., OutcomeTable]

SHEET = """
version = "2025-08"
[models."gpt-5.1"]
output = 10
input = 1.25
[models.small]
output = 0.5
"""


def sheet(**prices: ModelPrice) -> PriceSheet:
    named = {name.replace("_", "-"): price for name, price in prices.items()}
    return PriceSheet(version="test", models=named)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return path


def test_a_price_sheet_is_read_as_it_is_written(tmp_path: Path) -> None:
    prices = read_price_sheet(written(tmp_path, SHEET))
    assert (prices.version, prices.currency) == ("2025-08", "USD")
    assert prices.models["gpt-5.1"] == ModelPrice(output=10.0, input=1.25)
    assert prices.models["small"].input is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = ", "is not TOML"),
        ("[models]", "'version': Field required"),
        ('version = ""\n[models]', "'version'"),
        ("version = 2\n[models]", "'version': Input should be a valid string"),
        ('version = "1"', "'models': Field required"),
        ('version = "1"\ncurrency = "EUR"\n[models]', "'currency': Input should be 'USD'"),
        ('version = "1"\n[models.a]\ninput = 1', r"'models\.a\.output': Field required"),
        ('version = "1"\n[models.a]\noutput = -1', r"'models\.a\.output': .*greater than or equal to 0"),
        ('version = "1"\n[models.a]\noutput = inf', r"'models\.a\.output'.*finite"),
        ('version = "1"\n[models.a]\noutput = nan', r"'models\.a\.output'"),
        ('version = "1"\n[models.a]\noutput = "1"', r"'models\.a\.output': .*valid number"),
        ('version = "1"\n[models.a]\noutput = 1\noutptu = 2', r"has 'models\.a\.outptu', which is not known here"),
        ('version = "1"\n[models.gpt-5.1]\noutput = 1', r"'models\.gpt-5.*models\.\"name\""),
    ],
)
def test_what_is_no_price_sheet_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        read_price_sheet(written(tmp_path, text))
    assert "prices.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_absent_price_sheet_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.toml: there is no such file"):
        read_price_sheet(tmp_path / "none.toml")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_price_sheet(tmp_path)


def test_costs_are_tokens_times_price(table: Build) -> None:
    whole = table(models=2)
    priced = reprice(whole, sheet(model_0=ModelPrice(output=3.0), model_1=ModelPrice(output=0.0)))
    np.testing.assert_allclose(priced.cost[:, 0], whole.output_tokens[:, 0] * 3e-6, rtol=1e-15)
    assert (priced.cost[:, 1] == 0).all()
    assert priced.source == "a test (prices test)"
    np.testing.assert_array_equal(priced.utility, whole.utility)


def test_the_old_table_is_left_alone(table: Build) -> None:
    whole = table(models=1, missing=0.2)
    cost, status = whole.cost.copy(), whole.status.copy()
    reprice(whole, sheet(model_0=ModelPrice(output=3.0)))
    np.testing.assert_array_equal(whole.cost, cost)
    np.testing.assert_array_equal(whole.status, status)


def test_all_sorts_of_tokens_that_have_a_price_count(table: Build) -> None:
    whole = table(models=1, instances=3, datasets=("alpha",))
    whole = replace(
        whole,
        image=object_array([Path("a.jpg"), Path("b.jpg"), None]),
        output_tokens=np.array([[10.0], [20.0], [30.0]]),
        input_tokens=np.array([[1.0], [2.0], [3.0]]),
        image_tokens=np.array([[100.0], [np.nan], [np.nan]]),
    )
    priced = reprice(whole, sheet(model_0=ModelPrice(output=5.0, input=2.0, image=1.0)))
    np.testing.assert_allclose(priced.cost[:, 0] * 1e6, [50 + 2 + 100, np.nan, 150 + 6 + 0])


def test_tokens_of_a_sort_without_a_price_need_not_be_known(table: Build) -> None:
    priced = reprice(table(models=1), sheet(model_0=ModelPrice(output=5.0, input=0.0, cached=1.0)))
    assert not np.isnan(priced.cost).any()


def test_an_outcome_with_unknown_tokens_loses_its_cost_and_is_counted(table: Build) -> None:
    whole = table(models=2, instances=10)
    whole.output_tokens[:3, 1] = np.nan
    lines: list[str] = []
    prices = sheet(model_0=ModelPrice(output=1.0), model_1=ModelPrice(output=1.0))
    priced = reprice(whole, prices, warn=lines.append)
    assert np.isnan(priced.cost[:3, 1]).all()
    assert (priced.status[:3, 1] == Status.MISSING).all()
    assert np.isnan(priced.cost).sum() == 3
    assert lines == ["the cost of 3 outcomes is missing, because not all their tokens are known: model-1 3"]


def test_an_outcome_that_lacked_only_its_cost_is_no_longer_missing(table: Build) -> None:
    whole = table(models=1, instances=4)
    whole.cost[1] = np.nan
    whole.status[1] = Status.MISSING
    whole.utility[2] = np.nan
    whole.status[2] = Status.MISSING
    whole.status[3] = Status.TRUNCATED
    priced = reprice(whole, sheet(model_0=ModelPrice(output=1.0)))
    assert priced.status[:, 0].tolist() == [Status.OK, Status.OK, Status.MISSING, Status.TRUNCATED]
    assert not np.isnan(priced.cost).any()


def test_a_model_without_a_price_is_named(table: Build) -> None:
    with pytest.raises(DataError, match="price sheet 'test': has no price for 'model-1', 'model-2'"):
        reprice(table(models=3), sheet(model_0=ModelPrice(output=1.0)))


def test_the_scale_is_the_largest_known_cost() -> None:
    cost = np.array([[1e-6, np.nan], [3e-6, 2e-6]])
    assert cost_scale(cost) == 3e-6


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (np.zeros((0, 2)), "no cost of the training split is known"),
        (np.full((3, 2), np.nan), "no cost of the training split is known"),
        (np.array([[0.0, np.nan]]), "every cost of the training split is zero"),
    ],
)
def test_without_costs_there_is_no_scale(cost: np.ndarray, words: str) -> None:
    with pytest.raises(DegenerateError, match=words):
        cost_scale(cost)
