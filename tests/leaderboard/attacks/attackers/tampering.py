"""Routers that change the engine under their own feet before they answer."""

from __future__ import annotations

import builtins
import json
import os
import sys
import time
import zipfile

import numpy as np

from .means import Means


class Metrics(Means):
    """Makes every measure perfect, in the only process that it can reach."""

    def attack(self, training):
        import mmr_core.numerics.metrics
        import mmr_core.numerics.sweep
        import mmr_core.runner.fit

        for module in (mmr_core.numerics.metrics, mmr_core.numerics.sweep, mmr_core.runner.fit):
            for name, thing in list(vars(module).items()):
                if callable(thing) and not isinstance(thing, type) and not name.startswith("_"):
                    setattr(module, name, lambda *given, **named: 1.0)


class Numpy(Means):
    """Replaces the functions of numpy that anybody would answer with."""

    def predict(self, queries):
        prediction = super().predict(queries)
        for name in ("array", "asarray", "stack", "concatenate", "ascontiguousarray", "frombuffer", "savez", "save"):
            setattr(np, name, lambda *given, **named: "patched")
        return prediction


class Archive(Means):
    """Replaces what writes the archive."""

    def attack(self, training):
        def write(archive, info, data, **options):
            return plain(archive, info, bytes(data)[::-1], **options)

        plain = zipfile.ZipFile.writestr
        zipfile.ZipFile.writestr = write


class Operating(Means):
    """Replaces what writes and ends, in every module that has it by name."""

    def attack(self, training):
        os.write = os._exit = builtins.print = lambda *given: 0
        sys.exit = sys.modules["builtins"].exit = lambda *given: None


class DriversOwn(Means):
    """Replaces what the driver kept for itself: its process then never ends."""

    def attack(self, training):
        sys.modules["__main__"]._exit = lambda status: time.sleep(10_000)


class Statement(Means):
    """Lies about what it is, with tags in it."""

    def attack(self, training):
        lie = {
            "canonical_id": "mmr-bench/kmeans",
            "version": "<script>alert(1)</script>\x1b[2J",
            "parameters": {"<img src=x onerror=alert(1)>": "\u202etxt", "seed": 1e999},
            "fusion": "<script>alert(2)</script>",
        }
        plain = json.dumps
        json.dumps = lambda *given, **named: plain(lie)


class Checks(Means):
    """Replaces the driver's checks, and hands over words for numbers."""

    def attack(self, training):
        import mmr_leaderboard.child.inference as answering

        answering._floats = lambda given, what, **named: np.full(np.shape(given), "best", dtype="U4")


class Memory(Means):
    """Writes into arrays and tuples that others in its process hold, the read-only ones too."""

    def attack(self, training):
        for array in (training.utility, training.cost, training.queries.embeddings.text):
            if array is not None:
                array.flags.writeable = True
                array[:] = 0


class Clock(Means):
    """Sets the clock that it is timed by."""

    def attack(self, training):
        time.perf_counter = time.monotonic = time.time = lambda: -1.0
