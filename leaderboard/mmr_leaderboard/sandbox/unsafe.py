"""No isolation at all, for `--unsafe`: limits, a wall clock and nothing left behind, and that is everything."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmr_leaderboard.sandbox.running import Inside, run
from mmr_leaderboard.sandbox.terms import Ended, Limits, Method, View


@dataclass(frozen=True, kw_only=True)
class Unsafe:
    """Runs a command as the caller: it reads, writes and reaches whatever the caller can."""

    @property
    def method(self) -> Method:
        return "unsafe"

    def run(self, command: Sequence[str], view: View, limits: Limits, answer: Path) -> Ended:
        """See `Sandbox.run`; the view is not enforced, and what is written to the scratch folder is deleted.

        :raises IsolationError: if the command cannot be started.
        """
        inside = Inside(folder=view.scratch, rules=None, rules_needed=False, program=b"", processes=None, bounded=False)
        try:
            return run(self.method, command, inside, limits, answer, lambda starter, hand: starter)
        finally:
            _empty(view.scratch)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
