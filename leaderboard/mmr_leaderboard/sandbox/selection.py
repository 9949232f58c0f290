"""Chooses a way of isolation that works on this machine: each is tried once, with a program that tries to get out."""

from __future__ import annotations

import json
import socket
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from mmr_leaderboard.sandbox.contract import MIB, IsolationError, Limits, Method, Sandbox, View
from mmr_leaderboard.sandbox.filesystem import interpreter
from mmr_leaderboard.sandbox.methods import Bubblewrap, Landlock, Unsafe

PROBE = Limits(
    memory=2048 * MIB, cpu_seconds=10, wall_seconds=30.0, answer_bytes=MIB, scratch_bytes=MIB, open_files=64
)  # fmt: skip

ATTEMPTS = """
import json, os, socket, sys
witness, port, path, written = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
def connect(family, address):
    with socket.socket(family) as link:
        link.settimeout(5)
        link.connect(address)
attempts = {
    "read a file outside": lambda: open(witness).read(),
    "write a file outside": lambda: open(written, "w"),
    "connect to a network socket": lambda: connect(socket.AF_INET, ("127.0.0.1", port)),
    "connect to a local socket": lambda: connect(socket.AF_UNIX, path),
    "start a process": lambda: os.fork() or os._exit(0),
}
managed = []
for name, attempt in attempts.items():
    try:
        attempt()
    except OSError:
        continue
    managed.append(name)
with open(3, "w") as answer:
    json.dump({"managed": managed, "tried": len(attempts)}, answer)
"""


def sandbox(method: Method | None) -> Sandbox:
    """A way of isolation that works here.

    :param method: None takes bubblewrap, or Landlock where bubblewrap does not work. "unsafe" is chosen only on
        request.
    :raises IsolationError: if it does not work, or none does, with the kernel's reason for each that was tried.
    """
    if method == "unsafe":
        return Unsafe()
    obstacles: list[str] = []
    for candidate in _candidates():
        if method in (None, candidate.method):
            obstacle = _obstacle(candidate)
            if not obstacle:
                return candidate
            obstacles.append(obstacle)
    if not obstacles:
        raise IsolationError(f"unknown way of isolation {method!r}")
    raise IsolationError(
        "submitted code cannot be isolated on this machine: " + "; ".join(obstacles),
        fix="fix one of them, or run with --unsafe, where nothing counts as reproduced",
    )


def _candidates() -> tuple[Bubblewrap | Landlock, ...]:
    return (Bubblewrap(), Landlock())


@cache
def _obstacle(candidate: Bubblewrap | Landlock) -> str:
    """Why a method does not isolate here, found by running it; empty if it does."""
    try:
        managed = escapes(candidate)
    except (IsolationError, OSError) as error:
        return str(error)
    return f"{candidate.method}: what ran inside could {' and '.join(managed)}" if managed else ""


def escapes(candidate: Sandbox) -> list[str]:
    """What a program inside a sandbox can do but must not.

    :raises IsolationError: if the sandbox cannot be made, or its program does not end as it should.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        witness, scratch, answer = folder / "witness", folder / "scratch", folder / "answer"
        witness.write_text("to be seen outside only")
        scratch.mkdir()
        network = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind(str(folder / "local"))
        local.listen()
        told = [str(witness), str(network.getsockname()[1]), str(folder / "local"), str(folder / "written")]
        command = [str(interpreter()), "-I", "-S", "-c", ATTEMPTS, *told]
        ended = candidate.run(command, View(readable=(), scratch=scratch), PROBE, answer)
        if ended.end != "done":
            raise IsolationError(f"a trial run ended with {ended.end}: {ended.said[-300:]}", where=candidate.method)
        return list(json.loads(answer.read_text())["managed"])
