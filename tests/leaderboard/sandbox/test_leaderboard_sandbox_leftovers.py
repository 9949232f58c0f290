"""Whatever a run started is gone when it is over, however it, the runner or another thread ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from mmr_leaderboard.sandbox.supervision import stop_all

DAEMON = """
import os, time
told, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(3, b"here")
        os.write(tell, b"1")
        os.closerange(0, 64)
        time.sleep(1000)
    os._exit(0)
os.read(told, 1)
os.wait()
"""

READY = "import os, time; os.write(3, b'ready'); time.sleep(1000)"

RUNNER = """
import sys
from pathlib import Path
from mmr_leaderboard.sandbox.selection import sandbox
from mmr_leaderboard.sandbox.filesystem import interpreter
from mmr_leaderboard.sandbox.contract import Limits, View
method, folder, program = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
box = sandbox(method)
print("running", flush=True)
try:
    command = [str(interpreter()), "-I", "-S", "-c", program]
    box.run(command, View(readable=(), scratch=folder / "scratch"), Limits(), folder / "answer")
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def runner(any_cell, wait_until):
    """A runner in a process of its own, in the middle of a run."""
    started = subprocess.Popen(
        [sys.executable, "-c", RUNNER, any_cell.sandbox.method, str(any_cell.folder), READY],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: has_answered(started.pid), "the run to begin")
        yield started
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


def has_answered(runner: int) -> bool:
    """Whether READY has written into its answer, a file in memory that the runner holds open; no probe writes that."""
    for opened in Path(f"/proc/{runner}/fd").iterdir():
        try:
            if os.readlink(opened).startswith("/memfd:answer") and opened.read_bytes() == b"ready":
                return True
        except OSError:
            continue
    return False


@pytest.fixture
def unfiltered(monkeypatch):
    """Sandboxes in which processes can be started after all."""
    monkeypatch.setattr("mmr_leaderboard.sandbox.methods.assembled", lambda machine: b"")


def test_a_daemon_is_gone_when_the_run_is_over(any_cell, unfiltered):
    before = set(every_process())
    ended = any_cell.run(DAEMON)
    assert ended.end == "done", ended.said
    assert any_cell.answer.read_text() == "here"
    assert {process for process in set(every_process()) - before if is_python_asleep(process)} == set()


def every_process():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def is_python_asleep(process):
    try:
        return b"time.sleep(1000)" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_daemon_is_gone_when_the_time_is_up(any_cell, unfiltered):
    before = set(every_process())
    ended = any_cell.run(DAEMON + "time.sleep(1000)", limits=replace(any_cell.limits, wall_seconds=2.0))
    assert ended.end == "timeout"
    assert {process for process in set(every_process()) - before if is_python_asleep(process)} == set()


def test_nothing_outlives_a_runner_that_is_killed(runner, watch_descendants):
    watched = watch_descendants(runner.pid)
    assert len(watched) >= 2
    runner.kill()
    assert watched.all_gone()


def test_the_run_goes_before_the_runner_where_the_machine_has_no_memory_left(runner):
    (launcher,) = children_of(runner.pid)
    inside = below(launcher)
    assert inside
    assert {Path(f"/proc/{process}/oom_score_adj").read_text() for process in inside} == {"1000\n"}


def below(process):
    return [each for child in children_of(process) for each in (child, *below(child))]


def test_nothing_outlives_the_launcher_when_that_is_killed(runner, watch_descendants):
    (launcher,) = children_of(runner.pid)
    watched = watch_descendants(launcher)
    os.kill(launcher, signal.SIGKILL)
    assert watched.all_gone()


def children_of(process):
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_an_interrupted_runner_ends_the_run_and_says_that_it_was_interrupted(runner, watch_descendants):
    watched = watch_descendants(runner.pid)
    runner.send_signal(signal.SIGINT)
    assert watched.all_gone()
    assert runner.wait() == 0
    assert runner.stdout.read().splitlines() == ["running", "interrupted"]


def test_stopping_all_ends_the_runs_of_other_threads(any_cell, wait_until):
    caught = []

    def work():
        try:
            any_cell.run(READY)
        except BaseException as error:
            caught.append(type(error))
        try:
            any_cell.run("")
        except BaseException as error:
            caught.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: has_answered(os.getpid()), "the run to begin")
    assert stop_all() == 1
    thread.join()
    assert caught == [KeyboardInterrupt, KeyboardInterrupt]
    assert any_cell.run("").end == "done"


def test_runs_in_several_threads_do_not_disturb_each_other(cell, make_cell, tmp_path):
    cells = [make_cell(cell.sandbox.method, tmp_path / f"cell-{number}") for number in range(4)]
    endings = {}

    def work(number):
        endings[number] = cells[number].run(f"import os; os.write(3, b'{number}'); raise SystemExit({number})").status

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endings == {number: number for number in range(4)}
    assert [cell.answer.read_text() for cell in cells] == ["0", "1", "2", "3"]


def test_no_descriptor_is_left_open(any_cell):
    before = os.listdir("/proc/self/fd")
    any_cell.run("")
    any_cell.run("raise SystemExit(1)")
    assert os.listdir("/proc/self/fd") == before


def test_a_link_where_the_answer_goes_is_not_followed(any_cell, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("untouched")
    any_cell.answer.symlink_to(precious)
    assert any_cell.run("import os; os.write(3, b'answer')").end == "done"
    assert precious.read_text() == "untouched"
    assert not any_cell.answer.is_symlink()
    assert any_cell.answer.read_text() == "answer"


def test_a_file_that_shares_its_place_with_the_answer_is_untouched(any_cell, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("untouched")
    os.link(precious, any_cell.answer)
    assert any_cell.run("import os; os.write(3, b'answer')").end == "done"
    assert precious.read_text() == "untouched"


def test_the_answer_can_be_read_by_its_owner_whatever_was_done_to_it(any_cell):
    assert any_cell.run("import os; os.write(3, b'answer'); os.fchmod(3, 0)").end == "done"
    assert any_cell.answer.stat().st_mode & 0o7777 == 0o600
