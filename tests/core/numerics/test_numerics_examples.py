"""The examples in the docstrings of the numerics give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import mmr_core.numerics

MODULES = [module.name for module in pkgutil.iter_modules(mmr_core.numerics.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name):
    module = importlib.import_module(f"mmr_core.numerics.{name}")
    failed, _ = doctest.testmod(module, extraglobs={"np": np})
    assert failed == 0
