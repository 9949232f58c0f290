"""The importer of work directories of VLMEvalKit."""

from __future__ import annotations

from mmr_plugins.importers.vlmevalkit.kit_importer import VLMEvalKitImporter

__all__ = ["VLMEvalKitImporter"]
