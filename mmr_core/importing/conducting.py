"""Conducting an import from its first look to the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmr_core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from mmr_core.contracts import ImportContext
    from mmr_core.importing.contract import LogImporter
    from mmr_core.outcomes import OutcomeTable


def read_without_choices(importer: LogImporter, path: Path | None, context: ImportContext) -> OutcomeTable:
    """The outcome table of a log that leaves nothing to choose.

    :raises UsageError: without a path, or if something is to be chosen.
    """
    raise UsageError("logs are imported before they are used", fix="run 'mmr data import PATH --out STORE'")
