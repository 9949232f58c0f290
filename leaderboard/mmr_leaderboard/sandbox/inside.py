"""What the insides of both isolating methods have in common: the same view, rules, filter and limits."""

from __future__ import annotations

from mmr_leaderboard.sandbox.interpreter import interpreter_paths
from mmr_leaderboard.sandbox.layout import DEVICES, Layout
from mmr_leaderboard.sandbox.running import STARTER, THREADS, Inside, IsolationError
from mmr_leaderboard.sandbox.seccomp import MACHINES, assembled
from mmr_leaderboard.sandbox.terms import View

PROCESSES = 2 * THREADS


def whole(view: View) -> View:
    """A view with what the starter needs: its own file and this interpreter."""
    return View(readable=(*view.readable, *interpreter_paths(), STARTER), scratch=view.scratch)


def inside_of(world: Layout, machine: str, *, rules_needed: bool) -> Inside:
    """What the starter is told.

    :raises IsolationError: on a machine for which there is no system-call filter.
    """
    if machine not in MACHINES:
        raise IsolationError(f"there is no system-call filter for {machine}", fix=f"use one of {', '.join(MACHINES)}")
    readable = [str(path) for path in world.mounts]
    rules = {"read": readable, "devices": list(DEVICES), "change": [str(world.scratch)]}
    return Inside(
        folder=world.scratch,
        rules=rules,
        rules_needed=rules_needed,
        program=assembled(machine),
        processes=PROCESSES,
        bounded=True,
    )
