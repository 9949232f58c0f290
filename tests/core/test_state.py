"""Taking a state apart: each item has the type, the shape and the numbers that are due, or is named in one line."""

from __future__ import annotations

import numpy as np
import pytest

from mmr_core.errors import DataError
from mmr_core.state import StateReader

STATE = {
    "centres": np.zeros((4, 3)),
    "means": np.ones((4, 2)),
    "holes": np.array([np.nan, 1.0]),
    "count": 5,
    "word": "yes",
    "words": ["a", "b"],
}


@pytest.fixture
def reader() -> StateReader:
    return StateReader(STATE, "router 'mine'")


def test_what_is_due_is_given_and_named_dimensions_are_known(reader):
    assert reader.array("centres", np.float64, ("clusters", 3)) is STATE["centres"]
    assert reader.array("means", np.float64, ("clusters", "models")) is STATE["means"]
    assert reader.array("holes", np.float64, ("models",), with_nan=True) is STATE["holes"]
    assert (reader.size("clusters"), reader.size("models")) == (4, 2)
    assert (reader.whole("count"), reader.text("word"), reader.texts("words")) == (5, "yes", ["a", "b"])
    assert not reader.has("word")
    reader.finish()


@pytest.mark.parametrize(
    ("take", "reason"),
    [
        (lambda r: r.array("other", np.float64, (1,)), "'other' is missing"),
        (lambda r: r.array("word", np.float64, (1,)), "'word': expected an array"),
        (lambda r: r.array("means", np.float32, (4, 2)), "'means': expected float32, got float64"),
        (lambda r: r.array("means", np.float64, (2, 4)), r"'means': expected shape \(2, 4\), got \(4, 2\)"),
        (lambda r: r.array("means", np.float64, ("n",)), r"'means': expected shape \(n\), got \(4, 2\)"),
        (lambda r: r.array("means", np.float64, ("n", "n")), "two sizes of n"),
        (lambda r: r.array("holes", np.float64, (2,)), "'holes' has 1 numbers that are not finite"),
        (lambda r: r.whole("count", least=6), "'count': expected a whole number of at least 6, got 5"),
        (lambda r: r.whole("word"), "'word': expected a whole number of at least 0, got 'yes'"),
        (lambda r: r.text("count"), "'count': expected text, got 5"),
        (lambda r: r.texts("word"), "'word': expected a list of texts"),
        (lambda r: r.finish(), "'centres' is unknown"),
    ],
)
def test_what_is_not_expected_is_one_line_that_names_it(take, reason, reader):
    with pytest.raises(DataError, match=f"router 'mine': its state is not what it wrote: .*{reason}"):
        take(reader)


def test_a_size_that_an_earlier_array_had_is_demanded_of_a_later_one(reader):
    reader.array("centres", np.float64, ("clusters", "features"))
    with pytest.raises(DataError, match=r"'means': expected shape \(4, 3\), got \(4, 2\)"):
        reader.array("means", np.float64, ("clusters", "features"))


def test_infinity_is_never_a_value():
    reader = StateReader({"a": np.array([np.inf])}, "router 'mine'")
    with pytest.raises(DataError, match="not finite"):
        reader.array("a", np.float64, (1,), with_nan=True)


def test_an_item_is_taken_once(reader):
    reader.text("word")
    with pytest.raises(DataError, match="'word' is missing"):
        reader.text("word")
