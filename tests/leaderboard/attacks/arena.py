"""The arena: the world that attackers find, one run with all of them in it, and what was there before and after.

Loaded by `conftest.py`, as its neighbours are.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from mmr_leaderboard.ranking.board_run import BoardRun, RunRequest, run_board
from mmr_leaderboard.sandbox.contract import GIB, MIB, Limits, Method
from mmr_leaderboard.schema import Entry, Leaderboard, PublishedFinding, Refused

SECRET = "mmr-witness-secret"
ANSWER_BYTES = 4 * MIB
JOBS = 8
"""More than attackers that wait for the clock, which then hold up nobody."""

LIMITS = Limits(
    memory=2 * GIB,
    cpu_seconds=5,
    wall_seconds=50.0,
    answer_bytes=ANSWER_BYTES,
    scratch_bytes=8 * MIB,
    open_files=256,
)


@dataclass(kw_only=True, eq=False)
class World:
    """Everything that is there before a run: what attackers look for, and what they must leave as it is.

    :param rows: the table, as it was written; :param test: its test rows.
    :param submission_of: the slug of an attacker's submission, where it is not its name: several may share one.
    :param listening: sockets that nobody may ever reach.
    """

    folder: Path
    rows: list[dict[str, str]]
    test: list[dict[str, str]]
    data: Path
    cache: Path
    wheelhouse: Path
    submissions: Path
    published: Path
    told: dict[str, Any]
    strange: tuple[str, ...] = ()
    submission_of: dict[str, str] = field(default_factory=dict)
    listening: list[socket.socket] = field(default_factory=list)

    def run(self, method: Method | None, submissions: Path, **more: Any) -> BoardRun:
        """Runs the board with this world's cache."""
        asked = {"data": str(self.data), "published": self.published, "jobs": JOBS, "limits": LIMITS, **more}
        cache = asked.pop("cache", self.cache)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MMR_CACHE_DIR", str(cache))
            patch.setenv("MMR_SECRET", SECRET)
            patch.setattr(tempfile, "tempdir", self.told["temporary"])
            return run_board(RunRequest(submissions=submissions, wheelhouse=self.wheelhouse, method=method, **asked))

    def reached(self) -> list[str]:
        """What arrived at the listening sockets since they were asked last."""
        found = []
        for link in self.listening:
            link.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    if link.type == socket.SOCK_STREAM:
                        link.accept()[0].close()
                    else:
                        link.recv(1000)
                    found.append(str(link.getsockname()))
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Arena:
    """One run with everybody in it, and what was there before and after.

    :param alone: what a run without attackers gives.
    :param before, after: digests of files, by path, of all that the run must not change.
    :param reached: what arrived at listening sockets.
    :param left: processes that were not there before.
    """

    method: Method
    world: World
    result: BoardRun
    alone: Leaderboard
    before: Mapping[str, str]
    after: Mapping[str, str]
    reached: list[str]
    left: list[str]

    @property
    def board(self) -> Leaderboard:
        return self.result.board

    def row(self, slug: str) -> Entry | Refused:
        """The row of a submission, or of the submission of an attacker; there is exactly one."""
        own = self.world.submission_of.get(slug, slug)
        (row,) = [each for each in (*self.board.entries, *self.board.refused) if each.slug == own]
        return row

    def entry(self, slug: str) -> Entry:
        row = self.row(slug)
        assert isinstance(row, Entry), row
        return row

    def findings(self, slug: str) -> tuple[PublishedFinding, ...]:
        """Why a submission has no figures."""
        row = self.row(slug)
        assert isinstance(row, Refused), row.metrics
        return row.findings

    def refused_for(self, slug: str) -> list[str]:
        return [found.code for found in self.findings(slug)]

    def is_constant(self, slug: str) -> bool:
        """Whether an entry is scored exactly as the training means are."""
        (constant,) = [each for each in self.board.references if each.name == "constant"]
        return figures(self.entry(slug)) == figures(constant)


def figures(row: Any) -> dict[str, Any]:
    """What a row was scored with, rounded to where sums in another order differ."""
    return json.loads(
        json.dumps(row.model_dump(include={"metrics", "datasets", "frontier"}, mode="json")), parse_float=_rounded
    )


def _rounded(text: str) -> float:
    return float(f"{float(text):.9g}")


def digests(folder: Path) -> dict[str, str]:
    """What every plain file beneath a folder holds and may be done to it, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        if path.is_file() and not path.is_symlink() and facts.st_size < 1 << 30:
            content = blake2b(path.read_bytes(), digest_size=16).hexdigest()
            found[str(path.relative_to(folder))] = f"{content} {facts.st_mode:o} {facts.st_mtime_ns}"
    return found


def processes(world: World) -> Iterator[str]:
    """Every process that has to do with an isolated run."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parent = Path(f"/proc/{name}/stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            if str(world.folder) in words or int(parent) == os.getpid():
                yield f"{name} {words}"
