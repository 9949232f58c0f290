"""Isolation without bubblewrap: namespaces and a root of our own making, with Landlock inside."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmr_leaderboard.sandbox.inside import inside_of, whole
from mmr_leaderboard.sandbox.layout import DEVICES, Layout, layout
from mmr_leaderboard.sandbox.running import FILES, HERE, Hand, run, script
from mmr_leaderboard.sandbox.terms import Ended, Limits, Method, View

NAMESPACES = HERE / "namespaces.py"


@dataclass(frozen=True, kw_only=True)
class Landlock:
    """Runs a command in namespaces and under Landlock, both asked of the kernel directly."""

    @property
    def method(self) -> Method:
        return "landlock"

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> Ended:
        """See `Sandbox.run`.

        :raises IsolationError: if the kernel has no Landlock, or does not allow user namespaces.
        :raises DataError: if a path of the view is absent.
        """
        world = layout(whole(view))

        def enclose(starter: list[str], hand: Hand) -> list[str]:
            told = {"command": starter, "keep": list(hand.kept), "world": described(world, limits)}
            return script(NAMESPACES, hand.give(json.dumps(told).encode()))

        inside = inside_of(world, platform.machine(), rules_needed=True)
        return run(self.method, command, inside, limits, answer, enclose)


def described(world: Layout, limits: Limits) -> dict[str, Any]:
    """What `namespaces` is told about the file system."""
    return {
        "links": [[str(path), target] for path, target in world.links],
        "mounts": [str(path) for path in world.mounts],
        "emptied": [str(path) for path in world.emptied],
        "devices": list(DEVICES),
        "scratch": str(world.scratch),
        "scratch_bytes": limits.scratch_bytes,
        "scratch_files": FILES + 1,
    }
