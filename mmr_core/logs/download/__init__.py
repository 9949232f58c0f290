"""Brings published tables from the Hugging Face hub: a pinned commit, resumed where it stopped, every file checked.

Which tables there are, plugins say (`specs.PublishedTable`). `listing` finds one, `hub` asks what it consists of,
`plan` decides what is to be fetched, `fetching` fetches a file, `record` keeps what a folder holds, `conducting` does
all of it.
"""

from __future__ import annotations

from mmr_core.logs.download.conducting import Downloaded, download
from mmr_core.logs.download.listing import published_tables

__all__ = ["Downloaded", "download", "published_tables"]
