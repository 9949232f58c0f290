"""docs/limits.md stays true: what it says of the sample is what the sample is made by."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mmr_plugins.importers.synthetic.outcome_model import SHARES

PAGE = (Path(__file__).parents[1] / "docs" / "limits.md").read_text("utf-8")


def test_the_shares_of_difficulty_are_those_of_the_sample():
    [(head, body)] = re.findall(r"^\| share of the variance in \| (.*) \|\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    cells = [[cell.strip() for cell in line.strip("|").split("|")][1:] for line in body.splitlines()]
    shown = dict(zip(head.split(" | "), np.array(cells, dtype=float).T, strict=True))
    assert set(shown) == set(SHARES)
    for scenario, shares in SHARES.items():
        assert shown[scenario].tolist() == list(shares)
