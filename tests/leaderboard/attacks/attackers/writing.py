"""Vandals: they write, move and change what is not theirs. One that gets anywhere is no longer scored as the means."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from .means import TOLD, Means


def overwritten(path):
    with open(path, "r+b") as file:
        file.write(b"mine")


def made(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))


def changed(path, attempt):
    """Fails where an attempt had no effect: some calls answer as if they had been done."""
    before = os.stat(path)
    attempt()
    after = os.stat(path)
    if (before.st_mode, before.st_uid, before.st_mtime) == (after.st_mode, after.st_uid, after.st_mtime):
        raise OSError("nothing happened")


class Published(Means):
    """Puts itself first on the board, and takes lines out of the record."""

    def attack(self, training):
        folder = Path(TOLD["published"])
        self.try_all(
            lambda: overwritten(folder / "leaderboard.json"),
            lambda: os.truncate(folder / "audit.jsonl", 0),
            lambda: made(folder / "site" / "index.html"),
            lambda: made(folder / "new.html"),
            lambda: shutil.rmtree(folder),
        )


class Submissions(Means):
    """Changes the submissions of others."""

    def attack(self, training):
        folder = Path(TOLD["submissions"])
        self.try_all(
            lambda: overwritten(folder / "honest-kmeans" / "submission.toml"),
            lambda: os.rename(folder / "honest-kmeans", folder / "gone"),
            lambda: made(folder / "new"),
        )


class Cache(Means):
    """Forges verdicts and spoils embeddings."""

    def attack(self, training):
        cache = Path(TOLD["cache"])
        self.try_all(
            lambda: overwritten(TOLD["cached_verdict"]),
            lambda: made(cache / "leaderboard" / "verdicts" / "forged.json"),
            lambda: os.truncate(TOLD["cached_table"], 0),
            lambda: os.unlink(TOLD["cached_table"]),
            *(lambda path=path: overwritten(path) for path in (cache / "features").glob("*.sqlite")),
        )


class Homes(Means):
    """Writes where users are used to being."""

    def attack(self, training):
        self.try_all(
            lambda: overwritten(TOLD["home"]),
            lambda: made(Path(TOLD["home"]).with_name(".bashrc")),
            lambda: made(Path(TOLD["temporary"], "left-by-an-attacker")),
            lambda: made("/tmp/left-by-an-attacker"),
            lambda: made("/var/tmp/left-by-an-attacker"),
            lambda: overwritten(TOLD["table"]),
        )


class OwnEnvironment(Means):
    """Changes its own environment, so that a later job finds what this one left."""

    def attack(self, training):
        site = Path(__file__).parents[1]
        self.try_all(
            lambda: overwritten(__file__),
            lambda: made(site / "sitecustomize.py"),
            lambda: made(site / "left.pth"),
            lambda: overwritten(Path(__file__).parents[4] / "pyvenv.cfg"),
            lambda: made(Path(__file__).with_name("__pycache__") / "left.pyc"),
        )


class Engine(Means):
    """Changes the engine and the libraries that everybody imports."""

    def attack(self, training):
        import mmr_core.numerics.metrics
        import mmr_leaderboard.child.driver as driver

        self.try_all(
            lambda: overwritten(mmr_core.numerics.metrics.__file__),
            lambda: overwritten(driver.__file__),
            lambda: overwritten(np.__file__),
            lambda: overwritten(os.__file__),
            lambda: made(Path(np.__file__).with_name("left.py")),
            lambda: made(Path(mmr_core.numerics.metrics.__file__).with_name("left.py")),
        )


class OwnJob(Means):
    """Changes its own job: the queries, and what the driver is told."""

    def attack(self, training):
        job = Path(sys.argv[1])
        self.try_all(
            lambda: overwritten(job / "job.json"),
            lambda: overwritten(job / "queries.npz"),
            lambda: os.unlink(job / "queries.json"),
            lambda: made(job / "left"),
            lambda: made(job.parent / "left"),
            lambda: os.rename(job, job.with_name("gone")),
        )


class Images(Means):
    """Changes the images, which other jobs may share."""

    def attack(self, training):
        images = [path for path in training.queries.images if path is not None]
        self.try_all(
            lambda: overwritten(images[0]),
            lambda: changed(images[0], lambda: os.chmod(images[0], 0)),
            lambda: changed(images[0], lambda: os.utime(images[0], (1, 1))),
            lambda: os.rename(images[0], images[0].with_name("gone.png")),
            lambda: os.link(images[0], Path(tempfile.gettempdir(), "kept")),
            lambda: os.symlink(TOLD["table"], images[0].with_name("link.png")),
        )


class Modes(Means):
    """Changes modes, owners and times of what it can read."""

    def attack(self, training):
        job, own = Path(sys.argv[1]), Path(__file__)
        for path in (own, own.parents[4], job, job / "job.json", Path(os.__file__), Path(TOLD["table"])):
            self.try_all(
                lambda path=path: changed(path, lambda: os.chmod(path, 0o705)),
                lambda path=path: changed(path, lambda: os.chown(path, 1, 1)),
                lambda path=path: changed(path, lambda: os.utime(path, (1, 1))),
            )


class AnswerByLinks(Means):
    """Puts links, pipes and devices where the answer is, and takes its mode away."""

    def attack(self, training):
        for name in ("/proc/self/fd/3", "/dev/fd/3", f"{sys.argv[1]}/../answer.npz"):
            self.try_all(
                lambda name=name: os.link(name, Path(tempfile.gettempdir(), "answer"), follow_symlinks=True),
                lambda name=name: os.replace(TOLD["table"], name),
                lambda name=name: os.unlink(name),
                lambda name=name: os.mkfifo(name),
                lambda name=name: os.symlink(TOLD["table"], name),
            )
        self.try_all(lambda: changed(3, lambda: os.fchmod(3, 0o4755)))
        with contextlib.suppress(OSError):
            os.fchmod(3, 0)


class AnswerAndMore(Means):
    """Leaves rubbish in front of its answer, beyond it, and a hole of ten times the limit."""

    def attack(self, training):
        os.ftruncate(3, TOLD["answer_bytes"] * 10)
