"""A machine that fails says nothing about an entry: its job is tried again, nothing is kept, and the run says so."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from mmr_leaderboard.child.driver import NOT_STARTED
from mmr_leaderboard.jobs import entry_run
from mmr_leaderboard.packaging import wheel_sources
from mmr_leaderboard.ranking import board_run, referee, workspace
from mmr_leaderboard.ranking import verdicts as verdict_cache
from mmr_leaderboard.sandbox.contract import IsolationError, ProcessEnd, RunnerTrouble, is_runner_trouble
from mmr_leaderboard.schema import Entry, Refused
from mmr_leaderboard.submission.manifest import Requirement

NO_ROOM = OSError(errno.ENOSPC, "No space left on device")
NO_SANDBOX = IsolationError("the sandbox could not be made: no namespaces are left")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(entry_run, "PAUSE_SECONDS", 0.0)


def row(result, slug):
    return next(each for each in (*result.board.entries, *result.board.refused) if each.slug == slug)


def kept(ground, slug="liar"):
    """Verdicts on isolated runs in the cache."""
    files = (ground.folder / "cache" / "leaderboard" / "verdicts").rglob("*.json")
    return [file for file in files if '"isolation":"bubblewrap"' in file.read_text()]


@pytest.mark.parametrize("error", [NO_ROOM, NO_SANDBOX], ids=["disk", "sandbox"])
def test_a_job_at_which_the_machine_failed_once_is_run_again(ground, liar, error):
    liar.failing = [error]
    result = ground.run()
    assert isinstance(row(result, "liar"), Entry)
    assert isinstance(row(result, "honest"), Entry)


@pytest.mark.parametrize("error", [NO_ROOM, NO_SANDBOX, MemoryError()], ids=["disk", "sandbox", "memory"])
def test_a_machine_that_keeps_failing_ends_the_run_under_its_own_name_and_nothing_is_kept(ground, liar, error):
    liar.failing = [error] * 2
    with pytest.raises(RunnerTrouble, match=r"the runner: this machine failed while it judged 1 of 2 entries.*liar"):
        ground.run()
    assert kept(ground) == []
    assert isinstance(row(ground.run(), "liar"), Entry)


PLACES = {
    "the environment": (referee, "prepare"),
    "the material": (board_run, "material"),
    "the job folder": (entry_run, "write_job"),
    "the answer": (entry_run, "read_answers"),
    "the frame of the audits": (board_run, "_frame"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_full_disk_refuses_nobody_wherever_it_fills(ground, liar, monkeypatch, place):
    module, name = PLACES[place]

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module, name, full)
        with pytest.raises(RunnerTrouble, match="No space left on device"):
            ground.run()
    assert kept(ground) == []
    result = ground.run()
    assert {type(row(result, slug)) for slug in ("honest", "liar")} == {Entry}


def test_a_cache_that_is_full_costs_nobody_a_row(ground, liar, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    said = []
    monkeypatch.setattr(verdict_cache, "write_atomically", full)
    result = ground.run(warn=said.append)
    assert {type(row(result, slug)) for slug in ("honest", "liar")} == {Entry}
    assert any("were not kept for the next run" in line and "No space left" in line for line in said)


def test_a_temporary_folder_without_room_for_the_answers_stops_the_run_before_anything_runs(ground, liar, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(workspace.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(RunnerTrouble, match="MiB free, and 1 jobs at once need"):
        ground.run()
    assert liar.asked == 0


def killed_first(liar, times):
    """Lets the sandbox be killed a few times before it answers."""
    plain, left = liar.run, [ProcessEnd(end="killed", status=-signal.SIGKILL, said="", seconds=1.0)] * times

    def run(*words):
        return left.pop() if left else plain(*words)

    liar.run = run


def test_a_sandbox_that_was_killed_once_is_run_again(ground, liar):
    killed_first(liar, 1)
    assert isinstance(row(ground.run(), "liar"), Entry)


def test_one_that_is_killed_again_is_refused_and_this_is_not_kept(ground, liar):
    killed_first(liar, 2)
    refused = row(ground.run(), "liar")
    assert isinstance(refused, Refused)
    assert [found.code for found in refused.findings] == ["killed"]
    assert isinstance(row(ground.run(), "liar"), Entry)


@pytest.mark.parametrize("broken", [True, False])
def test_an_engine_that_does_not_start_is_believed_only_without_the_submission(ground, liar, broken):
    """A router may end its process with the status of an engine that does not start."""
    claims = ProcessEnd(end="raised", status=NOT_STARTED, said="ImportError: libgomp.so.1", seconds=1.0)
    starts = ProcessEnd(end="done", status=0, said="", seconds=1.0)

    def run(command, *_):
        return starts if "-c" in command and not broken else claims

    liar.run = run
    if broken:
        with pytest.raises(RunnerTrouble, match="the engine does not start in isolation: ImportError: libgomp"):
            ground.run()
    else:
        refused = row(ground.run(), "liar")
        assert [found.code for found in refused.findings] == ["raised"]


@pytest.mark.parametrize("said", ["Temporary failure in name resolution", "[Errno 28] No space left on device"])
def test_an_index_that_is_not_reached_is_the_runners_trouble(tmp_path, monkeypatch, said):
    done = type("Done", (), {"stderr": f"WARNING: {said}\nERROR: No matching distribution", "returncode": 1})
    monkeypatch.setattr(wheel_sources.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(RunnerTrouble, match="pip could not fetch a wheel"):
        wheel_sources.download(Requirement(requirement="a==1", hashes=("sha256:" + "0" * 64,)), tmp_path)


def test_what_is_the_machines_fault_and_what_is_not():
    chained = ValueError("cannot be written")
    chained.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for error in (NO_ROOM, NO_SANDBOX, MemoryError(), ImportError("libgomp"), OSError(errno.EMFILE, ""), chained):
        assert is_runner_trouble(error)
    for error in (ValueError(), OverflowError(), OSError(errno.ENOENT, ""), OSError(errno.ENAMETOOLONG, "")):
        assert not is_runner_trouble(error)
