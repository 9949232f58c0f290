"""The command `mmr`: thin commands that parse, call and print.

Nothing here imports numpy or anything heavier before a command runs, so that `mmr --help` answers at once.
"""

from __future__ import annotations

from mmr_core.cli.app import main

__all__ = ["main"]
