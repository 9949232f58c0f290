"""The outcome store: a folder of Parquet files with a manifest, to which datasets and models are only ever added."""

from __future__ import annotations

from mmr_core.store.outcome_files import Origins
from mmr_core.store.outcome_store import Added, OutcomeStore

__all__ = ["Added", "Origins", "OutcomeStore"]
