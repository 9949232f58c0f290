"""The outcome store: a folder of Parquet files with a manifest, to which datasets and models are only ever added."""

from __future__ import annotations

from mmr_core.store.folder import Added, OutcomeStore
from mmr_core.store.origins import Origins

__all__ = ["Added", "Origins", "OutcomeStore"]
