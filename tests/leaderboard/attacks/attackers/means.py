"""What every attacker falls back to: the training means for every query, as the constant reference row has them.

An attack that had no effect is thus scored exactly as that row, and one that had some is not: whoever found anything
at all turns its predictions round, and whoever found test outcomes predicts them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from mmr_core.contracts import Prediction

TOLD = json.loads(Path(__file__).with_name("told.json").read_text())
MARK = b"mmr-witness-"
"""How every secret begins that the suite laid out where no submission may look."""

SHOWN = 4 << 20


class Means:
    """Predicts the training means."""

    default_fusion = None

    def __init__(self, *, seed=0):
        self.seed = seed
        self.found = False
        self.known = {}

    def fit(self, training):
        self.utility = np.nanmean(training.utility, axis=0)
        self.cost = np.nanmean(training.cost, axis=0)
        self.attack(training)
        return self

    def attack(self, training):
        """Once, in the fit."""

    def predict(self, queries):
        utility = np.tile(-self.utility if self.found else self.utility, (len(queries), 1))
        cost = np.tile(self.cost, (len(queries), 1))
        for row, question in enumerate(queries.questions):
            if question in self.known:
                utility[row], cost[row] = self.known[question]
        return Prediction(utility=utility, cost=cost)

    def look_at(self, data: bytes) -> None:
        """Keeps what is worth something: outcomes by question, or that there was a secret."""
        start = data.find(b"dataset_idx,")
        self.found = self.found or MARK in data or start >= 0
        if start < 0:
            return
        for row in csv.DictReader(io.StringIO(data[start:].decode(errors="replace"))):
            with suppress(KeyError, TypeError, ValueError):
                correct = [float(value) for name, value in row.items() if name and name.endswith("_correct")]
                prices = [float(value) for name, value in row.items() if name and name.endswith("_cost")]
                if len(correct) == len(self.utility):
                    self.known[row["question"]] = (correct, prices)

    def read_all(self, paths: Iterable[Path | str]) -> None:
        """Reads whatever can be read of these."""
        for path in map(Path, paths):
            with suppress(Exception), open(path, "rb", buffering=0) as file:
                if Path(__file__).parent in path.resolve().parents:
                    continue  # words that it looks for stand in its own sources
                self.look_at(file.read(SHOWN))

    def try_all(self, *attempts: Callable[[], object]) -> None:
        """Makes every attempt; one that does not fail has had an effect."""
        for attempt in attempts:
            with suppress(Exception):
                attempt()
                self.found = True


def beneath(folder: str) -> list[Path]:
    """Every file below a folder, as far as it can be listed."""
    return [path for path in Path(folder).rglob("*") if path.is_file()]
