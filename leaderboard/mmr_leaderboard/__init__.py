"""The leaderboard: validates submissions, runs them in isolation, scores, audits, ranks and publishes them.

It comes in through an entry point like any plugin, and mounts its commands on `mmr`. This module only describes;
nothing it names is imported until somebody calls the command.
"""

from __future__ import annotations

from collections.abc import Iterable

from mmr_core.hookspecs import hookimpl
from mmr_core.specs import CommandSpec


@hookimpl
def mmr_register_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="leaderboard",
        target="mmr_leaderboard.cli:app",
        help="Start, validate, run and publish submissions.",
    )
