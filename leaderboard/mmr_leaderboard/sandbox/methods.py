"""The ways of isolation: bubblewrap, our own namespaces with Landlock, and none at all for `--unsafe`.

Both isolating methods give the command the same view, the same Landlock rules, the same system-call filter and the
same limits; they differ in who builds the file system.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mmr_leaderboard.sandbox.contract import IsolationError, Limits, Method, ProcessEnd, View
from mmr_leaderboard.sandbox.execution import FILES, HERE, STARTER, THREADS, Confinement, Descriptors, run, script
from mmr_leaderboard.sandbox.filesystem import DEVICES, Layout, interpreter, interpreter_paths, layout
from mmr_leaderboard.sandbox.seccomp import MACHINES, assembled

BASIC = (
    "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv",
    "--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox",
)  # fmt: skip
WELCOME = ("--disable-userns",)
"""Left out where unknown or impossible; the system-call filter refuses new user namespaces anyway."""

NEEDED = ("--size", "--clearenv", "--args", "--remount-ro")
OLD = "update bubblewrap to 0.7 or newer"


def _installed() -> Path | None:
    found = shutil.which("bwrap")
    return Path(found) if found else None


@dataclass(frozen=True, kw_only=True)
class Bubblewrap:
    """Runs a command in bubblewrap.

    :param program: the executable; None where there is none.
    """

    program: Path | None = field(default_factory=_installed)

    @property
    def method(self) -> Method:
        return "bubblewrap"

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> ProcessEnd:
        """See `Sandbox.run`.

        :raises IsolationError: if bubblewrap is missing, too old, or not allowed to do its work.
        :raises DataError: if a path of the view is absent.
        """
        program = self.program
        if program is None:
            raise IsolationError("bubblewrap is not installed", where=self.method, fix="install 'bubblewrap'")
        options = _options(program)
        world = layout(with_starter(view))

        def enclose(starter: list[str], descriptors: Descriptors) -> list[str]:
            arguments = [*options, *arguments_of(world, limits)]
            given = descriptors.give(b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
            return [str(program), "--args", str(given), "--", *starter]

        inside = confinement(world, platform.machine(), rules_needed=False)
        return run(self.method, command, inside, limits, answer, enclose)


def arguments_of(world: Layout, limits: Limits) -> list[str]:
    """The file system as bubblewrap's arguments."""
    arguments: list[str] = []
    for path, target in world.links:
        arguments += ["--symlink", target, str(path)]
    for path in sorted({*world.mounts, *world.emptied}):
        arguments += ["--tmpfs", str(path)] if path in world.emptied else ["--ro-bind", str(path), str(path)]
    for device in DEVICES:
        arguments += ["--dev-bind", device, device]
    for path in world.emptied:
        arguments += ["--remount-ro", str(path)]
    scratch = str(world.scratch)
    arguments += ["--size", str(limits.scratch_bytes), "--tmpfs", scratch, "--remount-ro", "/", "--chdir", scratch]
    return arguments


@cache
def _options(program: Path) -> tuple[str, ...]:
    """The wanted options that this bubblewrap has.

    :raises IsolationError: if it lacks one that is needed.
    """
    try:
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=False, timeout=30, env={})
    except (OSError, subprocess.TimeoutExpired) as error:
        raise IsolationError(f"bubblewrap does not start: {error}", where=str(program), fix=OLD) from error
    known = set((told.stdout + told.stderr).split())
    missing = [option for option in NEEDED if option not in known]
    if missing:
        said = "" if told.returncode == 0 else f": {told.stderr.strip()}"
        raise IsolationError(f"bubblewrap has no {' '.join(missing)}{said}", where=str(program), fix=OLD)
    return (*BASIC, *(option for option in WELCOME if option in known and _works(program, option)))


def _works(program: Path, option: str) -> bool:
    """Whether an option that asks more of the machine than the others works here."""
    nothing = [str(interpreter()), "-I", "-S", "-c", ""]
    trial = [str(program), "--unshare-user", option, "--ro-bind", "/", "/", "--", *nothing]
    return subprocess.run(trial, capture_output=True, check=False, timeout=30, env={}).returncode == 0


NAMESPACES = HERE / "namespaces.py"


@dataclass(frozen=True, kw_only=True)
class Landlock:
    """Runs a command in namespaces and under Landlock, both asked of the kernel directly."""

    @property
    def method(self) -> Method:
        return "landlock"

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> ProcessEnd:
        """See `Sandbox.run`.

        :raises IsolationError: if the kernel has no Landlock, or does not allow user namespaces.
        :raises DataError: if a path of the view is absent.
        """
        world = layout(with_starter(view))

        def enclose(starter: list[str], descriptors: Descriptors) -> list[str]:
            told = {"command": starter, "keep": list(descriptors.kept), "world": described(world, limits)}
            return script(NAMESPACES, descriptors.give(json.dumps(told).encode()))

        inside = confinement(world, platform.machine(), rules_needed=True)
        return run(self.method, command, inside, limits, answer, enclose)


def described(world: Layout, limits: Limits) -> dict[str, Any]:
    """The file system as the order for `namespaces`."""
    return {
        "links": [[str(path), target] for path, target in world.links],
        "mounts": [str(path) for path in world.mounts],
        "emptied": [str(path) for path in world.emptied],
        "devices": list(DEVICES),
        "scratch": str(world.scratch),
        "scratch_bytes": limits.scratch_bytes,
        "scratch_files": FILES + 1,
    }


PROCESSES = 2 * THREADS


def with_starter(view: View) -> View:
    """The view, with what the starter needs: its own file and this interpreter."""
    return View(readable=(*view.readable, *interpreter_paths(), STARTER), scratch=view.scratch)


def confinement(world: Layout, machine: str, *, rules_needed: bool) -> Confinement:
    """How the starter confines itself in this file system.

    :raises IsolationError: on a machine without a system-call filter.
    """
    if machine not in MACHINES:
        raise IsolationError(f"there is no system-call filter for {machine}", fix=f"use one of {', '.join(MACHINES)}")
    readable = [str(path) for path in world.mounts]
    rules = {"read": readable, "devices": list(DEVICES), "change": [str(world.scratch)]}
    return Confinement(
        folder=world.scratch,
        rules=rules,
        rules_needed=rules_needed,
        program=assembled(machine),
        processes=PROCESSES,
        bounded=True,
    )


@dataclass(frozen=True, kw_only=True)
class Unsafe:
    """Runs a command as the caller: it reads, writes and reaches whatever the caller can."""

    @property
    def method(self) -> Method:
        return "unsafe"

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> ProcessEnd:
        """See `Sandbox.run`; the view is not enforced, and what is written to the scratch folder is deleted.

        :raises IsolationError: if the command cannot be started.
        """
        inside = Confinement(
            folder=view.scratch, rules=None, rules_needed=False, program=b"", processes=None, bounded=False
        )
        try:
            return run(self.method, command, inside, limits, answer, lambda starter, descriptors: starter)
        finally:
            _empty(view.scratch)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
