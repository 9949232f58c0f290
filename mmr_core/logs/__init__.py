"""Importing evaluation logs: the contract of importers, and all that is the same for every kit."""

from __future__ import annotations

from mmr_core.logs.log_importer import LogImporter
from mmr_core.logs.log_records import Record, Records, canonical_id, gather
from mmr_core.logs.log_source import Aggregate, Fault, LogSource, Question

__all__ = [
    "Aggregate",
    "Fault",
    "LogImporter",
    "LogSource",
    "Question",
    "Record",
    "Records",
    "canonical_id",
    "gather",
]
