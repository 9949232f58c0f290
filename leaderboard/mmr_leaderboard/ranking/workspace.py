"""The folder that the jobs of one run are in: made with room for their answers, removed, and swept after a kill."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmr_leaderboard.board import Board
from mmr_leaderboard.jobs.answers import ExpectedReply, largest_answer
from mmr_leaderboard.packaging.environments import is_alive
from mmr_leaderboard.sandbox.contract import RunnerTrouble

_WORKSPACE = "mmr-jobs-"


@contextmanager
def workspace_folder() -> Iterator[Path]:
    """A folder for job folders, removed afterwards; those of killed runs of the same user are removed before."""
    for left in Path(tempfile.gettempdir()).glob(f"{_WORKSPACE}*"):
        maker = left.name.removeprefix(_WORKSPACE).split("-")[0]
        if maker.isdecimal() and not is_alive(int(maker)) and left.lstat().st_uid == os.getuid():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_WORKSPACE}{os.getpid()}-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def demand_room(workspace: Path, board: Board, jobs: int) -> None:
    """Sees to it that the answers of all jobs that run at once fit on the disk, however large they make them.

    :raises RunnerTrouble: if there is too little room.
    """
    queries = int(board.column.test.sum())
    needed = jobs * largest_answer([ExpectedReply(queries=queries)], len(board.table.models))
    free = shutil.disk_usage(workspace).free
    if free < needed:
        raise RunnerTrouble(
            f"the temporary folder has {free >> 20} MiB free, and {jobs} jobs at once need {needed >> 20} MiB",
            where=str(workspace.parent),
            fix="make room there, set TMPDIR to another folder, or lower --jobs",
        )
