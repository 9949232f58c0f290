"""Memory, processor time, the clock, threads, files and what is printed: each has a limit, and each ending a name."""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path

import pytest

from mmr_leaderboard.sandbox.contract import MIB

NUMPY = tuple(
    entry
    for entry in Path(pytest.importorskip("numpy").__file__).parent.parent.iterdir()
    if entry.name.startswith("numpy") and ".dist" not in entry.name
)


def test_a_program_that_ends_well_is_done(any_cell):
    ended = any_cell.run("import os; os.write(3, b'an answer'); print('a word')")
    assert (ended.end, ended.status, ended.said) == ("done", 0, "a word\n")
    assert any_cell.answer.read_bytes() == b"an answer"
    assert ended.seconds > 0


def test_a_program_that_raises_says_why(any_cell):
    ended = any_cell.run("raise RuntimeError('it went wrong')")
    assert (ended.end, ended.status) == ("raised", 1)
    assert ended.said.endswith("RuntimeError: it went wrong\n")


def test_a_program_keeps_its_own_exit_status(any_cell):
    ended = any_cell.run("raise SystemExit(92)")
    assert (ended.end, ended.status) == ("raised", 92)


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (6, "SIGABRT")])
def test_a_program_that_is_killed_is_killed(any_cell, number, name):
    ended = any_cell.run(f"import os; os.kill(os.getpid(), {number})")
    assert (ended.end, ended.status) == ("killed", -number), name


def test_eating_memory_ends_at_the_limit(any_cell):
    program = """
held = []
try:
    while True:
        held.append(bytearray(1 << 24))
except MemoryError:
    del held
    raise SystemExit(91)
"""
    ended = any_cell.run(program, limits=replace(any_cell.limits, memory=512 * MIB))
    assert ended.end == "memory-limit"


def test_an_endless_loop_ends_at_the_limit_on_processor_time(any_cell):
    ended = any_cell.run("while True: pass", limits=replace(any_cell.limits, cpu_seconds=1))
    assert ended.end == "cpu-limit"


def test_one_that_catches_the_signal_is_ended_all_the_same(any_cell):
    program = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    ended = any_cell.run(program, limits=replace(any_cell.limits, cpu_seconds=1))
    assert (ended.end, ended.status) == ("cpu-limit", -9)


def test_the_threads_of_a_program_share_its_processor_time(cell):
    program = """
import hashlib, threading
def work():
    while True:
        hashlib.sha256(bytes(1 << 20)).digest()
for _ in range(4):
    threading.Thread(target=work).start()
"""
    ended = cell.run(program, limits=replace(cell.limits, cpu_seconds=1))
    assert ended.end == "cpu-limit"


def test_sleeping_ends_by_the_clock(any_cell):
    ended = any_cell.run("import time; time.sleep(1000)", limits=replace(any_cell.limits, wall_seconds=1.0))
    assert ended.end == "timeout"


def test_one_that_refuses_to_be_terminated_ends_by_the_clock(any_cell):
    program = """
import signal, threading, time
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
    signal.signal(number, signal.SIG_IGN)
time.sleep(1000)
"""
    assert any_cell.run(program, limits=replace(any_cell.limits, wall_seconds=1.0)).end == "timeout"


def test_a_larger_answer_than_is_allowed_is_cut_and_named(any_cell):
    ended = any_cell.run("open(3, 'wb', buffering=0).write(bytes(1 << 20)); open(3, 'wb').write(bytes(1 << 20))")
    assert ended.end == "output-too-large"
    assert any_cell.answer.stat().st_size == any_cell.limits.answer_bytes


def test_the_signal_for_too_large_files_is_named_too(any_cell):
    program = "import os, signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); os.ftruncate(3, 1 << 40)"
    assert any_cell.run(program).end == "output-too-large"


@pytest.mark.parametrize("place", ["", "/dev/shm/"])
def test_the_temporary_folder_holds_no_more_than_its_size(cell, place):
    program = f"""
import errno, os
try:
    for number in range(64):
        with open(f"{place}file-{{number}}", "wb") as file:
            file.write(bytes(1 << 20))
except OSError as error:
    assert error.errno == errno.ENOSPC, error
    os.write(3, str(number).encode())
"""
    ended = cell.run(program)
    assert (ended.end, ended.said) == ("done", "")
    assert int(cell.answer.read_text()) <= cell.limits.scratch_bytes >> 20


def test_the_temporary_folder_holds_only_so_many_files(cell, monkeypatch):
    for module in ("execution", "methods"):
        monkeypatch.setattr(f"mmr_leaderboard.sandbox.{module}.FILES", 500)
    program = """
import os, time
for number in range(1000):
    os.close(os.open(str(number), os.O_CREAT))
time.sleep(60)
"""
    ended = cell.run(program)
    assert ended.end in ("killed", "raised")
    assert "more than 500 files" in ended.said or "No space left" in ended.said


def test_files_can_be_copied_with_their_modes_and_times(cell):
    program = """
import shutil, tempfile
from pathlib import Path
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "one").write_text("as it was")
    shutil.copytree(folder, "copied")
shutil.copy2("copied/one", "two")
open(3, "w").write(Path("two").read_text())
"""
    ended = cell.run(program)
    assert (ended.end, ended.said) == ("done", "")
    assert cell.answer.read_text() == "as it was"


def test_no_more_files_can_be_open_than_allowed(any_cell):
    program = """
import errno, os
try:
    while True:
        os.dup(0)
except OSError as error:
    os.write(3, errno.errorcode[error.errno].encode())
"""
    assert any_cell.run(program).end == "done"
    assert any_cell.answer.read_text() == "EMFILE"


def test_a_fork_bomb_does_not_begin(cell):
    ended = cell.run("import os\nwhile True:\n    os.fork()")
    assert ended.end == "raised"
    assert "PermissionError" in ended.said


def test_a_thread_bomb_is_ended(cell):
    program = """
import threading
hold = threading.Event()
threading.stack_size(1 << 16)
while True:
    threading.Thread(target=hold.wait).start()
"""
    ended = cell.run(program)
    assert ended.end in ("killed", "raised")
    assert "more than 512 threads" in ended.said or "can't start new thread" in ended.said


def test_threads_work(cell):
    program = """
import os, threading
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    os.write(3, repr(sum(pool.map(abs, range(-100, 0)))).encode())
"""
    assert cell.run(program).end == "done"
    assert cell.answer.read_text() == "5050"


def test_numpy_multiplies_with_several_threads(cell, make_cell, tmp_path):
    folder = NUMPY[0].parent
    program = f"""
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "4"
sys.path.append({str(folder)!r})
import numpy as np
ones = np.ones((400, 400))
np.save(open(3, "wb"), ones @ ones)
"""
    given = make_cell(cell.sandbox.method, tmp_path / "numpy", NUMPY)
    ended = given.run(program, limits=replace(given.limits, answer_bytes=2 * MIB))
    assert (ended.end, ended.said) == ("done", "")
    import numpy as np

    assert (np.load(given.answer) == 400).all()


def test_printing_without_end_neither_blocks_nor_fills_memory(any_cell):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    program = """
import os
for _ in range(1600):
    os.write(1, b"x" * (1 << 16))
os.write(2, b"the last word")
"""
    ended = any_cell.run(program)
    assert ended.end == "done"
    assert len(ended.said) == 8 << 10
    assert ended.said.endswith("xxx" + "the last word")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


def test_nothing_dumps_core(cell):
    program = "import os, resource; os.write(3, repr(resource.getrlimit(resource.RLIMIT_CORE)).encode())"
    assert cell.run(program).end == "done"
    assert cell.answer.read_text() == "(1, 1)"
