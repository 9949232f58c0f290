"""Which way of isolation is taken, and what is said where one does not work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmr_leaderboard.sandbox import selection
from mmr_leaderboard.sandbox.contract import IsolationError
from mmr_leaderboard.sandbox.methods import NEEDED, Bubblewrap, Landlock, Unsafe
from mmr_leaderboard.sandbox.selection import escapes, sandbox


@pytest.fixture
def program(tmp_path):
    """A function that makes a program named bwrap."""

    def make(options, end):
        path = tmp_path / "bin" / "bwrap"
        path.parent.mkdir()
        path.write_text(f'#!/bin/sh\n[ "$1" = --help ] && echo "{options}" && exit 0\n{end}\n')
        path.chmod(0o755)
        return path

    return make


def test_no_program_gets_out_of_a_sandbox(cell):
    assert escapes(cell.sandbox) == []
    assert sandbox(cell.sandbox.method).method == cell.sandbox.method


def test_a_program_gets_out_where_there_is_no_sandbox():
    assert len(escapes(Unsafe())) == 5


def test_no_isolation_is_available_unless_it_isolates():
    assert "unsafe" not in [candidate.method for candidate in selection._candidates()]


def test_no_isolation_is_had_by_asking_for_it():
    assert sandbox("unsafe").method == "unsafe"


def test_bubblewrap_is_preferred(make_cell, tmp_path):
    preferred = make_cell("bubblewrap", tmp_path / "cell").sandbox
    assert sandbox(None) == preferred


def test_landlock_is_taken_where_bubblewrap_fails(make_cell, tmp_path, program, monkeypatch):
    make_cell("landlock", tmp_path / "cell")
    failing = program(" ".join(NEEDED), "echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{failing.parent}:{os.environ['PATH']}")
    assert sandbox(None).method == "landlock"


def test_a_bubblewrap_that_fails_is_reported_in_its_own_words(program, monkeypatch):
    failing = program(" ".join(NEEDED), "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{failing.parent}:{os.environ['PATH']}")
    with pytest.raises(IsolationError, match="setting up uid map: Permission denied") as caught:
        sandbox("bubblewrap")
    assert "--unsafe" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_old_bubblewrap_is_reported(program, monkeypatch):
    old = program("--args --clearenv --remount-ro", "exit 1")
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    with pytest.raises(IsolationError, match="has no --size"):
        sandbox("bubblewrap")


def test_a_bubblewrap_that_does_not_start_is_reported():
    with pytest.raises(IsolationError, match="does not start"):
        escapes(Bubblewrap(program=Path("/nowhere/bwrap")))


def test_a_missing_bubblewrap_is_reported(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IsolationError, match="bubblewrap is not installed"):
        sandbox("bubblewrap")


def test_where_nothing_works_every_reason_is_told(monkeypatch):
    monkeypatch.setattr(selection, "_candidates", lambda: (Bubblewrap(program=None), Landlock()))
    monkeypatch.setattr("mmr_leaderboard.sandbox.methods.MACHINES", ())
    selection._obstacle.cache_clear()
    try:
        with pytest.raises(IsolationError) as caught:
            sandbox(None)
        for method in ("bubblewrap", "landlock"):
            with pytest.raises(IsolationError):
                sandbox(method)
    finally:
        selection._obstacle.cache_clear()
    assert "bubblewrap is not installed" in str(caught.value)
    assert "no system-call filter" in str(caught.value)


def test_a_sandbox_that_lets_things_through_is_not_taken(monkeypatch):
    leaking = Bubblewrap(program=Path("/leaking"))
    monkeypatch.setattr(Bubblewrap, "run", lambda self, *arguments: Unsafe().run(*arguments))
    monkeypatch.setattr(selection, "_candidates", lambda: (leaking,))
    with pytest.raises(IsolationError, match="what ran inside could read a file outside"):
        sandbox(None)


def test_a_command_that_does_not_exist_is_no_fault_of_a_submission(any_cell):
    from mmr_leaderboard.sandbox.contract import View

    view = View(readable=(), scratch=any_cell.scratch)
    with pytest.raises(IsolationError, match="No such file"):
        any_cell.sandbox.run(["/nowhere/program"], view, any_cell.limits, any_cell.answer)


def test_a_kernel_without_landlock_has_no_isolation_by_it(make_cell, tmp_path, monkeypatch):
    cell = make_cell("landlock", tmp_path / "cell")
    starter = tmp_path / "starter.py"
    written = Path(selection.__file__).with_name("starter.py").read_text()
    starter.write_text(written.replace("444, 445, 446", "9444, 9445, 9446"))
    monkeypatch.setattr("mmr_leaderboard.sandbox.execution.STARTER", starter)
    monkeypatch.setattr("mmr_leaderboard.sandbox.methods.STARTER", starter)
    with pytest.raises(IsolationError, match="no Landlock"):
        cell.run("")


def test_bubblewrap_isolates_on_a_kernel_without_landlock(make_cell, tmp_path, monkeypatch):
    cell = make_cell("bubblewrap", tmp_path / "cell")
    starter = tmp_path / "starter.py"
    written = Path(selection.__file__).with_name("starter.py").read_text()
    starter.write_text(written.replace("444, 445, 446", "9444, 9445, 9446"))
    monkeypatch.setattr("mmr_leaderboard.sandbox.execution.STARTER", starter)
    monkeypatch.setattr("mmr_leaderboard.sandbox.methods.STARTER", starter)
    assert escapes(cell.sandbox) == []
