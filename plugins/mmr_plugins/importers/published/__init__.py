"""The importer of the format in which MMR-Bench is published: `MMR_Bench.csv`, or one CSV per dataset."""

from __future__ import annotations

from mmr_plugins.importers.published.published_csv import PublishedImporter

__all__ = ["PublishedImporter"]
