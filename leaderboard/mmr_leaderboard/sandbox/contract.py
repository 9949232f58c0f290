"""The contract of a sandbox: what an isolated run is given, how it ends, and the error of one that cannot be made."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from mmr_core.errors import MMRError


class IsolationError(MMRError):
    """A sandbox could not be made; says nothing about the command that was to run in it."""


class RunnerTrouble(MMRError):
    """The runner's machine failed; says nothing about the submission that was being judged, and is never kept."""


_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO, errno.EROFS, errno.EAGAIN
}  # fmt: skip
"""Error numbers of a machine that has no room, memory, descriptors or processes left, or whose disk fails."""


def is_runner_trouble(error: BaseException | None) -> bool:
    """Whether an exception of this process, or one that it was raised from, is about the machine and no submission."""
    while error is not None:
        if isinstance(error, RunnerTrouble | IsolationError | MemoryError | ImportError | sqlite3.OperationalError):
            return True
        if isinstance(error, OSError) and error.errno in _MACHINE:
            return True
        error = error.__cause__ or error.__context__
    return False


Method = Literal["bubblewrap", "landlock", "unsafe"]
End = Literal["done", "raised", "timeout", "cpu-limit", "memory-limit", "killed", "output-too-large"]

GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one isolated process may use.

    :param memory: bytes of address space.
    :param cpu_seconds: processor time.
    :param wall_seconds: time by the clock, after which everything the run started is killed.
    :param answer_bytes: the largest answer it may give.
    :param scratch_bytes: what fits into its temporary folder in all.
    :param open_files: file descriptors.
    """

    memory: int = 24 * GIB
    cpu_seconds: int = 3600
    wall_seconds: float = 3600.0
    answer_bytes: int = 512 * MIB
    scratch_bytes: int = 256 * MIB
    open_files: int = 1024


@dataclass(frozen=True, kw_only=True)
class View:
    """What an isolated process sees of the file system; everything else does not exist, or cannot be read.

    :param readable: files and folders that can be read, at their own paths.
    :param scratch: an existing empty folder, at whose path the process finds a temporary folder of its own.
    """

    readable: tuple[Path, ...]
    scratch: Path


@dataclass(frozen=True, kw_only=True)
class ProcessEnd:
    """How an isolated run ended.

    :param end: "done" for exit status 0, else what stopped it.
    :param status: exit status; negative for a signal.
    :param said: the last lines that it printed.
    :param seconds: by the clock.
    """

    end: End
    status: int
    said: str
    seconds: float


class Sandbox(Protocol):
    """A way of isolation."""

    @property
    def method(self) -> Method: ...

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> ProcessEnd:
        """Runs the command to its end; nothing that it started is left afterwards.

        :param command: an absolute program and its arguments.
        :param answer: a file that is made anew, of at most `limits.answer_bytes`. The process finds a file in memory
            open for writing at descriptor 3, of which this is a copy, and can write nowhere else but in its scratch
            folder: nothing that it does takes room on the runner's disk.
        :raises IsolationError: if the sandbox cannot be made.
        :raises OSError: if the answer cannot be written.
        """
