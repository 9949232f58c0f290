"""What the tests of isolation share: sandboxes of every kind that works here, and small programs run in them."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mmr_leaderboard.sandbox.contract import MIB, IsolationError, Limits, Method, ProcessEnd, Sandbox, View
from mmr_leaderboard.sandbox.filesystem import interpreter
from mmr_leaderboard.sandbox.selection import sandbox as choose

PATIENCE_SECONDS = 20.0

SMALL = Limits(
    memory=2048 * MIB, cpu_seconds=20, wall_seconds=60.0, answer_bytes=MIB, scratch_bytes=8 * MIB, open_files=64
)


def isolating(method: Method) -> Sandbox:
    """A sandbox, or a skipped test where it is impossible; a failed one where MMR_ISOLATION_REQUIRED is set."""
    try:
        return choose(method)
    except IsolationError as error:
        if os.environ.get("MMR_ISOLATION_REQUIRED"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A sandbox with folders of its own."""

    sandbox: Sandbox
    folder: Path
    readable: tuple[Path, ...] = ()
    limits: Limits = SMALL
    scratch: Path = field(init=False)
    answer: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        object.__setattr__(self, "scratch", self.folder / "scratch")
        object.__setattr__(self, "answer", self.folder / "answer")
        self.scratch.mkdir(exist_ok=True)

    def run(self, program: str, *told: object, limits: Limits | None = None) -> ProcessEnd:
        """Runs a Python program; `told` are its arguments."""
        command = [str(interpreter()), "-I", "-S", "-c", program, *map(str, told)]
        return self.sandbox.run(
            command, View(readable=self.readable, scratch=self.scratch), limits or self.limits, self.answer
        )


@pytest.fixture(scope="session")
def make_cell() -> Callable[..., Cell]:
    """A function from a method's name, a folder and what is readable to a cell."""

    def make(method: Method, folder: Path, readable: tuple[Path, ...] = ()) -> Cell:
        return Cell(sandbox=isolating(method), folder=folder, readable=readable)

    return make


@pytest.fixture(params=["bubblewrap", "landlock"])
def cell(request: pytest.FixtureRequest, tmp_path: Path) -> Cell:
    """An isolating sandbox of either kind."""
    return Cell(sandbox=isolating(request.param), folder=tmp_path / "cell")


@pytest.fixture(params=["bubblewrap", "landlock", "unsafe"])
def any_cell(request: pytest.FixtureRequest, tmp_path: Path) -> Cell:
    """A sandbox of any kind, the one that does not isolate included."""
    return Cell(sandbox=isolating(request.param), folder=tmp_path / "cell")


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], str], None]:
    """A function that waits for something that is sure to happen."""
    return _wait_until


def _wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain: {what}")
        time.sleep(0.01)


@dataclass(frozen=True)
class Watch:
    """Processes that are held by descriptor, so that their numbers cannot come to mean others."""

    held: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.held)

    def all_gone(self) -> bool:
        """Whether every one of them ends before patience does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        return all(
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0] for descriptor in self.held
        )


@pytest.fixture
def watch_descendants() -> Iterator[Callable[[int], Watch]]:
    """A function that takes hold of all that descends from a process; the process itself is not among them."""
    held: list[int] = []

    def take(process: int) -> Watch:
        found = [os.pidfd_open(descendant) for descendant in descendants(process)]
        held.extend(found)
        return Watch(tuple(found))

    yield take
    for descriptor in held:
        os.close(descriptor)


def descendants(process: int) -> list[int]:
    """Every process that descends from one."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                status = Path(f"/proc/{name}/stat").read_text(errors="replace")
            except OSError:
                continue
            parents[int(name)] = int(status.rpartition(")")[2].split()[1])
    found = [process]
    for above in found:
        found += [child for child, parent in parents.items() if parent == above]
    return found[1:]
