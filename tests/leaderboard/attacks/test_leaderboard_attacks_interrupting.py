"""A run that is interrupted or killed in the middle of an attack loses nothing of what is published."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmr_leaderboard.publish.publication import read_board

PATIENCE_SECONDS = 120.0
COMMAND = "import sys; from mmr_core.cli import main; raise SystemExit(main(sys.argv[1:]))"


@pytest.fixture(params=["bubblewrap", "landlock"])
def board(request, world, demand_method, tmp_path, submit_to):
    """What a run of the command needs: a published board, an honest entry, and a router that never returns."""
    demand_method(request.param)
    submissions, published = tmp_path / "submissions", tmp_path / "published"
    shutil.copytree(world.published, published)
    shutil.copytree(world.folder / "honest" / "honest-linear", submissions / "honest-linear")
    submit_to(submissions, "sleeps-in-fit")
    words = ["leaderboard", "run", "--data", world.data, "--submissions", submissions, "--out", published]
    words += ["--wheelhouse", world.wheelhouse, "--isolation", request.param, "--jobs", 2]
    return [sys.executable, "-c", COMMAND, *map(str, words)], submissions, published


def started(command, world):
    environment = {**os.environ, "MMR_CACHE_DIR": str(world.folder / "other-cache")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def descendants(process):
    """Process numbers and command lines of all that descends from a process."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = Path(f"/proc/{name}/stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            parents[int(name)] = int(parent), Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
    found = [process]
    for above in found:
        found += [child for child, (parent, _) in parents.items() if parent == above]
    return {child: parents[child][1] for child in found[1:]}


def in_the_middle(run):
    """Descriptors of all processes of a run, once submitted code runs in one of them."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(b"driver.py" in words and b"bwrap" not in words for words in descendants(run.pid).values()):
        assert run.poll() is None, run.stderr.read()
        assert time.monotonic() < deadline
        select.select([], [], [], 0.05)
    return [os.pidfd_open(process) for process in descendants(run.pid)]


def all_gone(held):
    deadline = time.monotonic() + PATIENCE_SECONDS
    gone = [bool(select.select([each], [], [], max(0.0, deadline - time.monotonic()))[0]) for each in held]
    for each in held:
        os.close(each)
    return all(gone)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_run_that_is_stopped_half_way_leaves_what_is_published_and_no_process(board, world, digests_of, number):
    command, submissions, published = board
    before = digests_of(published)
    run = started(command, world)
    held = in_the_middle(run)
    run.send_signal(number)
    said = run.communicate(timeout=PATIENCE_SECONDS)[1]

    assert run.returncode != 0
    assert "Traceback" not in said
    assert all_gone(held)
    assert digests_of(published) == before

    shutil.rmtree(submissions / "sleeps-in-fit")
    again = started(command, world)
    said = again.communicate(timeout=PATIENCE_SECONDS)[1]
    assert again.returncode == 0, said
    assert [entry.slug for entry in read_board(published).entries] == ["honest-linear"]
