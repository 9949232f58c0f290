"""docs/metrics.md is right: its worked example is worked out again, step by step, by the program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmr_core.numerics.metrics import frontier, measure
from mmr_core.numerics.sweep import lambda_sweep

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text("utf-8")
NAMES = ["small", "medium", "large"]


def rows(first: str) -> list[list[str]]:
    """The cells of the table whose head begins with a word."""
    [table] = re.findall(rf"^\| {first}.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """The names that the code of the page leaves behind."""
    [code] = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"print": lambda *words, **how: None}
    exec(code, names)
    return names


def test_the_code_prints_what_the_page_says(capsys):
    [code] = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    [output] = re.findall(r"^```text\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    exec(code, {})
    assert capsys.readouterr().out == output


def test_the_table_of_queries_is_that_of_the_code(example):
    cells = np.array(rows("query"), dtype=float)
    np.testing.assert_array_equal(cells[:, 1:4], example["right"])
    np.testing.assert_array_equal(cells[:, 4:], example["predicted"])


def test_the_operating_points_are_all_there_are(example):
    predicted, cost, right = (example[name] for name in ("predicted", "cost", "right"))
    curve = lambda_sweep(predicted, cost, right, cost)
    table = rows("from λ")
    shown = np.array([[row[0], *row[5:]] for row in table], dtype=float)
    np.testing.assert_allclose(shown[:, 0], curve.trade_off, rtol=1e-4, atol=0)
    np.testing.assert_allclose(shown[:, 1:], np.column_stack([curve.cost, curve.utility]), rtol=1e-12)
    ends = [*curve.trade_off[1:], 2 * curve.trade_off[-1]]
    for row, begin, end in zip(table, curve.trade_off, ends, strict=True):
        choice = np.argmax(predicted - (begin + end) / 2 * cost, axis=1)
        assert row[1:5] == [NAMES[model] for model in choice]


def test_the_frontier_has_the_corners_of_the_page(example):
    curve = lambda_sweep(example["predicted"], example["cost"], example["right"], example["cost"])
    line = frontier(curve.cost, curve.utility, example["within"])
    np.testing.assert_allclose(line.cost, [1, 5, 9], rtol=1e-12)
    np.testing.assert_allclose(line.utility, [0.5, 1, 1], rtol=1e-12)
    np.testing.assert_allclose(np.interp([1.5, 3.5], line.cost, line.utility), [0.5625, 0.8125], rtol=1e-12)


def test_the_sums_of_the_page_are_right():
    """Every `(a x b + ...) / c = d` of the page is worked out."""
    text = " ".join(PAGE.split())
    sums = re.findall(r"\(((?:[\d.]+ x [\d.]+(?: \+ )?)+)\) / (\d) = ([\d.]+\d)", text)
    assert len(sums) == 4
    for terms, width, result in sums:
        total = sum(float(a) * float(b) for a, b in re.findall(r"([\d.]+) x ([\d.]+)", terms))
        assert total / float(width) == pytest.approx(float(result), abs=5e-5)
    assert 0.375 * np.log(5) + 0.125 * 4 == pytest.approx(1.1035, abs=5e-5)
    assert np.log(1.8) == pytest.approx(0.5878, abs=5e-5)
    assert (0.375 * np.log(5) + 0.5 + np.log(1.8)) / np.log(9) == pytest.approx(0.7698, abs=5e-5)


def test_the_draw_of_the_page_gives_its_figure(example):
    right, cost = example["right"], example["cost"]
    weights = np.array([2.0, 0.0, 1.0, 1.0])
    drawn = np.repeat(np.arange(4), weights.astype(int))
    curve = lambda_sweep(example["predicted"], cost, right, cost, weights)
    points = {(round(c, 12), round(u, 12)) for c, u in zip(curve.cost, curve.utility, strict=True)}
    assert points == {(9.0, 0.75), (3.0, 1.0), (1.5, 0.75), (1.0, 0.75)}
    models = example["SingleModels"].of(right, cost)
    within = models.cost_range(right[drawn], cost[drawn])
    assert within.floor == 0.75
    nauc = measure(frontier(curve.cost, curve.utility, within), within)["nauc"]
    assert f"{nauc:.4f}" == "0.9688"
