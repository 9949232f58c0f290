"""Stands between the runner and a sandbox: starts it, waits for it, and leaves nothing of it behind.

A script that runs outside the sandbox, by path, with the standard library alone, one per run. It adopts whatever
its descendants leave orphaned, so it can kill and reap all of them, and count the processor time of all of them. It
ends them when their time is up, and on SIGTERM, which the kernel also sends when the runner dies, however it dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 0.05
"""How often threads and files are counted."""

library = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """One `prctl` of one argument."""
    if library.prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3) < 0:
        raise OSError(ctypes.get_errno(), "prctl")


def parent_of(process: int) -> int:
    """The parent of a process; 0 where it is gone."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(status.rpartition(")")[2].split()[1])


def children(process: int) -> list[int]:
    """The children of a process whose other threads have none."""
    listed = Path(f"/proc/{process}/task/{process}/children")
    with contextlib.suppress(OSError):
        return [int(child) for child in listed.read_text().split()]
    others = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [other for other in others if parent_of(other) == process]


def line(process: int) -> list[int]:
    """A process and all that descend from it."""
    return [process, *(each for child in children(process) for each in line(child))]


def crowd(first: int, bounds: Mapping[str, Any]) -> str:
    """What there is too much of in a sandbox; empty where there is not.

    :param bounds: "threads" that there may be in all, and "files" that there may be in "folder".
    """
    inside = line(first)
    threads, files = 0, 0
    for process in inside:
        with contextlib.suppress(OSError):  # it has just ended
            threads += os.stat(f"/proc/{process}/task").st_nlink - 2
    with contextlib.suppress(OSError):  # the sandbox is not yet made, or is gone
        folder = f"/proc/{inside[-1]}/root{bounds['folder']}"
        # until the sandbox is made, the path leads to the runner's own disk, which holds any number of files
        if os.stat(folder).st_dev != os.stat(bounds["folder"]).st_dev:
            room = os.statvfs(folder)
            files = room.f_files - room.f_ffree
    if threads > bounds["threads"]:
        return f"more than {bounds['threads']} threads"
    return f"more than {bounds['files']} files" if files > bounds["files"] else ""


def start(command: list[str], keep: list[int]) -> int:
    """Starts a command that dies with this process.

    :param keep: the descriptors that it is given besides the standard ones.
    """
    launcher = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:
            os._exit(1)
        os.setsid()  # else a signal to "my group" would reach the launcher
        Path("/proc/self/oom_score_adj").write_text("1000")  # the first to go where the machine has no memory left
        for descriptor in keep:
            os.set_inheritable(descriptor, True)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execve(command[0], command, {})
    except BaseException as error:
        os.write(2, f"{command[0]}: {error}\n".encode(errors="replace"))
    os._exit(127)


def reap(first: int) -> int | None:
    """Collects what has ended; the wait status of `first` if it is among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == first:
                found = ended[1]
    return found


def clear(first: int, status: int | None) -> int:
    """Kills and reaps until there are no children left; the wait status of `first`."""
    while True:
        for child in children(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            ended, value = os.waitpid(-1, 0)
        except ChildProcessError:
            return signal.SIGKILL if status is None else status
        if ended == first:
            status = value


def supervise(told: Mapping[str, Any]) -> dict[str, Any]:
    """Runs one sandbox to its end."""
    awaited = {signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != told["parent"]:
        os._exit(1)
    first = start(told["command"], told["keep"])
    for descriptor in told["keep"]:
        os.close(descriptor)
    until = time.monotonic() + told["seconds"]
    bounds = told["bounds"]
    late, crowded, status = False, "", None
    while status is None and not late and not crowded:
        left = max(0.0, until - time.monotonic())
        happened = signal.sigtimedwait(awaited, min(left, LOOK_SECONDS) if bounds else left)
        if happened is not None and happened.si_signo == signal.SIGTERM:
            break
        status = reap(first)
        crowded = crowd(first, bounds) if bounds and status is None else ""
        late = status is None and time.monotonic() >= until
    status = clear(first, status)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "processor": used.ru_utime + used.ru_stime,
        "crowded": crowded,
        "late": late,
    }


def main() -> None:
    """Reads its order from the descriptor given as the first argument; reports to the second."""
    told_at, report = int(sys.argv[1]), int(sys.argv[2])
    with open(told_at, encoding="utf-8") as file:
        told = json.load(file)
    kept = os.dup(report)
    ended = supervise(told)
    os.write(kept, f"ended {json.dumps(ended)}\n".encode())


if __name__ == "__main__":
    main()
