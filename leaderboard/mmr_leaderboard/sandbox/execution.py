"""Runs one command under limits to its end, and says how it ended: this side of every way of isolation.

This process starts `launcher`, which starts what the method wraps around `starter`, which becomes the command. They
report through one pipe. What the command prints is read through another without limit, and its tail is kept.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mmr_leaderboard.sandbox.contract import End, IsolationError, Limits, Method, ProcessEnd
from mmr_leaderboard.sandbox.filesystem import interpreter
from mmr_leaderboard.sandbox.supervision import GRACE_SECONDS, WatchedProcess, watch

HERE = Path(__file__).parent
STARTER = HERE / "starter.py"
LAUNCHER = HERE / "launcher.py"

OUT_OF_MEMORY = 91
"""The exit status by which a command says that it ran out of memory."""

THREADS = 512
"""How many threads a sandbox may have; one more ends it."""

FILES = 1 << 16
"""How many files and folders its temporary folder may hold; one more ends it."""


FIRST_DESCRIPTOR = 10
_COPIED = 1 << 20


class Descriptors(Protocol):
    """Passes data to the programs that a method puts around the starter, through inherited descriptors."""

    def give(self, data: bytes) -> int:
        """The number of a descriptor from which they read the data."""

    @property
    def kept(self) -> list[int]:
        """All descriptors that must reach the starter."""


Enclose = Callable[[list[str], Descriptors], list[str]]
"""Puts a method's own program around the command that starts the starter."""


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """How the starter confines itself and the command.

    :param folder: where the command starts; its home.
    :param rules: what Landlock allows; None leaves Landlock out.
    :param rules_needed: whether a kernel without Landlock is an error.
    :param program: the system-call filter; empty for none.
    :param processes: the limit on processes and threads of the user; None for none.
    :param bounded: whether threads, and files in `folder`, are counted.
    """

    folder: Path
    rules: Mapping[str, Sequence[str]] | None
    rules_needed: bool
    program: bytes
    processes: int | None
    bounded: bool


def environment(folder: Path) -> dict[str, str]:
    """All variables that an isolated process has."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    places = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}
    return {**places, **threads, "PYTHONHASHSEED": "0"}


def script(path: Path, *descriptors: int) -> list[str]:
    """The command that runs a script of this folder, with the descriptors of its input and report."""
    return [str(interpreter()), "-I", "-S", str(path), *map(str, descriptors)]


def run(
    method: Method,
    command: Sequence[str],
    inside: Confinement,
    limits: Limits,
    answer: Path,
    enclose: Enclose,
) -> ProcessEnd:
    """Runs a command to its end; see `Sandbox.run`.

    :raises IsolationError: if the sandbox cannot be made; `command` was not started then.
    """
    if sys.platform != "linux":
        raise IsolationError(f"submitted code runs on Linux only, and this is {sys.platform}", where=method)
    with ExitStack() as stack:
        descriptors = _KeptDescriptors(stack)
        answered = descriptors.keep(os.memfd_create("answer"))
        report_read, report_write = os.pipe()
        stack.callback(os.close, report_read)
        report = descriptors.keep(report_write)
        told = descriptors.give(_told(command, inside, limits, answered))
        wrapped = enclose(script(STARTER, told, report), descriptors)
        order = {
            "command": wrapped,
            "keep": list(descriptors.kept),
            "bounds": {"threads": THREADS, "files": FILES, "folder": str(inside.folder)} if inside.bounded else {},
            "seconds": limits.wall_seconds,
            "parent": os.getpid(),
        }
        ordered = descriptors.give(json.dumps(order).encode())
        began = time.monotonic()
        until = began + limits.wall_seconds + GRACE_SECONDS
        watched = watch(script(LAUNCHER, ordered, report), descriptors.kept, report_read, until)
        seconds = time.monotonic() - began
        size = os.fstat(answered).st_size
        _copy(answered, min(size, limits.answer_bytes), answer)
    return _judged(method, watched, limits, size, seconds)


class _KeptDescriptors:
    """Descriptors for the programs to be started, all closed on this side when the run is over."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.kept: list[int] = []

    def keep(self, descriptor: int) -> int:
        """Moves a descriptor above the standard ones."""
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR)
        os.close(descriptor)
        self._stack.callback(os.close, moved)
        self.kept.append(moved)
        return moved

    def give(self, data: bytes) -> int:
        descriptor = os.memfd_create("told")
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return self.keep(descriptor)


def _copy(descriptor: int, size: int, answer: Path) -> None:
    """Replaces whatever is at `answer` by the first bytes of an open file; follows no link."""
    answer.unlink(missing_ok=True)
    made = os.open(answer, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(made, "wb") as file:
        for at in range(0, size, _COPIED):
            file.write(os.pread(descriptor, min(_COPIED, size - at), at))


def _told(command: Sequence[str], inside: Confinement, limits: Limits, answered: int) -> bytes:
    limited = {
        "AS": limits.memory,
        "CPU": limits.cpu_seconds,
        "FSIZE": max(limits.answer_bytes, limits.scratch_bytes),
        "NOFILE": limits.open_files,
        "CORE": 1,  # 0 would still feed a core dump to a program of the host; 1 means none at all
        "MEMLOCK": 8 << 20,
        "MSGQUEUE": 0,
        "RTPRIO": 0,
        "NICE": 0,
    }
    if inside.processes is not None:
        limited |= {"NPROC": inside.processes, "SIGPENDING": inside.processes}
    told: dict[str, Any] = {
        "command": list(command),
        "variables": environment(inside.folder),
        "folder": str(inside.folder),
        "answer": answered,
        "limits": limited,
        "rules": inside.rules,
        "rules_needed": inside.rules_needed,
        "filter": inside.program.hex(),
    }
    return json.dumps(told).encode()


def _judged(method: Method, watched: WatchedProcess, limits: Limits, size: int, seconds: float) -> ProcessEnd:
    """Turns the reports into how the run ended."""
    said = watched.said.decode(errors="replace")
    lines = watched.reported.decode(errors="replace").splitlines()
    failures = [line.removeprefix("failed ") for line in lines if line.startswith("failed ")]
    ended: dict[str, Any] = next(
        (json.loads(line.removeprefix("ended ")) for line in lines if line.startswith("ended ")), {}
    )
    late = watched.late or ended.get("late", False)
    if failures or (not late and "started" not in lines):
        reason = " ".join([*failures, *said.splitlines()[-3:]]) or "it gave no reason"
        raise IsolationError(f"the sandbox could not be made: {reason}", where=method, fix=REMEDY)
    status = _status(ended.get("status", -signal.SIGKILL), method)
    end: End
    if late:
        end = "timeout"
    elif ended.get("crowded"):
        end, said = "killed", f"{said}\n{ended['crowded']}\n"
    else:
        end = _end_of(status, ended.get("processor", 0.0), limits, size)
    return ProcessEnd(end=end, status=status, said=said, seconds=seconds)


REMEDY = (
    "user namespaces have to be allowed (on Ubuntu 'sysctl kernel.apparmor_restrict_unprivileged_userns=0', "
    "in Docker '--security-opt seccomp=unconfined --security-opt apparmor=unconfined')"
)


def _status(status: int, method: Method) -> int:
    """The exit status, negative for a signal, which the outermost process reports as 128 plus its number."""
    told = method != "unsafe" and 128 < status <= 128 + signal.NSIG
    return 128 - status if told else status


def _end_of(status: int, processor: float, limits: Limits, size: int) -> End:
    if size > limits.answer_bytes:
        return "output-too-large"
    if status == 0:
        return "done"
    if status == OUT_OF_MEMORY:
        return "memory-limit"
    if status == -signal.SIGXCPU or (status == -signal.SIGKILL and processor >= limits.cpu_seconds):
        return "cpu-limit"
    if status == -signal.SIGXFSZ or size >= limits.answer_bytes:
        return "output-too-large"
    return "killed" if status < 0 else "raised"
