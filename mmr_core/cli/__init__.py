"""The command `mmr`, one file per command: parse, call, render.

Nothing here imports numpy or anything heavier before a command runs, so that `mmr --help` is fast.
"""

from __future__ import annotations

from mmr_core.cli.app import main

__all__ = ["main"]
