"""Downloads published tables from the Hugging Face hub: a pinned commit, resumable, every file checked."""

from __future__ import annotations

from mmr_core.logs.download.table_download import Downloaded, download, published_tables

__all__ = ["Downloaded", "download", "published_tables"]
