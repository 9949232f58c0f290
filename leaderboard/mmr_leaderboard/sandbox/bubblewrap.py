"""Isolation by bubblewrap: namespaces and a root that holds the view alone, with Landlock inside where there is one."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mmr_leaderboard.sandbox.inside import inside_of, whole
from mmr_leaderboard.sandbox.interpreter import interpreter
from mmr_leaderboard.sandbox.layout import DEVICES, Layout, layout
from mmr_leaderboard.sandbox.running import Hand, IsolationError, run
from mmr_leaderboard.sandbox.terms import Ended, Limits, Method, View

BASIC = (
    "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv",
    "--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox",
)  # fmt: skip
WELCOME = ("--disable-userns",)
"""Left out where it is unknown or impossible: the system-call filter refuses new user namespaces as well."""

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

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> Ended:
        """See `Sandbox.run`.

        :raises IsolationError: if bubblewrap is missing, too old, or not allowed to do its work.
        :raises DataError: if a path of the view is absent.
        """
        program = self.program
        if program is None:
            raise IsolationError("bubblewrap is not installed", where=self.method, fix="install 'bubblewrap'")
        options = _options(program)
        world = layout(whole(view))

        def enclose(starter: list[str], hand: Hand) -> list[str]:
            arguments = [*options, *arguments_of(world, limits)]
            given = hand.give(b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
            return [str(program), "--args", str(given), "--", *starter]

        inside = inside_of(world, platform.machine(), rules_needed=False)
        return run(self.method, command, inside, limits, answer, enclose)


def arguments_of(world: Layout, limits: Limits) -> list[str]:
    """What bubblewrap is told about the file system."""
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
    """The options that this bubblewrap has of those that are wanted.

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
    """Whether an option that needs more of the machine than the others is possible here."""
    nothing = [str(interpreter()), "-I", "-S", "-c", ""]
    trial = [str(program), "--unshare-user", option, "--ro-bind", "/", "/", "--", *nothing]
    return subprocess.run(trial, capture_output=True, check=False, timeout=30, env={}).returncode == 0
